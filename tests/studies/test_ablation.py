"""The ablation's arithmetic against closed forms, and the command on a tiny benchmark."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from benchbench.base.errors import BenchError
from benchbench.contracts.attack import ATTACKS, Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Setup, silent
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import Target, TargetCard
from benchbench.data.chimera import TRACES, Chimeras, chimeras_of
from benchbench.data.source import RecipeSource
from benchbench.data.virtual.recipe import VirtualRecipe
from benchbench.evaluate.networks import to_tensor
from benchbench.harness.options import RunOptions
from benchbench.studies.ablation import BANDS, SWITCHES, Look, Reading, jobs
from benchbench.studies.traces import Ablation

SHARES = np.array([0.0, 0.1, 0.5, 1.0, 0.25, 0.75])


def look(seed: int, true: int = 0, *, noise: float = 0.0, **more: Any) -> Reading:
    """A photograph whose attack changes it by known shares of the six traces' changes."""
    rng = np.random.default_rng(seed)
    traces = rng.standard_normal((len(BANDS), len(TRACES), 300)) + rng.standard_normal((len(BANDS), 1, 300))
    change = np.einsum("bix,i->bx", traces, SHARES) + noise * rng.standard_normal((len(BANDS), 300))
    given: dict[str, Any] = {
        "true": true,
        "clean": {"t": true},
        "switched": {"t": np.full((2, len(SWITCHES)), true)},
        "error": np.full((2, len(SWITCHES)), 300.0),
        "attacked": {("a", "t"): np.zeros(2, np.int64)},
        "supplied": {},
        "normal": np.einsum("bix,bjx->bij", traces, traces),
        "projected": {"a": np.einsum("bix,bx->bi", traces, change)},
        "power": {"a": np.einsum("bx,bx->b", change, change)},
        "values": 300,
    }
    return Reading(**(given | more))


def test_known_shares_are_found_though_traces_overlap() -> None:
    ablation = Ablation([look(k) for k in range(5)], ["a"], ["t"])
    for band in BANDS:
        found = ablation.fakes("a", band)
        assert np.allclose([found[t].value for t in TRACES], SHARES)
        assert ablation.explained("a", band) == pytest.approx(1.0)
    noisy = Ablation([look(k, noise=2.0) for k in range(12)], ["a"], ["t"])
    found = noisy.fakes("a", "low")
    assert all(e.low < share < e.high and e.high - e.low < 0.6 for e, share in zip(found.values(), SHARES, strict=True))
    # The traces' change is as strong as its shares say; the rest is noise of power 4 a value.
    assert 0.3 < noisy.explained("a", "low") < 0.7


def test_the_psnr_of_a_switch_is_that_of_its_mean_squared_difference() -> None:
    found = Ablation([look(0), look(1)], [], []).psnr()
    assert found["JPEG"] == pytest.approx(10 * np.log10(255**2))


def test_left_and_followed_count_photographs_that_were_named_correctly() -> None:
    """Three models; of the true model 1, the others are 0 and 2."""
    k = list(SWITCHES).index("JPEG")
    said = np.ones((2, len(SWITCHES)), np.int64)
    said[:, k] = (0, 0)  # follows the first, leaves for a third model in the second
    moved = look(0, 1, switched={"t": said}, clean={"t": 1})
    stayed = look(1, 1, switched={"t": np.ones((2, len(SWITCHES)), np.int64)}, clean={"t": 1})
    wrong = look(2, 1, switched={"t": said}, clean={"t": 0})
    ablation = Ablation([moved, stayed, wrong], [], ["t"])
    left, followed = ablation.used("t", "left")["JPEG"], ablation.used("t", "followed")["JPEG"]
    assert left is not None and followed is not None
    assert left.value == pytest.approx(0.5) and followed.value == pytest.approx(0.25)
    assert ablation.used("t", "left")["optics"].value == 0  # type: ignore[union-attr]


def test_lacking_is_the_success_that_a_trace_adds() -> None:
    wanted = np.array([1, 2])  # of true model 0
    supplied = np.zeros((2, len(TRACES)), np.int64)
    supplied[:, 2] = wanted
    supplied[0, 4] = wanted[0]
    looked = [look(k, attacked={("a", "t"): np.array([1, 0])}, supplied={("a", "t"): supplied}) for k in range(3)]
    ablation = Ablation(looked, ["a"], ["t"])
    assert ablation.success("a", "t") == 0.5
    gains = ablation.lacks("a", ["t"])
    assert gains is not None
    assert [round(e.value, 6) for e in gains.values() if e] == [-0.5, -0.5, 0.5, -0.5, 0.0, -0.5]
    assert Ablation([look(0)], ["a"], ["t"]).lacks("a", ["t"]) is None


@dataclass(frozen=True, kw_only=True)
class Switch(Attack):
    """Hands over the photograph with one trace of the wanted model: what it fakes and how it does are known."""

    card: ClassVar[AttackCard] = AttackCard(name="switch", title="Switch", version=1, knowledge="none")
    trace: str
    cache: str

    def perturb(self, x: torch.Tensor, true: Any, wanted: torch.Tensor, context: CraftContext) -> torch.Tensor:
        chimeras = Chimeras(TINY)
        index = STATE["index"]
        return torch.cat([to_tensor(chimeras.take(index, int(b), (self.trace,))[None], x.device) for b in wanted])


@dataclass(frozen=True, kw_only=True)
class Bright(Target):
    """Names the class by mean brightness, in tenths: it moves with the tone curve."""

    card: ClassVar[TargetCard] = TargetCard(name="bright", backbone="none", preprocessor="none", overlap="complete")

    def fits(self, setup: Setup) -> dict[str, Any]:
        return {}

    def load(self, networks: Any, device: torch.device) -> torch.nn.Module:
        class Network(torch.nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                place = (x.mean((1, 2, 3)) * 60 % 6)[:, None]
                return -(place - torch.arange(6) - 0.5).abs()

        return Network()


TINY = VirtualRecipe(size=32, scenes=3, q_per_device=1, p_per_device=1, test_per_class=1)
STATE = {"index": 0}


def test_an_attack_that_switches_a_trace_fakes_that_trace_alone(tmp_path: Path) -> None:
    source = RecipeSource.of(TINY)
    options = RunOptions(workers=1, cache=tmp_path)
    source.build(tmp_path, 1, lambda *_: None, test_alone=True)
    setup = source.facts(tmp_path).setup(load_profile("smoke"), 0)
    for trace in ("sharpening and denoising", "color and tone"):
        attack = Switch(trace=trace, cache=str(tmp_path))
        looked = []
        for job in list(jobs([attack], [Bright()], 1, setup, source, options, supply=True))[:2]:
            STATE["index"] = int(job.key)
            looked.append(job.call(silent))
            assert Reading.from_json(json.loads(json.dumps(looked[-1].to_json()))).to_json() == looked[-1].to_json()
        ablation = Ablation(looked, ["switch"], ["bright"])
        for band in BANDS:
            found = [ablation.fakes("switch", band)[name].value for name in TRACES]
            assert np.allclose(found, [float(name == trace) for name in TRACES], atol=1e-6), (trace, band, found)
            assert ablation.explained("switch", band) == pytest.approx(1)
        k = list(SWITCHES).index(trace)
        for one in looked:
            said, supplied = one.attacked["switch", "bright"], one.supplied["switch", "bright"]
            assert np.array_equal(said, one.switched["bright"][:, k]), "the same photographs"
            # Whatever it is given, this attack hands over the same: nothing that is supplied helps.
            assert (supplied == said[:, None]).all()


def test_a_photograph_is_not_looked_at_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = RecipeSource.of(TINY)
    options = RunOptions(workers=1, cache=tmp_path)
    setup = source.facts(tmp_path).setup(load_profile("smoke"), 0)
    asked: list[int] = []
    monkeypatch.setattr(Look, "read", lambda self, progress: asked.append(self.index) or look(self.index))
    work = list(jobs([], [Bright()], 1, setup, source, options, supply=False))
    first = [job.call(silent).to_json() for job in work]
    assert [job.call(silent).to_json() for job in work] == first and len(asked) == len(work)
    damaged = next((tmp_path / "ablation").glob("*.json"))
    damaged.write_text(damaged.read_text()[:50])
    assert [job.call(silent).to_json() for job in work] == first and len(asked) == len(work) + 1


def test_two_attacks_of_one_name_and_untrained_networks_are_refused(tmp_path: Path) -> None:
    source = RecipeSource.of(TINY)
    setup = source.facts(tmp_path).setup(load_profile("smoke"), 0)
    case: Any = (1, setup, source, RunOptions(workers=1, cache=tmp_path))
    two = [Switch(trace=trace, cache=str(tmp_path)) for trace in ("JPEG", "sensor")]
    with pytest.raises(BenchError, match="attack 'switch' is asked for 2 times"):
        list(jobs(two, [Bright()], *case, supply=False))
    with pytest.raises(BenchError, match=r"'.*' has not been trained yet; bench run"):
        list(jobs(ATTACKS.resolve("cama"), [Bright()], *case, supply=False))
    neutral = RecipeSource.of(TINY.model_copy(update={"neutral": True}))
    with pytest.raises(BenchError, match="virtual-neutral are all alike"):
        chimeras_of(neutral)


@pytest.mark.slow
def test_the_command_on_a_tiny_benchmark(tiny: str, tmp_path: Path) -> None:
    """Two workers give what one gives; the page, the table and the picture are there."""
    import pandas as pd
    from typer.testing import CliRunner

    from benchbench.cli import app

    place = ["--profile", tiny, "--cache", str(tmp_path / "c")]
    names = ["--attack", "noise,fgsm", "--targets", "resnet18/rgb/complete"]
    runner = CliRunner()
    refused = runner.invoke(app, ["ablate", *place, *names, "--photographs", "1", "--results", str(tmp_path / "r")])
    assert refused.exit_code != 0 and "has not been trained yet" in str(refused.exception)
    run = ["run", *place, *names, "--split", "in", "--results", str(tmp_path / "run"), "--workers", "2", "-q"]
    ran = runner.invoke(app, run)
    assert ran.exit_code == 0, ran.output
    for where, workers in (("r", "2"), ("s", "1")):
        results = ["--results", str(tmp_path / where), "--workers", workers, "--photographs", "1", "-q"]
        ran = runner.invoke(app, ["ablate", *place, *names, *results])
        assert ran.exit_code == 0, ran.output
        kept = sorted((tmp_path / "c" / "ablation").glob("*.json"))
        assert len(kept) == 6
        for path in kept[:2]:
            path.unlink()  # to be looked at again, by one worker
    folder = tmp_path / "r" / "virtual" / "tiny"
    assert (folder / "ablation.png").stat().st_size > 10_000
    assert "Made by `bench ablate --attack" in (folder / "ablation.md").read_text()
    frame = pd.read_csv(folder / "ablation.csv")
    assert set(frame.kind) == {"psnr of the switch", "left", "followed", "fakes", "explained", "lacks"}
    same = (tmp_path / "s" / "virtual" / "tiny" / "ablation.csv").read_bytes()
    assert (folder / "ablation.csv").read_bytes() == same
    # White noise has nothing of a lens or of a demosaicing in it.
    noise = frame[(frame.kind == "fakes") & (frame.name == "noise")]
    assert noise.value.abs().max() < 0.1
