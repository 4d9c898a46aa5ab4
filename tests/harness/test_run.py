from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.base.errors import BenchError
from benchbench.contracts.protocol import Protocol
from benchbench.records.cells import CellStore

Bench = Callable[..., Any]
Facts = Callable[[Path], dict[str, Any]]


def test_a_second_run_finds_everything(bench: Bench, tmp_path: Path, cell_facts: Facts) -> None:
    assert bench().sentence == "4 computed, 0 already there, 0 skipped, 0 failed"
    before = {p: p.read_bytes() for p in (tmp_path / "a" / "r").rglob("*.json")}
    second = bench()
    assert second.sentence == "0 computed, 4 already there, 0 skipped, 0 failed" and second.exit_code == 0
    assert {p: p.read_bytes() for p in (tmp_path / "a" / "r").rglob("*.json")} == before
    assert len(cell_facts(tmp_path / "a" / "r")) == 4


@pytest.mark.slow
def test_batch_size_and_worker_count_do_not_matter(bench: Bench, tmp_path: Path, cell_facts: Facts) -> None:
    from benchbench_stega.fade import Fade
    from benchbench_stega.shift import Shift

    attacks = [Shift(), Fade()]
    bench(attacks, where="one", batch=1)
    bench(attacks, where="sixteen", batch=16)
    bench(attacks, where="two", batch=3, workers=2)
    one, sixteen, two = (cell_facts(tmp_path / where / "r") for where in ("one", "sixteen", "two"))
    assert len(one) == 8 and one == sixteen == two


def test_an_untargeted_attack_counts_as_if_crafted_for_each_wanted_class(
    bench: Bench, tmp_path: Path, cell_facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchbench_stega.fade import Fade

    bench([Fade()], where="once")
    monkeypatch.setattr(Fade, "card", replace(Fade.card, targeted=True))
    bench([Fade()], where="each")
    once, each = cell_facts(tmp_path / "once" / "r"), cell_facts(tmp_path / "each" / "r")
    assert len(once) == 4 and once == each


def test_clean_confusion_and_splits(bench: Bench, tmp_path: Path) -> None:
    bench()
    for cell in CellStore(tmp_path / "a" / "r").cells():
        clean = np.array(cell.target.clean)
        assert cell.split.classes == ((0, 1, 2) if cell.split.name == "in" else (3, 4))
        assert clean.shape == (len(cell.split.classes), cell.target.classes) and clean.sum() == cell.split.images
        counts = cell.counts
        assert counts.shape == (len(cell.split.classes), 3, cell.target.classes)
        assert counts.sum() == cell.split.images * (2 if cell.split.name == "in" else 3)
        if cell.split.name == "in":
            assert all(counts[c, c].sum() == 0 for c in range(3)), "no class is wanted for its own photographs"
        if cell.target.preprocessor == "rgb" and cell.split.name == "in":
            assert clean.trace() == clean.sum()


def test_identical_images_are_counted_apart(bench: Bench, tmp_path: Path) -> None:
    from benchbench_stega.shift import Shift

    from benchbench.metrics.rates import changed_images, psnr_mean

    bench([Shift(strength=0.0, noise=0.0)])
    for cell in CellStore(tmp_path / "a" / "r").cells():
        assert changed_images(cell) == (0, 0, 0) and sum(cell.craft.identical) > 0 and cell.craft.clipped == 0
        assert psnr_mean(cell) is None


SINS = {
    "nan": "'bad' returned NaN or infinite values on split in, batch 3.",
    "shape": "'bad' returned shape (4, 3, 7, 8) on split in, batch 3; (4, 3, 8, 8) is expected.",
    "range": "'bad' returned values in [-0.02, 0.",
    "raises": "'bad' raised ValueError: third batch on split in, batch 3.",
    "in-place": "'bad' changed its input in place on split in, batch 3; work on a copy.",
    "seeds": "'bad' used torch's global random state on split in, batch 3; draw from context.generators() instead",
    "draws": "'bad' used Python's global random state on split in, batch 3; draw from context.generators() instead",
    "type": "'bad' returned a ndarray on split in, batch 3; a Tensor is expected.",
    "dtype": "'bad' returned torch.float64 on split in, batch 3; float32 is expected.",
}


@pytest.mark.parametrize("sin", SINS)
def test_a_misbehaving_attack_is_named_and_the_others_finish(bench: Bench, tmp_path: Path, sin: str) -> None:
    from benchbench_stega.bad import Bad
    from benchbench_stega.shift import Shift

    summary = bench([Bad(sin=sin), Shift()], splits=("in",))
    assert summary.exit_code == 1
    assert summary.sentence == "2 computed, 0 already there, 0 skipped, 2 failed"
    (reason,) = summary.failures.values()
    assert reason.startswith(SINS[sin])
    log = re.search(r"  Traceback: (.*)$", reason)
    assert (log is not None) == (sin == "raises"), "a contract's own sentence says all there is to say"
    assert log is None or "ValueError: third batch" in Path(log[1]).read_text()
    assert {cell.attack.name for cell in CellStore(tmp_path / "a" / "r").cells()} == {"shift"}
    again = bench([Bad(sin="none"), Shift()], splits=("in",))
    assert again.sentence == "2 computed, 2 already there, 0 skipped, 0 failed"


@pytest.mark.slow
def test_an_attack_that_kills_its_process_is_named(bench: Bench) -> None:
    from benchbench_stega.bad import Bad
    from benchbench_stega.shift import Shift

    summary = bench([Bad(sin="dies"), Shift()], splits=("in",), workers=2, batch=1)
    assert summary.sentence == "2 computed, 0 already there, 0 skipped, 2 failed" and summary.exit_code == 1
    assert summary.failures == {"bad in": "the process of 'bad in' ended with exit code 7."}


def test_a_target_called_while_crafting_is_noticed(bench: Bench) -> None:
    from benchbench_stega.bad import Cheat

    summary = bench([Cheat()], splits=("in",))
    (reason,) = summary.failures.values()
    assert reason.startswith("'cheat' called a target 2 times on split in, batch 1; an attack with knowledge ")
    assert not summary.computed and summary.exit_code == 1


def test_a_white_box_attack_is_crafted_for_each_target(bench: Bench, tmp_path: Path) -> None:
    from benchbench_stega.bad import OpenBook

    from benchbench.metrics.rates import tsr

    summary = bench([OpenBook()])
    assert len(summary.computed) == 4 and len({cell.craft_id for cell in summary.computed}) == 4
    cells = list(CellStore(tmp_path / "a" / "r").cells())
    assert all(cell.craft.target_calls > 0 for cell in cells)
    (rate,) = (tsr(c) for c in cells if c.target.preprocessor == "rgb" and c.split.name == "in")
    assert rate is not None and rate > 0.8
    assert bench([OpenBook()]).sentence.startswith("0 computed, 4 already there")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fit_that_raises_skips_its_dependents_and_the_others_finish(bench: Bench, workers: int) -> None:
    from benchbench_stega.toys import Toy

    targets = [Toy(look="rgb", overlap="complete", fail=True), Toy(look="gray", overlap="partial")]
    summary = bench(None, targets, workers=workers)
    assert summary.sentence == "2 computed, 0 already there, 2 skipped ('centers p 3' failed), 0 failed"
    assert summary.exit_code == 1
    assert summary.failures["centers p 3"].startswith("'centers p 3' raised RuntimeError: no convergence.")


@pytest.mark.parametrize(("how", "complaint"), [("load", "cannot be loaded: no"), ("shape", "logits of shape (4, 7)")])
def test_a_target_that_breaks_its_contract_is_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, how: str, complaint: str
) -> None:
    import torch
    from benchbench_stega.toys import Toy

    original = Toy.load

    def load(self: Any, networks: Any, device: Any) -> Any:
        if self.look != "rgb":
            return original(self, networks, device)
        if how == "load":
            raise ValueError("no")
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(7))

    monkeypatch.setattr(Toy, "load", load)
    summary = bench(splits=("in",))
    assert summary.sentence == "1 computed, 0 already there, 0 skipped, 1 failed" and summary.exit_code == 1
    assert complaint in summary.failures["toy/rgb/complete"]


def test_no_unknown_models_skips_out(bench: Bench) -> None:
    from benchbench_stega.photographs import Colors

    summary = bench(source=Colors(known=5))
    assert summary.sentence == (
        "2 computed, 0 already there, 2 skipped (the data set has no unknown camera models), 0 failed"
    )
    assert summary.exit_code == 1, "0 means that all that was asked for is there"


def test_the_same_attack_twice_is_an_error(bench: Bench) -> None:
    from benchbench_stega.shift import Shift

    with pytest.raises(BenchError, match="attack 'shift' is asked for twice"):
        bench([Shift(), Shift()])
    assert len(bench([Shift(), Shift(strength=0.1)]).computed) == 8


def test_preprocessors_are_computed_once_for_all_that_share_them(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench_stega import toys

    calls = []
    forward = toys.Mean.forward
    monkeypatch.setattr(toys.Mean, "forward", lambda self, x: calls.append(1) or forward(self, x))
    targets = [toys.Toy(look=k, overlap=o) for k in ("rgb", "gray") for o in ("complete", "partial")]
    bench(None, targets, splits=("in",), batch=100)
    assert len(calls) == 2, "once for the clean photographs and once for the crafted ones, not four times each"


def test_seed_and_condition_move_the_cells(bench: Bench, tmp_path: Path) -> None:
    bench(splits=("in",))
    for number, protocol in enumerate((Protocol(seed=1), Protocol(condition="float")), start=2):
        assert len(bench(splits=("in",), protocols=[protocol]).computed) == 2
        assert len(CellStore(tmp_path / "a" / "r").paths()) == 2 * number


def test_dataset_json_describes_the_photographs(bench: Bench, tmp_path: Path) -> None:
    from benchbench.report import read_summary

    bench()
    summary = read_summary(tmp_path / "a" / "r" / "colors" / "smoke" / "dataset.json")
    assert summary is not None and summary.known == 3
    rows = [(m.camera_model, m.q, m.p, m.test) for m in summary.counts]
    assert rows[2:4] == [("blue", 3, 3, 3), ("yellow", None, 3, 3)]


def test_provenance_names_no_host_path_or_person(bench: Bench, tmp_path: Path) -> None:
    import getpass
    import socket

    bench()
    text = next(iter(CellStore(tmp_path / "a" / "r").paths())).read_text()
    assert str(tmp_path) not in text and socket.gethostname() not in text
    assert getpass.getuser() not in re.sub(r'"(kernel|train)?root"', "", text) or getpass.getuser() == "root"


def test_conditions_and_budgets_judge_the_same_photographs(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell_facts: Callable[[Path], dict[str, Any]]
) -> None:
    """Together in one run they are crafted once and give the cells that a run of each alone gives.

    Fade aims at nobody, but what a target sees of it under jpeg-target depends on the wanted class all the same.
    """
    from benchbench_stega.fade import Fade
    from benchbench_stega.shift import Shift

    from benchbench.metrics.rates import psnr_mean

    protocols = [
        Protocol(),
        *(Protocol(condition=c) for c in ("float", "jpeg-75", "jpeg-target")),
        Protocol(budget=30.0),
    ]
    crafted = []
    perturb = Shift.perturb
    monkeypatch.setattr(Shift, "perturb", lambda self, x, *more: crafted.append(len(x)) or perturb(self, x, *more))
    assert len(bench([Shift(), Fade()], protocols=protocols, where="together").computed) == 40
    once = sum(crafted)
    for protocol in protocols:
        assert len(bench([Shift(), Fade()], protocols=[protocol], where="apart").computed) == 8
    assert sum(crafted) == 6 * once
    assert cell_facts(tmp_path / "together") == cell_facts(tmp_path / "apart")
    by_class = set()
    for cell in CellStore(tmp_path / "together" / "r").cells():
        if cell.protocol["budget"] is not None:
            level = psnr_mean(cell)
            assert level == pytest.approx(30.0, abs=0.2), "8 px photographs: rounding makes steps"
        if cell.attack.name == "fade" and _told_apart(cell):
            by_class.add(cell.protocol["condition"])
    assert by_class == {"jpeg-target"}


def _told_apart(cell: Any) -> bool:
    """Say whether a photograph has two outcomes."""
    found = cell.judged.outcomes["predicted"]
    return any(len(set(found[cell.judged.photograph == i])) > 1 for i in range(cell.split.images))


def test_jpeg_of_a_camera_without_files_is_skipped_with_the_reason(bench: Bench) -> None:
    from benchbench_stega.photographs import Colors

    summary = bench(source=Colors(jpegs=False), protocols=[Protocol(), Protocol(condition="jpeg-target")])
    assert summary.sentence == (
        "4 computed, 0 already there, 4 skipped (the JPEG tables of 'red' are not known: no JPEG file of it in q), "
        "0 failed"
    )


def test_stale_cells_say_what_has_changed(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift

    from benchbench.contracts.profile import load_profile
    from benchbench.harness.options import RunOptions
    from benchbench.harness.run import plan_run

    bench(splits=("in",))

    def reasons(source: Any = None, targets: Any = None) -> set[tuple[str, str]]:
        from benchbench_stega.toys import Toy

        plan, _ = plan_run(
            [Shift()],
            targets or [Toy(look="rgb", overlap="complete")],
            ["in"],
            protocols=[Protocol()],
            profile=load_profile("smoke"),
            source=source or Colors(),
            options=RunOptions(cache=tmp_path / "a" / "c", results=tmp_path / "a" / "r"),
        )
        return {(c.state, c.reason or c.note) for c in plan.cells}

    from benchbench_stega.toys import Toy

    assert reasons() == {("present", "")}
    assert reasons(Colors(each=4)) == {("stale", "the photographs have changed")}
    recipe = "the networks of target 'toy/rgb/complete' have another recipe or seed"
    assert reasons(targets=[Toy(look="rgb", overlap="complete", steps=5)]) == {("stale", recipe)}
    monkeypatch.setattr("benchbench.harness.plan.source_digest", lambda thing: "another")
    changed = "the source of attack 'shift' and target 'toy/rgb/complete' has changed since"
    assert reasons() == {("present", changed)}
    monkeypatch.setattr(Shift, "card", dataclasses.replace(Shift.card, version=2))
    assert reasons() == {("stale", "attack 'shift' has version 2, the cell 1")}
    assert bench(splits=("in",)).sentence == "2 computed, 0 already there, 0 skipped, 0 failed"


def test_the_attacks_own_evaluator_is_asked(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench_stega.fade import Fade
    from benchbench_stega.shift import Shift

    from benchbench.metrics.rates import own_evaluator

    monkeypatch.setattr(Shift, "surrogate", lambda self, x, context: context.networks["centers"](x))
    bench([Shift(strength=1.0), Fade()], splits=("in",))
    cells = {c.attack.name: c for c in CellStore(tmp_path / "a" / "r").cells()}
    hits = {name: c.craft.surrogate_hits for name, c in cells.items()}
    assert hits["fade"] is None and hits["shift"] is not None
    assert sum(hits["shift"]) > 0.8 * 18, "three classes, three photographs, two wrong classes each"
    assert own_evaluator(cells["fade"]) is None
    assert own_evaluator(cells["shift"]) == pytest.approx(np.mean([n / 6 for n in hits["shift"]]))
    none = cells["shift"].craft.model_copy(update={"surrogate_hits": (0, 0, 0)})
    assert own_evaluator(cells["shift"].model_copy(update={"craft": none})) == 0, "fooled never is not missing"
    both = {"all": lambda x: -x, "blind": lambda x: 0 * x, "sees": lambda x: x}
    monkeypatch.setattr(
        Shift, "surrogate", lambda self, x, context: {n: f(context.networks["centers"](x)) for n, f in both.items()}
    )
    bench([Shift(strength=1.0)], splits=("in",), where="streams")
    cell = next(CellStore(tmp_path / "streams" / "r").cells())
    assert cell.craft.stream_hits == {"blind": (6, 0, 0), "sees": hits["shift"]}, "class 0 where all logits are equal"
    assert cell.craft.surrogate_hits != hits["shift"]
    assert own_evaluator(cell, "sees") == own_evaluator(cells["shift"])
    monkeypatch.setattr(Shift, "surrogate", lambda self, x, context: {"sees": context.networks["centers"](x)})
    (reason,) = bench([Shift()], splits=("in",), where="half").failures.values()
    assert reason.startswith("surrogate() of 'shift' raised ValueError: streams sees without 'all'")
    monkeypatch.setattr(Shift, "surrogate", lambda self, x, context: x.mean())
    summary = bench([Shift(), Fade()], splits=("out",))
    (reason,) = summary.failures.values()
    assert reason.startswith("surrogate() of 'shift' raised ValueError: logits of shape (); (4, 3) is expected.")
    assert len(summary.computed) == 2 and summary.exit_code == 1


@pytest.mark.parametrize("condition", ["uint8", "float"])
def test_a_target_that_writes_into_photographs_moves_no_other_cell(
    bench: Bench, tmp_path: Path, cell_facts: Facts, monkeypatch: pytest.MonkeyPatch, condition: str
) -> None:
    import torch
    from benchbench_stega.toys import Toy

    class InPlace(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.sub_(0.5).div_(0.5).mean((2, 3))

    protocols = [Protocol(condition=condition)]  # type: ignore[arg-type]
    others = [Toy(look="gray", overlap="partial"), Toy(look="gray", overlap="complete")]
    bench(None, others, where="alone", protocols=protocols)
    original = Toy.load
    monkeypatch.setattr(Toy, "load", lambda self, n, d: InPlace() if self.look == "rgb" else original(self, n, d))
    # Targets that are called as a whole come first, so that the others see what this one leaves.
    summary = bench(None, [Toy(look="rgb", overlap="complete"), *others], where="beside", protocols=protocols)
    assert summary.sentence == "4 computed, 0 already there, 0 skipped, 2 failed" and summary.exit_code == 1
    assert summary.failures["toy/rgb/complete"] == (
        "target 'toy/rgb/complete' failed: it changed its input in place; work on a copy, or use inplace=False."
    )
    assert cell_facts(tmp_path / "alone" / "r") == cell_facts(tmp_path / "beside" / "r") != {}


@pytest.mark.parametrize("condition", ["uint8", "float"])
def test_a_surrogate_that_writes_into_photographs_moves_no_other_cell(
    bench: Bench, tmp_path: Path, cell_facts: Facts, monkeypatch: pytest.MonkeyPatch, condition: str
) -> None:
    """Neither through what it is given nor through what the attack has kept of its own result."""
    import torch
    from benchbench_stega.fade import Fade
    from benchbench_stega.shift import Shift

    protocols = [Protocol(condition=condition), Protocol(condition=condition, budget=40)]  # type: ignore[arg-type]
    bench([Shift(), Fade()], where="without", protocols=protocols)
    kept: list[Any] = []
    perturb = Fade.perturb

    def keeping(self: Any, x: Any, true: Any, wanted: Any, context: Any) -> Any:
        kept[:] = [x, perturb(self, x, true, wanted, context)]
        return kept[1]

    def surrogate(self: Any, x: Any, context: Any) -> Any:
        for image in kept:
            image.zero_()
        return torch.zeros(len(x), context.known)

    monkeypatch.setattr(Fade, "perturb", keeping)
    monkeypatch.setattr(Fade, "surrogate", surrogate)
    bench([Shift(), Fade()], where="kept", protocols=protocols)
    before, after = cell_facts(tmp_path / "without" / "r"), cell_facts(tmp_path / "kept" / "r")
    for cell in after.values():
        cell["craft"]["surrogate_hits"] = None
    assert before == after and len(after) == 2 * 2 * 2 * 2
    monkeypatch.setattr(Fade, "surrogate", lambda self, x, context: torch.zeros(len(x.zero_()), context.known))
    summary = bench([Shift(), Fade()], where="given", protocols=protocols)
    assert "surrogate() of 'fade' changed its input in place; work on a copy." in " ".join(summary.failures.values())
    shift = {name: cell for name, cell in before.items() if cell["attack"]["name"] == "shift"}
    assert cell_facts(tmp_path / "given" / "r") == shift
