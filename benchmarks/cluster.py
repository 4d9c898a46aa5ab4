"""A run on a Ray cluster of several node processes, one of them killed in the middle, against a run on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchbench.records.cells import CellStore

from .clock import say
from .report import Options, Report

ATTACKS = "cama,pgd,noise,identity"
TARGETS = "resnet18/*/complete"
NODES = 3


def bench(root: Path, attacks: str, targets: str, *more: str) -> list[str]:
    """Run `bench run` with the smoke profile in a folder of its own; return its own lines, without Ray's log."""
    command = [sys.executable, "-m", "benchbench", "run", "--attack", attacks, "--targets", targets]
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


def measure(options: Options) -> Report:
    """Start a cluster, run on it, kill a node in the middle, and compare with a run on this machine.

    Raises:
        RuntimeError: the cells differ, or there are none.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    began = time.monotonic()
    report = Report("cluster")

    def tell(text: str) -> None:
        line = f"{time.monotonic() - began:6.1f} s  {text}"
        report.log.append(line)
        say(line)

    attacks, targets = ("noise", "resnet18/hp/*") if options.quick else (ATTACKS, TARGETS)
    command = f"bench run --attack {attacks} --targets '{targets}' --profile smoke"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        nodes = [cluster.add_node(num_cpus=1) for _ in range(NODES)]
        tell(f"a Ray cluster: a head without processors and {NODES} nodes with one each")

        def networks() -> int:
            return len(list(root.glob("ray/cache/fits/*/record.json")))

        def kill() -> None:
            while networks() < (1 if options.quick else 3):
                time.sleep(0.05)
            cluster.remove_node(nodes[0], allow_graceful=False)
            tell(f"one node killed, {networks()} networks are there")

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        tell(f"{command} --executor ray --address HOST:PORT")
        for line in bench(root / "ray", attacks, targets, "--executor", "ray", "--address", cluster.address):
            tell(f"  {line}")
        killer.join(timeout=5)
        cluster.shutdown()
        tell(command)
        for line in bench(root / "local", attacks, targets):
            tell(f"  {line}")
        ours, theirs = facts(root / "ray" / "results"), facts(root / "local" / "results")
        if not ours or ours != theirs:
            raise RuntimeError(f"{len(ours)} and {len(theirs)} cells, and they differ: {report.log}")
        tell(f"{len(ours)} and {len(theirs)} cells, the same but for their provenance")
    report.notes.append("Node processes of one machine; the lines of a run stand at the time of its end.")
    return report
