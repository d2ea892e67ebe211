"""`ciw_peer.py WORKLOAD REQUESTS`: Ciw; ten queues stand behind a node that only sends on."""

import sys

import ciw


def main(workload, requests):
    ciw.seed(1)
    arrive, serve = ciw.dists.Exponential(8.0), ciw.dists.Exponential(1.0)
    if workload == "m-m-10":
        network = ciw.create_network(
            arrival_distributions=[arrive], service_distributions=[serve], number_of_servers=[10]
        )
        last = 1
    else:
        queues = list(range(2, 12))
        route = ciw.routing.LoadBalancing if workload == "shortest-queue" else ciw.routing.Cycle
        key = "destinations" if workload == "shortest-queue" else "cycle"
        network = ciw.create_network(
            arrival_distributions=[arrive] + [None] * 10,
            service_distributions=[ciw.dists.Deterministic(0.0)] + [serve] * 10,
            number_of_servers=[float("inf")] + [1] * 10,
            routing=ciw.routing.NetworkRouting(
                routers=[route(**{key: queues})] + [ciw.routing.Leave() for _ in queues]
            ),
        )
        last = 2
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(requests, method="Finish")
    records = [one for one in simulation.get_all_records() if one.node >= last]
    print(sum(one.exit_date - one.arrival_date for one in records) / len(records))


main(sys.argv[1], int(sys.argv[2]))
