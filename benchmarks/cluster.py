"""A run on a Ray cluster of several node processes, one of them killed in the middle, against a run on this machine.

Prints what happened and whether the cells are the same:  python benchmarks/cluster.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchbench.store import CellStore

ATTACKS = "cama,pgd,noise,identity"
TARGETS = "resnet18/*/complete"


def bench(root: Path, *more: str) -> list[str]:
    """Run `bench run` with the smoke profile in a folder of its own; return its own lines, without Ray's log."""
    command = [sys.executable, "-m", "benchbench.cli", "run", "--attack", ATTACKS, "--targets", TARGETS]
    command += ["--profile", "smoke", "--cache", str(root / "cache"), "--results", str(root / "results"), "--no-report"]
    done = subprocess.run([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("bench:") or " computed, " in line]
    return [*lines, f"exit code {done.returncode}"]


def facts(results: Path) -> dict[str, object]:
    """Return all cells without what may differ between runs: provenance and the digest that covers it."""
    found = {}
    for path in CellStore(results).paths():
        record = json.loads(path.read_text())
        del record["provenance"], record["content"]
        found[path.name] = record
    return found


def main() -> None:
    """Start a cluster, run, kill, compare."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        nodes = [cluster.add_node(num_cpus=1) for _ in range(3)]
        say("a Ray cluster: a head without processors and three nodes with one each")

        def kill() -> None:
            while len(list(root.glob("ray/cache/fits/*/record.json"))) < 3:
                time.sleep(0.05)
            done = len(list(root.glob("ray/cache/fits/*/record.json")))
            cluster.remove_node(nodes[0], allow_graceful=False)
            say(f"one node killed, {done} networks are there")

        thread = threading.Thread(target=kill)
        thread.start()
        say(f"bench run --attack {ATTACKS} --targets '{TARGETS}' --profile smoke --executor ray --address HOST:PORT")
        for line in bench(root / "ray", "--executor", "ray", "--address", cluster.address):
            say(f"  {line}")
        thread.join()
        cluster.shutdown()
        say(f"bench run --attack {ATTACKS} --targets '{TARGETS}' --profile smoke")
        for line in bench(root / "local"):
            say(f"  {line}")
        ours, theirs = facts(root / "ray" / "results"), facts(root / "local" / "results")
        say(f"{len(ours)} and {len(theirs)} cells, provenance aside {'the same' if ours == theirs else 'DIFFERENT'}")
        sys.exit(ours != theirs or not ours)


if __name__ == "__main__":
    main()
