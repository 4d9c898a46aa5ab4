"""Scenes: whose they are, how they are counted, and whether they look like the world in numbers."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from benchbench.base.seeds import stream
from benchbench.contracts.roles import ROLES
from benchbench.data.virtual import recipe as virtual
from benchbench.data.virtual.recipe import VirtualRecipe
from benchbench.data.virtual.scenery import KINDS, built, draw
from benchbench.data.virtual.scenery.sketch import BOX, ELLIPSE, LEAF, front, shapes
from benchbench.data.virtual.scenes import PACKAGED, PHOTOGRAPH, SceneSpec, photograph, plan_scenes, render_scene
from benchbench.studies.scenes import PHOTOGRAPHS, contact_sheet, examples, measure, spectral_slope

GOLDEN = Path(__file__).parents[1] / "golden" / "scenes.npz"
COUNTS = {"q": 400, "p": 400, "test": 240}


@pytest.fixture(scope="module")
def scenes():
    return examples(4)


@pytest.fixture(scope="module")
def measured(scenes):
    return {kind: [measure(scene) for scene in row] for kind, row in scenes.items()}


def mean(row, name):
    return float(np.mean([getattr(one, name) for one in row]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [64, 192])
def test_a_scene_is_the_same_each_time_and_another_by_another_number(kind, size):
    one, again, other = (draw(kind, size, stream(0, "scene", kind, k)) for k in (0, 0, 1))
    assert one.shape == (size, size, 3) and one.dtype == np.float32
    assert np.isfinite(one).all() and one.min() >= 0 and one.std() > 0
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_every_kind_is_drawn_as_it_was():
    """Small pictures of every kind are stored: `python tests/data/test_scenes.py` draws them anew.

    Where one moves, RENDERING in data/virtual/recipe.py has to move too.
    """
    stored = np.load(GOLDEN)
    assert set(stored) == set(KINDS)
    for kind, picture in thumbnails().items():
        difference = np.abs(picture.astype(np.float32) - stored[kind].astype(np.float32))
        assert difference.max() < 0.02, kind


@pytest.mark.parametrize("raqm", [True, False])
def test_letters_do_not_hang_on_a_library_of_the_system(monkeypatch, raqm):
    """Pillow lays text out in another way where the system has libfribidi, unless it is told which."""
    monkeypatch.setattr(ImageFont.core, "HAVE_RAQM", raqm, raising=False)
    monkeypatch.setattr(built, "_font", built._font.__wrapped__)
    assert np.abs(thumbnail("text") - np.load(GOLDEN)["text"].astype(np.float32)).max() < 0.02


def thumbnail(kind):
    scene = draw(kind, 64, stream(0, "golden", kind)) ** (1 / 2.2)
    return scene.reshape(16, 4, 16, 4, 3).mean((1, 3))


def thumbnails():
    return {kind: thumbnail(kind) for kind in KINDS}


def test_radiance_fits_into_half_precision():
    for spec in plan_scenes("drawn", {"q": 10, "p": 1, "test": 1}, None)[:10]:
        scene = render_scene(spec, 64, 0)
        assert scene.dtype == np.float16 and np.isfinite(scene).all()
        assert abs(float(scene.astype(np.float64).mean()) - 1) < 0.02


def test_what_is_not_painted_does_not_spoil_a_scene():
    """A small tree of this landscape would shine without end where nothing of it is painted."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(render_scene(SceneSpec("q", 0, "landscape", None), 768, 0)).all()


def test_spectra_are_those_of_photographs(measured):
    """Means of a kind lie within one of the extremes of the packaged photographs; they are softened alike."""
    found = [one.slope for one in measured[PHOTOGRAPHS]]
    for kind in KINDS:
        assert min(found) - 1 < mean(measured[kind], "slope") < max(found) + 1, kind
    everything = np.mean([mean(measured[kind], "slope") for kind in KINDS])
    assert abs(everything - np.mean(found)) < 0.6


def test_the_slope_is_that_of_noise_of_known_slope():
    n, rng = 256, np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :])
    frequency[0, 0] = np.inf
    for slope in (1.0, 1.5):
        noise = [np.fft.irfft2(np.fft.rfft2(rng.standard_normal((n, n))) / frequency**slope) for _ in range(16)]
        assert abs(np.mean([spectral_slope(plane) for plane in noise]) + 2 * slope) < 0.15


def test_contrast_and_color_are_those_of_photographs(measured):
    pictures = measured[PHOTOGRAPHS]
    for name, slack in (("contrast", 0.1), ("saturation", 0.12)):
        found = [getattr(one, name) for one in pictures]
        for kind in KINDS:
            assert min(found) - slack < mean(measured[kind], name) < max(found) + slack, (kind, name)
    # Mostly muted: most scenes are less saturated than the mean photograph here, but none of the kinds is gray.
    drawn = [one.saturation for kind in KINDS for one in measured[kind]]
    assert 0.15 < np.mean(drawn) < 0.4 and np.quantile(drawn, 0.9) < 0.5


def test_kinds_have_shadows_and_highlights(measured):
    shares = {kind: mean(measured[kind], "either") for kind in KINDS}
    assert min(shares.values()) > 0.1, shares
    assert np.mean(list(shares.values())) > 0.45, shares  # photographs: 0.59


def test_scenes_are_soft_at_the_pixel(scenes):
    """At 0.3 waves per px a Gaussian of 1.2 px leaves 6 thousandths of the little power that edges have there; drawings
    that are not softened have 2 to 17 thousandths, but for what is out of focus or dark anyway."""
    for kind, row in scenes.items():
        shares = []
        for scene in row:
            side = min(scene.shape[:2])
            plane = scene[:side, :side].mean(axis=2)
            window = np.hanning(side)[:, None] * np.hanning(side)[None, :]
            power = np.abs(np.fft.rfft2((plane - plane.mean()) * window)) ** 2
            frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
            shares.append(power[frequency > 0.3].sum() / power[frequency > 4 / side].sum())
        assert np.mean(shares) < 1e-3, kind


def test_roles_are_disjoint_and_every_kind_is_in_each():
    plan = plan_scenes("mixed", COUNTS, None)
    assert Counter(s.role for s in plan) == COUNTS and len({s.id for s in plan}) == len(plan)
    files = {role: {s.file for s in plan if s.role == role and s.file} for role in ROLES}
    assert all(files.values()) and sum(map(len, files.values())) == len(PACKAGED) == len(set.union(*files.values()))
    for role in ROLES:
        kinds = Counter(s.kind for s in plan if s.role == role)
        assert set(kinds) == {*KINDS, PHOTOGRAPH}
        drawn = [kinds[kind] for kind in KINDS]
        assert max(drawn) - min(drawn) <= kinds[PHOTOGRAPH]
    # Other roles' sizes move no scene.
    fewer = plan_scenes("mixed", COUNTS | {"q": 60}, None)
    assert {s.id: s for s in fewer if s.role == "test"} == {s.id: s for s in plan if s.role == "test"}


def test_no_packaged_picture_makes_more_than_a_fiftieth_of_a_role():
    recipe = VirtualRecipe(scenes=400, q_per_device=120, p_per_device=120, test_per_class=20)
    for role, items in virtual.plan(recipe).items():
        chosen = [virtual.choose_scene(recipe, item) for item in items]
        assert all(s.role == role for s in chosen)
        shown = Counter(s.file for s in chosen if s.file)
        assert shown and max(shown.values()) <= 0.02 * len(items), (role, shown)
    few = plan_scenes("mixed", {"q": 49, "p": 49, "test": 49}, None)
    assert not any(s.file for s in few), "one would be more than a fiftieth"


def test_each_test_photograph_has_a_scene_of_its_own():
    recipe = VirtualRecipe(scenes=3, test_per_class=7)
    items = virtual.plan(recipe)["test"]
    chosen = [virtual.choose_scene(recipe, item) for item in items]
    assert len({s.id for s in chosen}) == len(items) == 12 * 7
    files = [s.file for s in chosen if s.file]
    assert len(files) == len(set(files))


def test_copies_count_once(tmp_path):
    for k in range(4):
        Image.new("RGB", (64, 64), (60 * k, 9, 9)).save(tmp_path / f"{k}.png")
    (tmp_path / "more").mkdir()
    for name in ("0 copy.png", "more/0.png"):
        (tmp_path / name).write_bytes((tmp_path / "0.png").read_bytes())
    plan = plan_scenes("folder", COUNTS, str(tmp_path))
    assert [s.file.name for s in plan] == ["0 copy.png", "1.png", "2.png", "3.png"]
    assert [(s.role, s.number) for s in plan] == [("q", 0), ("p", 0), ("test", 0), ("q", 1)]


def test_a_photograph_is_shrunk_and_never_enlarged(tmp_path):
    """A checkerboard of single pixels is its linear mean after shrinking, whatever comes after."""
    board = np.indices((200, 300)).sum(axis=0) % 2 * 255
    Image.fromarray(np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8)).save(tmp_path / "board.png")
    assert photograph(tmp_path / "board.png", 128, 3.0).shape == (128, 192, 3)
    full = photograph(tmp_path / "board.png", 512, 3.0)
    assert full.shape == (200, 300, 3) and np.allclose(full, 0.5, atol=1e-3)


def test_what_is_in_front_is_what_painting_one_by_one_leaves():
    n, count, rng = 96, 300, np.random.default_rng(1)
    a, b = rng.uniform(0.005, 0.3, (2, count)) * rng.uniform(0.1, 1, count)
    x, y = rng.uniform(-0.1, 1.1, (2, count))
    angle, outline = rng.uniform(0, 7, count), rng.integers(0, 3, count)
    index, u, v = front(n, shapes(x, y, a, b, angle, outline))
    at = (np.arange(n) + 0.5) / n
    expected = np.full((n, n), -1)
    for k in range(count):
        dx, dy = at[None, :] - x[k], at[:, None] - y[k]
        p = (np.cos(angle[k]) * dx + np.sin(angle[k]) * dy) / a[k]
        q = (np.cos(angle[k]) * dy - np.sin(angle[k]) * dx) / b[k]
        inside = {
            ELLIPSE: p**2 + q**2 < 1, BOX: p**6 + q**6 < 1, LEAF: (np.abs(p) < 1) & (np.abs(q) < 1 - p**2)
        }[int(outline[k])]  # fmt: skip
        expected[inside] = k
    assert (index != expected).mean() < 1e-3  # rounding at an edge
    assert (np.maximum(np.abs(u), np.abs(v))[index >= 0] <= 1).all()


def test_a_contact_sheet_shows_a_row_a_kind(scenes):
    sheet = contact_sheet(scenes, thumbnail=32)
    assert sheet.height == 32 * (len(KINDS) + 1) and np.asarray(sheet).std() > 20


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **{kind: picture.astype(np.float16) for kind, picture in thumbnails().items()})
    print(GOLDEN)
