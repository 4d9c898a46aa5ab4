"""The Ray executor on a real cluster of several node processes, one of them killed in the middle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchbench.base.errors import BenchError
from benchbench.harness.options import RunOptions

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster(plugin: Path) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    # The head computes nothing, so that jobs travel; it misses a machine after 1.5 s instead of 15.
    watch = {"health_check_period_ms": 500, "health_check_timeout_ms": 1000, "health_check_failure_threshold": 3}
    found = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": watch}
    )
    yield found
    ray.shutdown()
    found.shutdown()


@pytest.fixture
def nodes(cluster: Any) -> Iterator[list[Any]]:
    """Two machines with a processor each; a test may kill one."""
    found = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    yield found
    for node in found:
        if node in cluster.worker_nodes:
            cluster.remove_node(node)


def settings(cluster: Any, root: Path, **more: Any) -> RunOptions:
    given = {"batch": 2, "workers": 2, "cache": root / "c", "results": root / "r", "executor": "ray"}
    return RunOptions(**(given | {"address": cluster.address} | more))


def targets(delay: float = 0.1) -> list[Any]:
    from benchbench_stega.toys import Toy

    return [Toy(look=k, overlap=o, steps=20, delay=delay) for k in ("rgb", "gray") for o in ("complete", "partial")]


def attacks(delay: float = 0.05) -> list[Any]:
    from benchbench_stega.fade import Fade
    from benchbench_stega.shift import Shift

    return [Shift(steps=10, delay=delay), Fade()]


@pytest.mark.slow
def test_a_killed_machine_changes_no_cell(
    bench: Callable[..., Any],
    cluster: Any,
    nodes: list[Any],
    tmp_path: Path,
    cell_facts: Callable[[Path], Any],
) -> None:
    from benchbench_stega.photographs import Colors

    killed: list[float] = []

    def kill() -> None:
        # In the middle: when the first network is there, the others are being trained.
        while not list((tmp_path / "ray" / "c").glob("fits/*/record.json")):
            time.sleep(0.02)
        time.sleep(0.5)
        killed.append(len(list((tmp_path / "ray" / "c").glob("fits/*/record.json"))))
        cluster.remove_node(nodes[1], allow_graceful=False)

    thread = threading.Thread(target=kill)
    thread.start()
    options = settings(cluster, tmp_path / "ray")
    summary = bench(attacks(), targets(), source=Colors(each=6), options=options)
    thread.join()
    assert summary.sentence == "16 computed, 0 already there, 0 skipped, 0 failed"
    assert killed and killed[0] < 9, "killed before the networks were finished"
    assert bench(attacks(), targets(), source=Colors(each=6), where="local", batch=2).exit_code == 0
    assert cell_facts(tmp_path / "ray" / "r") == cell_facts(tmp_path / "local" / "r")


@pytest.mark.slow
def test_a_lost_machine_is_told_in_a_line(cluster: Any, nodes: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    """Apart from any run: whether its jobs end before Ray misses the machine is a matter of seconds."""
    from benchbench.harness.executors.ray import Machines, connect

    connect(cluster.address)
    machines = Machines()
    machines.look(every=0)
    assert not caplog.records
    lost = nodes[1].node_id
    cluster.remove_node(nodes[1], allow_graceful=False)
    until = time.monotonic() + 60
    while not caplog.records and time.monotonic() < until:
        time.sleep(0.1)
        machines.look(every=0)
    machines.look(every=0)
    said = f"bench: lost a machine of the cluster (node {lost[:8]}), 2 are left; its jobs run again."
    assert [record.message for record in caplog.records] == [said]


@pytest.mark.slow
def test_machines_without_a_shared_folder_meet_in_a_store(
    bench: Callable[..., Any], cluster: Any, nodes: list[Any], tmp_path: Path, cell_facts: Callable[[Path], Any]
) -> None:
    """The driver's cache and the workers' are one path here, so it is emptied between two runs: all must come back."""
    import shutil

    from benchbench_stega.photographs import Colors

    root = tmp_path / "ray"
    options = settings(cluster, root, remote=f"file://{tmp_path}/store")
    assert bench(attacks(0), targets(0), source=Colors(each=6), options=options).exit_code == 0
    shutil.rmtree(root / "c")
    shutil.rmtree(root / "r")
    trained: list[str] = []
    summary = bench(attacks(0), targets(0), source=Colors(each=6), options=options, display=Watch(trained))
    assert summary.sentence == "16 computed, 0 already there, 0 skipped, 0 failed"
    assert trained == [], "every network came from the store"
    bench(attacks(0), targets(0), source=Colors(each=6), where="local")
    assert cell_facts(root / "r") == cell_facts(tmp_path / "local" / "r")


@pytest.mark.slow
def test_jobs_of_two_owners_never_share_a_process(cluster: Any, nodes: list[Any], tmp_path: Path) -> None:
    from benchbench.harness.executors import ray as executor
    from benchbench.harness.executors.jobs import Job
    from benchbench.harness.executors.queue import Queue

    def pid(progress: Any) -> tuple[float, int]:
        import os
        import time

        return time.monotonic(), os.getpid()  # the machines are processes here

    owners = ("a", "b", "", "a", "b", "")
    queue = Queue([Job(key=str(i), label="J", call=pid, owner=owner) for i, owner in enumerate(owners)])
    ended = list(executor.run_jobs(queue, settings(cluster, tmp_path), lambda *_: None))
    found = {outcome.key: outcome.value for outcome in sorted(ended, key=lambda outcome: outcome.key)}
    assert None not in found.values()
    last: dict[int, str] = {}
    for owner, (_, process) in sorted(zip(owners, found.values(), strict=True), key=lambda pair: pair[1]):
        assert not last.get(process), "a process ends with a stranger's job"
        last[process] = owner


def test_no_cluster_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench.harness.executors.ray import connect

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(BenchError, match=r"no Ray cluster answers at '127\.0\.0\.1:9': .*refused"):
        connect("127.0.0.1:9")


@pytest.mark.slow
def test_what_the_cluster_cannot_do_is_one_sentence(
    bench: Callable[..., Any], cluster: Any, nodes: list[Any], tmp_path: Path
) -> None:
    with pytest.raises(BenchError, match=r"no machine of the Ray cluster has 9 CPU and 1 GPU for a job"):
        bench(options=settings(cluster, tmp_path, cpus=9, gpus=1))
    from benchbench_stega.bad import Bad
    from benchbench_stega.shift import Shift

    summary = bench([Bad(sin="raises"), Shift()], splits=("in",), options=settings(cluster, tmp_path))
    assert summary.sentence == "2 computed, 0 already there, 0 skipped, 2 failed"
    assert "'bad' raised ValueError: third batch" in summary.failures["bad in"]


class Watch:
    """A display that notes which networks were trained."""

    def __init__(self, trained: list[str]) -> None:
        self.trained = trained

    def start(self, seconds: Any) -> None:
        self.seconds = seconds

    def update(self, stage: str, done: float, total: float, text: str) -> None:
        if stage == "networks" and text != "ready":
            self.trained.append(text)

    def close(self) -> None:
        pass
