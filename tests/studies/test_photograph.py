"""One photograph in and out: tiles without seams, files as the wanted camera writes them, and what targets say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from real_folders import jpeg, picture

from benchbench.base.errors import BenchError
from benchbench.base.jpeg import CameraFile, JpegCoding, exif_text, jpeg_header
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Setup
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import Target, TargetCard
from benchbench.data.virtual.recipe import VirtualRecipe, labels
from benchbench.records.cache import Cache
from benchbench.studies.anonymize import Forger, anonymize, forger
from benchbench.studies.exif import rewritten
from benchbench.studies.identify import identify
from benchbench.studies.tiles import in_tiles, starts, weights

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Blur(Attack):
    """A mean over 31 x 31 px: sees as far as a generator does. Its evaluator goes by brightness."""

    card: ClassVar[AttackCard] = AttackCard(name="blur", title="Blur", version=1, knowledge="none")

    def perturb(self, x: torch.Tensor, true: Any, wanted: torch.Tensor, context: CraftContext) -> torch.Tensor:
        padded = torch.nn.functional.pad(x, (15, 15, 15, 15), mode="reflect")
        return torch.nn.functional.avg_pool2d(padded, 31, 1).clamp(0, 1)

    def surrogate(self, x: torch.Tensor, context: CraftContext) -> torch.Tensor:
        level = x.mean((1, 2, 3))
        return torch.stack([20 * level, 20 * (1 - level)], 1)


@dataclass(frozen=True, kw_only=True)
class Peek(Blur):
    card: ClassVar[AttackCard] = AttackCard(name="peek", title="Peek", version=1, knowledge="white-box")


def noise(height: int, width: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("length", [16, 512, 528, 896, 4032, 4048])
def test_weights_of_tiles_add_up_to_one_at_every_pixel(length: int) -> None:
    total = np.zeros(length)
    for start, weight in zip(starts(length), weights(length), strict=True):
        assert start % 16 == 0 and start + len(weight) <= length
        total[start : start + len(weight)] += weight
    assert np.allclose(total, 1)


@pytest.mark.parametrize(("height", "width"), [pytest.param(600, 1100, marks=pytest.mark.slow), (513, 700), (64, 530)])
def test_tiles_do_not_show(height: int, width: int) -> None:
    """What sees less far than a margin makes of tiles what it makes of the whole, to the rounding, edges included."""
    pixels, attack = noise(height, width), Blur()
    context = CraftContext(device=CPU, known=2)
    wanted = torch.tensor([0])
    made = in_tiles(pixels, lambda x, k: attack.perturb(x, None, wanted, context), CPU)
    padded = np.pad(pixels, ((0, -height % 16), (0, -width % 16), (0, 0)), mode="symmetric")
    whole = torch.from_numpy(padded.transpose(2, 0, 1)[None].copy()).float() / 255
    expected = attack.perturb(whole, None, wanted, context)[0].permute(1, 2, 0).mul(255).round().byte().numpy()
    assert np.abs(made.astype(int) - expected[:height, :width]).max() <= 1


def camera() -> CameraFile:
    luma, chroma = tuple(range(3, 67)), tuple(range(5, 69))
    return CameraFile(JpegCoding(((2, 1), (1, 1), (1, 1)), (luma, chroma, chroma)), "Acme", "One")


def a_forger(attack: Attack, file: CameraFile | None = None) -> Forger:
    return Forger(attack, CraftContext(device=CPU, known=2), 1, "Acme_One", 64, file)


def phone(path: Path) -> Path:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112], exif[0x0132] = "Apple", "iPhone 6", 6, "2020:01:01 12:00:00"
    exif.get_ifd(0x8769)[0xA431] = "SERIAL123"
    exif.get_ifd(0x8825)[1] = "N"
    picture(1, (720, 540)).save(path, "JPEG", quality=92, exif=exif)
    return path


def test_the_file_is_as_the_wanted_camera_writes_it(tmp_path: Path) -> None:
    source, output = phone(tmp_path / "in.jpg"), tmp_path / "out" / "out.jpg"
    made = anonymize(source, output, a_forger(Blur(), camera()))
    header = jpeg_header(output.read_bytes())
    assert header is not None and header.coding == camera().coding and (header.width, header.height) == (720, 540)
    assert exif_text(header.exif, 0x010F, 0x0110, 0x0112, 0x0132) == ("Acme", "One", "6", "2020:01:01 12:00:00")
    assert b"SERIAL123" not in output.read_bytes() and b"iPhone" not in output.read_bytes()
    before, after = np.asarray(Image.open(source)).astype(float), np.asarray(Image.open(output)).astype(float)
    assert made.psnr == pytest.approx(10 * np.log10(255**2 / ((before - after) ** 2).mean()), abs=1e-6)
    assert made.mean == pytest.approx(np.abs(before - after).mean()) and 0 < made.share <= 1
    assert made.after is not None and made.after.crops > 4
    assert any("quantization tables and color sampling of Acme_One" in s for s in made.said)


@pytest.mark.parametrize("mode", ["keep", "strip", "consistent"])
def test_exif_is_kept_stripped_or_made_to_fit(tmp_path: Path, mode: Any) -> None:
    header = jpeg_header(phone(tmp_path / "in.jpg").read_bytes())
    assert header is not None
    written = rewritten(header.exif, mode, None)
    make, model, orientation, serial = exif_text(written.content, 0x010F, 0x0110, 0x0112, 0xA431)
    assert orientation == "6", "without it the photograph would lie on its side"
    assert (make, model, serial) == (("Apple", "iPhone 6", "SERIAL123") if mode == "keep" else ("", "", ""))


def test_nothing_changed_is_infinite_and_png_adds_nothing(tmp_path: Path) -> None:
    from benchbench_attacks.controls import Identity

    made = anonymize(phone(tmp_path / "in.jpg"), tmp_path / "out.png", a_forger(Identity()))
    assert made.psnr == float("inf") and made.share == 0 and made.before is None
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), np.asarray(Image.open(tmp_path / "in.jpg")))


def test_what_cannot_be_done_is_a_sentence(tmp_path: Path) -> None:
    setup = Setup(profile=load_profile("smoke"), data_id="d", known=2, classes=3)

    def load(attack: Attack, wanted: str) -> Forger:
        return forger(
            attack, setup, ("Acme_One", "Acme_Two", "Far_X"), wanted, 64, Cache(tmp_path), CPU, None, lambda c: None
        )

    assert load(Blur(), "acme_two").wanted == 1
    with pytest.raises(BenchError, match="--as 'Far_X' is none of the models that it knows: Acme_One, Acme_Two"):
        load(Blur(), "Far_X")
    with pytest.raises(BenchError, match="'peek' needs the target itself"):
        load(Peek(), "Acme_One")
    photo = phone(tmp_path / "in.jpg")
    with pytest.raises(BenchError, match="is the photograph itself"):
        anonymize(photo, photo, a_forger(Blur()))
    with pytest.raises(BenchError, match=r"neither \.jpg nor \.png"):
        anonymize(photo, tmp_path / "x.gif", a_forger(Blur()))


@dataclass(frozen=True, kw_only=True)
class ByColor(Target):
    """Says the class whose color channel is brightest."""

    overlap: Any = "partial"
    broken: bool = False

    @property
    def card(self) -> TargetCard:
        return TargetCard(
            name=f"color/{self.overlap}{self.broken}", backbone="-", preprocessor="-", overlap=self.overlap
        )

    def fits(self, setup: Setup) -> dict[str, Any]:
        return {}

    def load(self, networks: Any, device: torch.device) -> torch.nn.Module:
        count = {"partial": 3, "complete": 2}[self.overlap] + self.broken

        class Module(torch.nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return 50 * x.mean((2, 3))[:, [0, 1, 2, 0][:count]]

        return Module()


def test_targets_say_what_they_know_and_who_could_not_be_asked(tmp_path: Path) -> None:
    setup = Setup(profile=load_profile("smoke"), data_id="d", known=2, classes=3)
    jpeg(tmp_path / "x.jpg", 1, "Apple", "iPhone 6")
    pixels = np.zeros((100, 120, 3), np.uint8)
    pixels[..., 2], pixels[..., 1] = 200, 100
    Image.fromarray(pixels).save(tmp_path / "blue.png")
    targets = [ByColor(), ByColor(overlap="complete"), ByColor(broken=True)]
    found = identify(tmp_path / "blue.png", targets, setup, 64, Cache(tmp_path), CPU, None)
    assert found.votes == (0, 1, 1) and found.know == (2, 2, 1)
    assert found.mean[2] > 0.99 and [name for name, _ in found.without] == ["color/partialTrue"]
    assert identify(tmp_path / "x.jpg", targets[:1], setup, 64, Cache(tmp_path), CPU, None).exif == "Apple iPhone 6"


def test_the_commands(tmp_path: Path, bench_here: Any) -> None:
    name, folder = labels(VirtualRecipe())[2].name, tmp_path / "in"
    folder.mkdir()
    photo = phone(folder / "a.jpg")
    (folder / "b.jpg").write_bytes(b"\xff\xd8 not a photograph")
    where = ["--profile", "smoke", "--cache", str(tmp_path / "c"), "--no-zoo"]

    def change(source: Path, attack: str, output: Path) -> Any:
        return bench_here("anonymize", str(source), "--attack", attack, "--as", name, "-o", str(output), *where)

    done = change(photo, "noise", tmp_path / "a.jpg")
    assert done.returncode == 0, done.stderr
    assert f"as {name})" in done.stdout and "no evaluator of its own" in done.stdout and "PSNR" in done.stdout
    assert f"quantization tables and color sampling of {name}" in done.stdout
    done = change(folder, "noise", tmp_path / "o")
    assert done.returncode == 1 and "1 of 2 photographs are left out" in done.stdout
    assert [p.name for p in (tmp_path / "o").iterdir()] == ["a.jpg"]
    done = change(photo, "cama", tmp_path / "x.jpg")
    assert done.returncode == 2 and "has not been trained on these photographs" in done.stderr
    done = bench_here("identify", str(photo), "--targets", "resnet18/rgb/complete", *where)
    assert done.returncode == 2 and "none of 1 targets can be asked" in done.stderr


SCRIPT = """
import sys
from benchbench.cli import main
photo, name, output, cache = sys.argv[1:]
sys.argv = ["bench", "anonymize", photo, "--attack", "noise", "--as", name, "-o", output]
sys.argv += ["--profile", "smoke", "--cache", cache, "--no-zoo"]
main()
"""


PEAK = """
import atexit, pathlib, sys
def write(place=pathlib.Path(sys.argv[1]).with_name("peak")):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    place.write_text(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
atexit.register(write)
"""
"""Of this process alone: what getrusage says counts its parent and every child before it."""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="Linux says what a process took at most")
def test_a_photograph_of_twelve_megapixels_needs_less_than_two_gigabytes(tmp_path: Path) -> None:
    Image.fromarray(np.tile(noise(300, 400), (10, 10, 1))).save(tmp_path / "in.jpg", quality=90)
    name = labels(VirtualRecipe())[0].name
    paths = [str(tmp_path / "in.jpg"), name, str(tmp_path / "o.jpg"), str(tmp_path / "c")]
    subprocess.run([sys.executable, "-c", PEAK + SCRIPT, *paths], check=True, capture_output=True)
    peak = 1024 * int((tmp_path / "peak").read_text())
    assert 1e8 < peak < 2e9, f"{peak / 1e9:.2f} GB"
