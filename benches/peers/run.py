#!/usr/bin/env python3
"""How fast others simulate the same queues, beside rollcast, in one run: `benches/peers/run.py`.

Every program simulates Poisson arrivals and exponential services at a load of 0.8, alone, in one thread. It is run with
N and with 3 N requests; the difference of the processor times is what 2 N requests take, without the start of the
program. The best of three counts. Peers are installed below target/peers; one that cannot be is skipped with a word.

What rollcast does beside the queueing: a balancer of nginx's, time-outs, histogram, timeline, gauges, users.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLACE = ROOT / "target" / "peers"
WORKLOADS = ["m-m-10", "round-robin", "shortest-queue"]
RUNS = 3
FLEETS = {
    "m-m-10": ("{ size: 1, slots: 10 }", "round-robin"),
    "round-robin": ("{ size: 10, slots: 1 }", "weighted-round-robin"),
    "shortest-queue": ("{ size: 10, slots: 1 }", "least-connections"),
}


def processor_time(command):
    """Seconds of processor time of `command`, and the last line that it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = done.stdout.strip().splitlines() or [""]
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, lines[-1]


class Command:
    """A program that is told the workload and the requests, and prints the mean response."""

    def __init__(self, name, few, *command):
        self.name, self.few, self.command = name, few, [str(part) for part in command]

    def measure(self, workload, requests):
        seconds, mean = processor_time([*self.command, workload, str(requests)])
        return seconds, float(mean)


class Rollcast:
    """The program of this repository, on a scenario that is the workload."""

    name, few = "rollcast", 4_000_000

    def __init__(self, folder):
        self.folder = Path(folder)
        self.program = ROOT / "target" / "release" / "rollcast"

    def measure(self, workload, requests):
        # A thousand times as fast as the others' clocks, so that a run of millions fits into a day.
        seconds = requests // 8000
        fleet, balancer = FLEETS[workload]
        scenario = self.folder / f"{workload}-{requests}.yaml"
        scenario.write_text(
            f"name: {workload}\nhorizon: {seconds}s\nwarm-up: 0s\n"
            f"traffic: {{ open: {{ stages: [ {{ rate: 8000/s, for: {seconds}s }} ] }} }}\n"
            f"network: {{ delay: 0s }}\nproxies: {{ balancer: {{ {balancer}: {{}} }} }}\nfleet: {fleet}\n"
            "versions: { v1: { service: { exponential: { mean: 1ms } } } }\n"
        )
        out = self.folder / "out"
        command = [self.program, "compare", scenario, "--output", out, "--replications", "1"]
        taken, _ = processor_time([str(part) for part in command])
        return taken, self.mean(out)

    @staticmethod
    def mean(out):
        """In service times, which are a millisecond."""
        report = json.loads(next(out.rglob("report.json")).read_text())
        return report["strategies"][0]["metrics"]["latency_ms_mean"]["mean"]


def step(what, command):
    """Runs a step of the installation; answers whether it worked."""
    try:
        subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, cwd=ROOT)
    except (OSError, subprocess.CalledProcessError) as problem:
        said = (getattr(problem, "stderr", None) or str(problem)).strip().splitlines()
        print(f"skipped: {what}: {said[-1] if said else 'it failed'}", file=sys.stderr)
        return False
    return True


def peers():
    """Whoever can be installed here."""
    cargo = ["cargo", "build", "--release", "--manifest-path", HERE / "rust" / "Cargo.toml"]
    if shutil.which("cargo") and step("simcore", [*cargo, "--target-dir", PLACE / "rust"]):
        program = PLACE / "rust" / "release" / "peers"
        yield Command("a plain loop", 4_000_000, program, "plain")
        yield Command("simcore", 2_000_000, program, "simcore")
    python = PLACE / "python" / "bin" / "python"
    if step("a Python environment", [sys.executable, "-m", "venv", PLACE / "python"]) and step(
        "SimPy and Ciw", [python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"]
    ):
        yield Command("SimPy", 50_000, python, HERE / "simpy_peer.py")
        yield Command("Ciw", 15_000, python, HERE / "ciw_peer.py")


def rate(program, workload):
    """Requests per second of processor time, and the mean response in service times."""
    best, mean = float("inf"), None
    for _ in range(RUNS):
        few, _ = program.measure(workload, program.few)
        many, mean = program.measure(workload, 3 * program.few)
        best = min(best, max(many - few, 1e-9))
    return 2 * program.few / best, mean


def main():
    os.chdir(ROOT)
    PLACE.mkdir(parents=True, exist_ok=True)
    if not step("rollcast", ["cargo", "build", "--release"]):
        sys.exit(1)
    with tempfile.TemporaryDirectory() as folder:
        others = list(peers())
        for workload in WORKLOADS:
            print(f"\n{workload:16} {'requests/s':>12} {'rollcast is':>12} {'mean response, service times':>30}")
            ours, mean = rate(Rollcast(folder), workload)
            print(f"{'rollcast':16} {ours:12,.0f} {'':>12} {mean:30.3f}")
            for peer in others:
                theirs, mean = rate(peer, workload)
                print(f"{peer.name:16} {theirs:12,.0f} {ours / theirs:10.1f} × {mean:30.3f}", flush=True)


main()
