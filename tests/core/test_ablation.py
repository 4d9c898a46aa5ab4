"""The ablation's arithmetic against closed forms, and the command on a tiny benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.ablation import BANDS, SWITCHES, Ablation, Looked
from benchbench.data.chimera import TRACES

SHARES = np.array([0.0, 0.1, 0.5, 1.0, 0.25, 0.75])


def look(seed: int, true: int = 0, *, noise: float = 0.0, **more: Any) -> Looked:
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
    return Looked(**(given | more))


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


@pytest.mark.slow
def test_the_command_on_a_tiny_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two workers give what one gives; the page, the table and the picture are there."""
    import pandas as pd
    from typer.testing import CliRunner

    from benchbench.cli import app

    place = ["--profile", "smoke", "--cache", str(tmp_path / "c")]
    names = ["--attack", "noise,fgsm", "--targets", "resnet18/rgb/complete"]
    runner = CliRunner()
    refused = runner.invoke(app, ["ablate", *place, *names, "--photographs", "1", "--results", str(tmp_path / "r")])
    assert refused.exit_code != 0 and "is not in the cache" in str(refused.exception)
    ran = runner.invoke(app, ["run", *place, *names, "--split", "in", "--results", str(tmp_path / "run"), "-q"])
    assert ran.exit_code == 0, ran.output
    for where, workers in (("r", "2"), ("s", "1")):
        results = ["--results", str(tmp_path / where), "--workers", workers, "--photographs", "1", "-q"]
        ran = runner.invoke(app, ["ablate", *place, *names, *results])
        assert ran.exit_code == 0, ran.output
    folder = tmp_path / "r" / "virtual" / "smoke"
    assert (folder / "ablation.png").stat().st_size > 10_000
    assert "Made by `bench ablate --attack" in (folder / "ablation.md").read_text()
    frame = pd.read_csv(folder / "ablation.csv")
    assert set(frame.kind) == {"psnr of the switch", "left", "followed", "fakes", "explained", "lacks"}
    same = (tmp_path / "s" / "virtual" / "smoke" / "ablation.csv").read_bytes()
    assert (folder / "ablation.csv").read_bytes() == same
    # White noise has nothing of a lens or of a demosaicing in it.
    noise = frame[(frame.kind == "fakes") & (frame.name == "noise")]
    assert noise.value.abs().max() < 0.1
