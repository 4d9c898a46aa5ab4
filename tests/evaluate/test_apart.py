"""An attack in a process of its own does what it does in this one, and its code stays out of the judge's."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import types
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from benchbench.base import reach
from benchbench.contracts.fit import Setup
from benchbench.contracts.profile import load_profile
from benchbench.evaluate.apart import _folded, _unfolded
from benchbench.evaluate.sealed import Sealed
from benchbench.harness.options import RunOptions


@pytest.mark.slow
def test_cells_are_the_same_as_without_it(
    plugin: Path, bench: Any, tmp_path: Path, cell_facts: Callable[..., Any]
) -> None:
    """A white-box attack with its target, one with an evaluator, one that aims at nobody."""
    from benchbench_stega.bad import OpenBook
    from benchbench_stega.fade import Fade
    from benchbench_stega.shift import Asked, Shift

    attacks = [OpenBook(), Asked(), Fade(), Shift()]
    bench(attacks, workers=1)
    place = tmp_path / "b"
    options = RunOptions(workers=1, apart=True, batch=4, cache=place / "c", results=place / "r")
    assert bench(attacks, options=options).sentence == "16 computed, 0 already there, 0 skipped, 0 failed"
    here, apart = cell_facts(tmp_path / "a" / "r"), cell_facts(place / "r")
    assert here == apart
    assert {f["attack"]["name"] for f in here.values() if f["craft"]["target_calls"]} == {"open-book"}
    assert {f["attack"]["name"] for f in here.values() if f["craft"]["surrogate_hits"] is not None} == {"asked"}


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 2, 3, 1), (0, 1, 3, 2), (3, 0, 2, 1)])
def test_photographs_keep_their_layout_on_the_way(axes: tuple[int, ...]) -> None:
    values = torch.rand([(2, 3, 5, 7)[axis] for axis in axes]).permute([axes.index(axis) for axis in range(4)])
    folded, order = _folded(values)
    arrived = _unfolded(torch.from_numpy(pickle.loads(pickle.dumps(folded))), order)
    assert torch.equal(arrived, values) and arrived.stride() == values.stride() and folded.flags.c_contiguous


def test_a_sealed_attack_travels_without_its_code(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench_stega import fade

    module = types.ModuleType("somebodys_attack")
    monkeypatch.setitem(sys.modules, "somebodys_attack", module)
    exec(Path(fade.__file__).read_text(), module.__dict__)
    setup = Setup(profile=load_profile("smoke"), data_id="d", known=3, classes=5, seed=0, camera_models=tuple("abcde"))
    packed = pickle.dumps(Sealed(module.Fade(), setup))
    monkeypatch.delitem(sys.modules, "somebodys_attack")
    sealed = pickle.loads(packed)
    assert sealed.name == "fade" and sealed.card.control and not sealed.evaluates
    assert pickle.loads(pickle.dumps(sealed)).key == sealed.key
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(sealed.payload)


def test_what_is_not_granted_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_granted", None)
    reach.check("anything")
    reach.limit(["mine"])
    reach.check("a network", "mine")
    for fit_id in ("theirs", ""):
        with pytest.raises(reach.OutOfReachError, match=r"^a network is out of reach while an attack crafts; what "):
            reach.check("a network", fit_id)


def open_sockets(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            found.add(str(link.readlink()) if int(link.name) > 2 else "")
    return {link for link in found if link.startswith("socket:")}


def processes_of_two_attacks(progress: object) -> dict[str, Any]:
    import resource

    from benchbench.evaluate import apart

    assert apart._mold is not None and apart._mold.alive
    found: dict[str, Any] = {"children": [], "imported": [], "limits": [], "sockets": [], "held by both": []}
    mold = apart._mold._process
    assert mold is not None
    first: apart.Apart | None = None  # it is kept, or the process would end with its pipe
    for key in ("a", "b"):
        made = apart.Apart(key)
        pid = made._process.pid or 0
        assert made._pipe.poll(60), "it is ready"
        found["children"].append(pid in [child.pid for child in psutil.Process(mold.pid).children()])
        # What the memory of this program holds, which for a copy is that of its original.
        found["imported"].append("libtorch" in Path(f"/proc/{pid}/maps").read_text())
        found["limits"].append(resource.prlimit(pid, resource.RLIMIT_DATA)[0])
        found["sockets"].append(len(open_sockets(pid)))
        both = open_sockets(pid) & (open_sockets(os.getpid()) | open_sockets(mold.pid or 0))
        found["held by both"] += both
        if first is None:
            first = made
        else:
            found["held by both"] += open_sockets(pid) & open_sockets(first._process.pid or 0)
            made.close()
            found["ended"] = made._process.exitcode
    found["limit"] = resource.getrlimit(resource.RLIMIT_DATA)[0]
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is copied")
@pytest.mark.slow
def test_each_attack_gets_a_copy_of_a_process_that_has_done_nothing(plugin: Path) -> None:
    from benchbench.harness.executors import local
    from benchbench.harness.executors.jobs import Job
    from benchbench.harness.executors.queue import Queue

    queue = Queue([Job(key="a", label="A", call=partial(processes_of_two_attacks))])
    (done,) = local.run_jobs(queue, workers=1, on_progress=lambda *_: None, apart=True, memory=2**33)
    found = done.value
    assert done.error is None, done.detail
    assert found["children"] == [True, True] and found["imported"] == [True, True] and found["ended"] == -signal.SIGKILL
    assert found["limits"] == [found["limit"]] * 2 and 2**33 <= found["limit"] < 2**35
    assert found["sockets"] == [1, 1], "its own pipe alone"
    assert not found["held by both"], "pipes of its worker, of the mold and of another attack"


def test_what_both_import_is_imported_before_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench.evaluate import apart

    seen = []
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    monkeypatch.setattr(apart, "Mold", lambda *_: seen.append("wave" in sys.modules))
    monkeypatch.setattr(apart, "_mold", None)
    apart.keep_mold(["wave", "no_such_module_anywhere"])
    assert seen == [True]


def test_a_worker_imports_no_module_that_a_strangers_fit_names(plugin: Path) -> None:
    from benchbench_stega.toys import Centers

    from benchbench.contracts.profile import load_profile
    from benchbench.contracts.target import TARGETS
    from benchbench.harness.plan import Plan

    class Sly(Centers):
        imports = ("somebodys_attack",)

    setup = Setup(profile=load_profile("smoke"), data_id="d", known=3, classes=5, seed=0, camera_models=tuple("abcde"))
    sly = Sly(role="q", classes=3)
    assert Plan(setup=setup, cells=(), fits={"a": sly}).imports == ()
    ours = TARGETS.create("resnet18/rgb/complete").fits(setup)
    assert Plan(setup=setup, cells=(), fits={"a": sly, **ours}).imports == ("timm.models",)
