"""Strangers who end, hang, fill or change the process: they are named, and everybody else's numbers are as ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import resource_tracker
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch

from benchbench.base.errors import BenchError
from benchbench.base.processes import worker_context
from benchbench.harness.executors import local
from benchbench.harness.executors.jobs import Job
from benchbench.harness.executors.queue import Queue
from benchbench.harness.fits import FitCall
from benchbench.harness.options import RunOptions
from benchbench.records.cache import Cache
from benchbench.records.cells import CellStore
from benchbench.records.garbage import find

Bench = Callable[..., Any]


@pytest.fixture
def apart(bench: Bench, tmp_path: Path) -> Bench:
    """A run as the command line makes it: jobs in a process of their own, with limits."""

    def call(attacks: list[Any], targets: list[Any] | None = None, *, where: str = "a", **more: Any) -> Any:
        limits = {"timeout": more.pop("timeout", None), "memory": more.pop("memory", None)}
        place = tmp_path / where
        options = RunOptions(workers=1, batch=4, apart=True, cache=place / "c", results=place / "r", **limits)
        return bench(attacks, targets, ("in",), options=options, **more)

    return call


def predicted(root: Path) -> dict[str, Any]:
    return {f"{c.attack.name} {c.target.name}": c.outcomes for c in CellStore(root).cells()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sin", "limits", "reason"),
    [
        ("exit", {}, "'hostile in' called sys.exit(0)."),
        ("dies", {}, "the process of 'hostile in' ended with exit code 9."),
        ("loops", {"timeout": 6.0}, "'hostile in' made no progress for 6 seconds; see --timeout."),
        ("babbles", {}, "the process of 'hostile in' gave no proper answer"),
        ("eats", {"memory": 10**9}, "'hostile' raised "),
    ],
)
def test_an_attack_that_does_not_come_back_is_named(apart: Bench, sin: str, limits: Any, reason: str) -> None:
    from benchbench_stega.fade import Fade
    from benchbench_stega.hostile import Hostile

    summary = apart([Hostile(sin=sin), Fade()], **limits)
    assert summary.sentence == "2 computed, 0 already there, 0 skipped, 2 failed" and summary.exit_code == 1
    assert [str(why).startswith(reason) for why in summary.failures.values()] == [True], summary.failures


@pytest.mark.slow
def test_an_attack_that_replaces_its_judge_replaces_it_in_a_process_of_its_own(apart: Bench, tmp_path: Path) -> None:
    from benchbench_stega.fade import Fade
    from benchbench_stega.hostile import Hostile
    from benchbench_stega.shift import Shift

    apart([Hostile(sin="patches"), Fade(), Shift()])
    apart([Hostile(sin=""), Fade(), Shift()], where="alone")
    assert len(predicted(tmp_path / "a" / "r")) == 6
    assert predicted(tmp_path / "a" / "r") == predicted(tmp_path / "alone" / "r")


@pytest.mark.slow
def test_an_attack_finds_neither_targets_nor_photographs_nor_labels(apart: Bench, tmp_path: Path) -> None:
    from benchbench_stega.hostile import Hostile

    (tmp_path / "a").mkdir()
    assert "0 failed" in apart([Hostile(sin="looks", marker=str(tmp_path / "a" / "seen"))]).sentence
    places, true, others = json.loads((tmp_path / "a" / "seen").read_text())
    out = dict.fromkeys(("a target", "records", "clean", "zoo", "photographs"), "OutOfReachError")
    assert places == {"its own": "there"} | out
    assert true == "None" and set(others) == {"device", "known", "seeds", "cache", "retake"}


@pytest.mark.slow
@pytest.mark.parametrize(("sin", "limits"), [("dies", {}), ("loops", {"timeout": 6.0}), ("exit", {})])
def test_a_target_that_does_not_come_back_is_named_and_the_others_are_judged(
    apart: Bench, tmp_path: Path, sin: str, limits: Any
) -> None:
    from benchbench_stega.fade import Fade
    from benchbench_stega.hostile import Wrecker
    from benchbench_stega.toys import Toy

    toys = [Toy(look="rgb", overlap="complete"), Toy(look="gray", overlap="partial")]
    summary = apart([Fade()], [Wrecker(sin=sin), *toys], **limits)
    assert summary.sentence == "2 computed, 0 already there, 0 skipped, 1 failed", summary.failures
    assert f"target 'wrecker/{sin}'" in "".join(summary.failures.values())
    apart([Fade()], toys, where="alone")
    assert predicted(tmp_path / "a" / "r") == predicted(tmp_path / "alone" / "r")


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_job_done_again_once(apart: Bench, tmp_path: Path) -> None:
    from benchbench_stega.hostile import Hostile

    summary = apart([Hostile(sin="killed-once", marker=str(tmp_path / "marker"))])
    assert (tmp_path / "marker").exists() and summary.sentence.startswith("2 computed") and summary.exit_code == 0


@pytest.mark.slow
def test_an_idle_worker_that_is_killed_is_replaced(tmp_path: Path, plugin: Path) -> None:
    import operator
    from functools import partial

    queue, killed = Queue([Job(key="a", label="A", call=partial(operator.truth))]), []
    found: dict[str, Any] = {}
    for outcome in local.run_jobs(queue, workers=1, on_progress=lambda *_: None, apart=True):
        found[outcome.key] = outcome.error
        if outcome.key == "a":
            tracker = resource_tracker._resource_tracker._pid  # type: ignore[attr-defined]
            for child in Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split():
                if int(child) != tracker:
                    os.kill(int(child), signal.SIGKILL)
                    killed.append(child)
            time.sleep(0.3)
            queue.add([Job(key="b", label="B", call=partial(operator.truth))])
    assert killed and found == {"a": None, "b": None}


@pytest.mark.parametrize("ends", ["returns", "hangs", "dies", "nested"])
def test_what_a_job_has_started_ends_with_its_worker(plugin: Path, tmp_path: Path, ends: str) -> None:
    from benchbench_stega.hostile import leave

    def call(progress: Any) -> None:
        if ends == "nested":
            process = worker_context().Process(target=leave, args=(str(tmp_path),))
            process.start()
            process.join()
        else:
            leave(str(tmp_path))
        if ends == "hangs":
            time.sleep(600)
        if ends == "dies":
            os._exit(9)

    queue = Queue([Job(key="a", label="A", call=call)])
    limit = 3.0 if ends == "hangs" else None
    list(local.run_jobs(queue, workers=1, on_progress=lambda *_: None, apart=True, timeout=limit))
    left = int((tmp_path / "pid").read_text())

    def there() -> bool:
        try:
            return psutil.Process(left).status() != "zombie"
        except psutil.NoSuchProcess:
            return False

    until = time.monotonic() + 10
    while there() and time.monotonic() < until:
        time.sleep(0.05)
    assert not there()


def test_a_run_that_is_closed_ends_in_seconds_whatever_a_worker_does(plugin: Path) -> None:
    from functools import partial

    def stubborn(progress: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        progress(1, 2, "")
        time.sleep(600)

    told: list[float] = []

    def interrupted(*_: object) -> None:
        told.append(time.monotonic())  # a worker's start is not counted
        raise KeyboardInterrupt

    queue = Queue([Job(key="a", label="A", call=partial(stubborn))])
    with pytest.raises(KeyboardInterrupt):
        for _ in local.run_jobs(queue, workers=1, on_progress=interrupted, apart=True):
            pass
    assert time.monotonic() - told[0] < 20, "2 seconds to end and 2 to be killed, and what a busy machine adds"


def test_what_a_stranger_sets_does_not_reach_the_next(bench: Bench, tmp_path: Path) -> None:
    """In one process, where nothing but the harness stands between them."""
    import torch
    from benchbench_stega.hostile import Hostile, Wrecker
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Toy

    toy = Toy(look="rgb", overlap="complete")
    bench([Hostile(sin="dtype"), Hostile(sin="edits"), Shift()], [Wrecker(sin="dtype"), toy], ("in",))
    assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()
    bench([Shift()], [toy], ("in",), where="alone")
    alone = predicted(tmp_path / "alone" / "r")
    assert {k: v for k, v in predicted(tmp_path / "a" / "r").items() if k in alone} == alone


def test_settings_of_pictures_do_not_outlive_a_call(tmp_path: Path) -> None:
    import matplotlib

    from benchbench.evaluate.global_state import as_it_was

    before = dict.copy(matplotlib.rcParams)
    with as_it_was():
        matplotlib.rcParams["font.size"] = 77.0
    assert dict.copy(matplotlib.rcParams) == before
    (tmp_path / "first.py").write_text(
        "import sys\n"
        "from benchbench.evaluate.global_state import as_it_was\n"
        "assert 'matplotlib' not in sys.modules\n"
        "with as_it_was():\n"
        "    import matplotlib\n"
        "    matplotlib.rcParams['font.size'] = 77.0\n"
        "print(matplotlib.rcParams['font.size'] == matplotlib.rcParamsOrig['font.size'])\n"
    )
    done = subprocess.run([sys.executable, str(tmp_path / "first.py")], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.slow
def test_attacks_of_two_packages_never_share_a_process(plugin: Path) -> None:
    def pid(progress: Any) -> int:
        return os.getpid()

    jobs = [Job(key=str(i), label="J", call=pid, owner=owner) for i, owner in enumerate(("a", "b", "a", "b"))]
    found = {o.key: o.value for o in local.run_jobs(Queue(jobs), workers=1, on_progress=lambda *_: None, apart=True)}
    assert not {found["0"], found["2"]} & {found["1"], found["3"]}


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_what_the_cache_holds_is_compared_with_its_digest_and_made_anew(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench()
    root, first = tmp_path / "a" / "c", predicted(tmp_path / "a" / "r")
    for path in root.glob("fits/*/*.safetensors"):
        spoil(path)
    for path in root.glob("clean/*.json"):
        path.write_text(path.read_text().replace("3", "2"))
    for path in CellStore(tmp_path / "a" / "r").paths():
        path.unlink()
    assert bench().sentence.startswith("4 computed")
    assert predicted(tmp_path / "a" / "r") == first
    assert "is not what was written; it was moved to" in caplog.text and list(root.glob("broken/*"))
    clean = [json.loads(p.read_bytes())["confusion"] for p in sorted(root.glob("clean/*.json"))]
    assert [c.target.clean for c in CellStore(tmp_path / "a" / "r").cells()] and clean


def test_edited_confusion_matrices_count_as_absent(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.save_clean("k", "t", {"confusion": [[3, 0], [1, 2]]})
    assert cache.clean("k") == {"confusion": [[3, 0], [1, 2]]}
    path = tmp_path / "clean" / "k.json"
    for text in (path.read_text().replace("3", "4"), "{}", "[1]", '{"confusion": [[3]]}', ""):
        path.write_text(text)
        assert cache.clean("k") is None


@pytest.mark.parametrize("content", [b"abc", b""])
def test_a_broken_checkpoint_is_set_aside(
    bench: Bench, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    from benchbench_stega.toys import Toy

    bench()
    root = tmp_path / "a" / "c"
    for record in list(root.glob("fits/*/record.json")):
        if "centers p" in record.read_text():
            for file in record.parent.iterdir():
                file.unlink()
            record.parent.rmdir()
            place = root / "work" / record.parent.name
            place.mkdir(parents=True)
            (place / "checkpoint.pt").write_bytes(content)
    for path in CellStore(tmp_path / "a" / "r").paths():
        path.unlink()
    summary = bench(None, [Toy(look="rgb", overlap="complete"), Toy(look="gray", overlap="partial")])
    assert summary.sentence.startswith("4 computed") and "the checkpoint of 'centers p" in caplog.text


@pytest.mark.parametrize("error", [MemoryError("full"), OSError(28, "No space left"), BenchError("not there")])
def test_a_good_checkpoint_stays_where_something_else_fails(tmp_path: Path, error: Exception) -> None:
    cache = Cache(tmp_path / "c")
    checkpoint = cache.checkpoint("id")
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"hours of work")

    def fails(context: Any) -> Any:
        raise error

    fit = SimpleNamespace(label="net", run=fails, needs=dict)
    setup, source = SimpleNamespace(data_id="data"), SimpleNamespace(open=lambda place: None)
    call = FitCall(fit, setup, source, tmp_path / "c", "cpu")  # type: ignore[arg-type]
    with pytest.raises(type(error)):
        call._computed(cache, "id", torch.device("cpu"), lambda *_: None)
    assert checkpoint.read_bytes() == b"hours of work"


def test_gc_leaves_what_a_run_of_the_moment_needs(tmp_path: Path) -> None:
    cache, store = Cache(tmp_path / "c"), CellStore(tmp_path / "r")
    for name in ("needed", "loose"):
        (cache.folder(name)).mkdir(parents=True)
        (cache.folder(name) / "record.json").write_text("{}")
        (tmp_path / "c" / "data" / name).mkdir(parents=True)
    with cache.lease() as need:
        assert find(cache, store, everything=True) == [], "a run that has not said yet needs all"
        need(["needed"])
        assert {item.path.name for item in find(cache, store, everything=True)} == {"loose"}
    assert {item.path.name for item in find(cache, store, everything=True)} == {"loose", "needed"}


def test_a_run_holds_its_lease_while_it_computes(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench_stega.shift import Shift

    seen: list[Any] = []
    whole = Shift.perturb

    def looking(self: Any, *arguments: Any) -> Any:
        cache = Cache(tmp_path / "a" / "c")
        kept = {p.name for p in cache.root.glob("fits/*")}
        seen.append(kept & {item.path.name for item in find(cache, CellStore(tmp_path / "a" / "r"), everything=True)})
        return whole(self, *arguments)

    monkeypatch.setattr(Shift, "perturb", looking)
    bench()
    means = {p.name for p in (tmp_path / "a" / "c" / "fits").glob("*")}
    assert seen and all(found < means for found in seen)
    assert not list((tmp_path / "a" / "c" / "runs").glob("*.json"))


def test_cells_of_other_pixels_are_stale_and_stand_beside_the_new(bench: Bench, tmp_path: Path) -> None:
    from benchbench_stega.fade import Fade
    from benchbench_stega.photographs import Album
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Toy

    from benchbench.report.groups import groups

    bench(None, [Toy(look="rgb", overlap="complete")])
    with pytest.MonkeyPatch.context() as other:
        other.setattr(Album, "fingerprint", lambda self, role: "another library's")
        summary = bench()
        assert summary.sentence == "4 computed, 0 already there, 0 skipped, 0 failed"
        assert bench().sentence.startswith("0 computed, 4 already there")
    store = CellStore(tmp_path / "a" / "r")
    assert len({c.split.fingerprint for c in store.cells()}) == 1 and len(store.paths()) == 4
    assert len(groups(store.cells())) == 1
    assert "4 computed" in bench([Shift(), Fade()], [Toy(look="rgb", overlap="complete")]).sentence
    assert {len(g.cells) for g in groups(store.cells())} == {2, 4}, "other photographs, another table"
    assert all(g.apart for g in groups(store.cells()))


def test_attacks_and_data_sets_are_named_as_files_can_be(bench: Bench) -> None:
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift

    with pytest.MonkeyPatch.context() as other:
        other.setattr(Shift, "name", property(lambda self: "../../x"))
        with pytest.raises(BenchError, match=r"^attack '\.\./\.\./x' cannot be used: its name holds '/'\.$"):
            bench()
    with pytest.MonkeyPatch.context() as other:
        whole = Colors.facts
        other.setattr(Colors, "facts", lambda self, cache: replace(whole(self, cache), name="a\nb"))
        with pytest.raises(BenchError, match=r"^data set 'a\\nb' cannot be used: its name holds a control char"):
            bench()


def test_a_fact_that_no_record_holds_is_an_error_of_that_attack(bench: Bench) -> None:
    from benchbench_stega.fade import Fade
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Centers

    with pytest.MonkeyPatch.context() as other:
        whole = Centers.load
        other.setattr(Centers, "load", lambda self, *a: float("inf") if self.role == "q" else whole(self, *a))
        other.setattr(Shift, "perturb", lambda self, x, *a: x.clone())
        summary = bench([Shift(), Fade()], splits=("in",))
    assert summary.sentence == "2 computed, 0 already there, 0 skipped, 2 failed"
    assert next(iter(summary.failures.values())).startswith("'centers' of 'shift' is inf; a finite number is expected.")
