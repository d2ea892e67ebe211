"""`simpy_peer.py WORKLOAD REQUESTS`: SimPy, with a process for each request."""

import random
import sys

import simpy


def main(workload, requests):
    stations, slots, shortest = {
        "m-m-10": (1, 10, False),
        "round-robin": (10, 1, False),
        "shortest-queue": (10, 1, True),
    }[workload]
    luck = random.Random(1)
    environment = simpy.Environment()
    resources = [simpy.Resource(environment, slots) for _ in range(stations)]
    total = 0.0

    def request(resource):
        nonlocal total
        sent = environment.now
        with resource.request() as turn:
            yield turn
            yield environment.timeout(luck.expovariate(1.0))
        total += environment.now - sent

    def source():
        for number in range(requests):
            if shortest:
                resource = min(resources, key=lambda one: one.count + len(one.queue))
            else:
                resource = resources[number % stations]
            environment.process(request(resource))
            yield environment.timeout(luck.expovariate(8.0))

    environment.process(source())
    environment.run()
    print(total / requests)


main(sys.argv[1], int(sys.argv[2]))
