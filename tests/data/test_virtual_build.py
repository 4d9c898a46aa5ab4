"""Building virtual data sets: the same pixels whatever builds them, disjoint roles, resumption after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchbench.base.errors import BenchError, DataError
from benchbench.base.seeds import stream
from benchbench.contracts.roles import ROLES, check_disjoint, is_validation
from benchbench.data.build import build, data_id, open_dataset
from benchbench.data.export import contact_sheet, export
from benchbench.data.shards import SHARD
from benchbench.data.virtual import recipe as virtual
from benchbench.data.virtual import sensor
from benchbench.data.virtual.cameras import camera_table
from benchbench.data.virtual.processing import quantization_tables
from benchbench.data.virtual.recipe import VirtualRecipe
from benchbench.data.virtual.scenery import draw

TINY = VirtualRecipe(size=64, scenes=5, q_per_device=4, p_per_device=4, test_per_class=4)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def dataset(cache):
    return build(TINY, cache, workers=2)


def fingerprints(dataset):
    return {role: dataset.fingerprint(role) for role in ROLES}


@pytest.mark.slow
def test_one_worker_renders_the_same_pixels_as_two(dataset, tmp_path):
    seen = []
    alone = build(TINY, tmp_path, workers=1, progress=lambda *now: seen.append(now))
    assert fingerprints(alone) == fingerprints(dataset) and alone.data_id == dataset.data_id == data_id(TINY)
    assert ("photographs", 0, 192) in seen and seen[-1] == ("photographs", 192, 192)
    assert np.array_equal(alone.photos("p").images, dataset.photos("p").images)


def test_building_again_opens_what_is_there(dataset, cache):
    calls = []
    again = build(TINY, cache, progress=lambda *now: calls.append(now))
    assert not calls and fingerprints(again) == fingerprints(dataset)
    assert not list((cache / "data").glob("*.part"))


def test_test_photographs_alone_are_those_of_the_whole(dataset, tmp_path):
    seen = []
    alone = build(TINY, tmp_path, workers=1, progress=lambda *now: seen.append(now), test_alone=True)
    assert seen[-1] == ("photographs", 48, 48), "no others are made"
    assert alone.data_id == dataset.data_id and not alone.whole and dataset.whole
    assert alone.fingerprint("test") == dataset.fingerprint("test")
    assert np.array_equal(alone.photos("test").images, dataset.photos("test").images)
    assert np.array_equal(alone.labels("test")["scene"], dataset.labels("test")["scene"])
    for role in ROLES:
        assert np.array_equal(alone.classes(role), dataset.classes(role)), "classes are known without pixels"
    with pytest.raises(DataError, match="only the test photographs were made; make all with: bench data build"):
        alone.photos("q")
    assert open_dataset(tmp_path, data_id(TINY)).root == alone.root
    assert build(TINY, tmp_path, test_alone=True).root == alone.root, "not made twice"


def test_the_whole_is_made_beside_test_photographs_and_preferred(dataset, cache, tmp_path):
    tiny = VirtualRecipe(size=32, scenes=3, q_per_device=1, p_per_device=1, test_per_class=1)
    alone = build(tiny, tmp_path, workers=1, test_alone=True)
    whole = build(tiny, tmp_path, workers=1)
    assert whole.whole and whole.root != alone.root and open_dataset(tmp_path, data_id(tiny)).whole
    assert build(tiny, tmp_path, test_alone=True).whole
    assert build(TINY, cache, test_alone=True).root == dataset.root, "the whole is there already"


def test_opening_what_is_not_there_says_so(tmp_path):
    with pytest.raises(BenchError, match="holds no finished data set; build it"):
        open_dataset(tmp_path, "0" * 32)


def test_roles_and_devices_are_those_of_the_protocol(dataset):
    devices = {"q": ({0, 1}, set()), "p": ({2, 3}, {0, 1}), "test": ({4}, {2})}
    for role, (known, unknown) in devices.items():
        photos = dataset.photos(role)
        assert photos.images.shape[1:] == (64, 64, 3) and photos.images.dtype == np.uint8
        assert set(photos.device[photos.camera < 6].tolist()) == known
        assert set(photos.device[photos.camera >= 6].tolist()) == unknown
    assert len(dataset.photos("q")) == 6 * 2 * 4 and len(dataset.photos("p")) == 12 * 2 * 4
    assert len(dataset.photos("test")) == 12 * 4
    assert dataset.camera_models[0] == "Aster_A100" and len(dataset.camera_models) == 12 and dataset.known == 6


def test_no_device_scene_or_photograph_has_two_roles(dataset):
    labels = {role: dataset.labels(role) for role in ROLES}
    check_disjoint(labels, "scene")
    pixels = [image.tobytes() for role in ROLES for image in dataset.photos(role).images]
    names = [name for role in ROLES for name in dataset.photos(role).name]
    assert len(set(pixels)) == len(pixels) and len(set(names)) == len(names)


def test_shared_devices_and_scenes_are_refused(dataset):
    labels = {role: dict(dataset.labels(role)) for role in ROLES}
    labels["test"]["scene"] = labels["p"]["scene"][: len(labels["test"]["scene"])]
    check_disjoint(labels, "device")
    with pytest.raises(DataError, match="roles 'p' and 'test' share scene"):
        check_disjoint(labels, "scene")
    labels["q"]["device"] = labels["q"]["device"] + 2
    with pytest.raises(DataError, match="roles 'q' and 'p' share device 2"):
        check_disjoint(labels, "device")


def test_a_tenth_of_each_class_validates(dataset):
    parts = {part: set(dataset.photos("q", part).name) for part in ("train", "validation", "all")}
    assert parts["train"] | parts["validation"] == parts["all"] and not parts["train"] & parts["validation"]
    mark = is_validation(np.repeat(np.arange(3), 50), seed=0)
    assert mark.reshape(3, 50).sum(axis=1).tolist() == [5, 5, 5]
    assert not np.array_equal(mark, is_validation(np.repeat(np.arange(3), 50), seed=1))


def test_known_models_alone_stay_memory_mapped(dataset):
    known = dataset.photos("p", known_only=True)
    assert known.camera.max() == 5 and len(known) == 48
    assert isinstance(known.images, np.memmap) and isinstance(dataset.photos("p").images, np.memmap)
    some = known.subset([1, 5])
    assert some.name == (known.name[1], known.name[5]) and np.array_equal(some.images[1], known.images[5])


def test_the_identity_follows_what_moves_pixels_and_nothing_else(tmp_path):
    changes = {"size": 72, "scenes": 6, "q_per_device": 5, "seed": 1, "neutral": True, "split_rule": "scene"}
    ids = {data_id(TINY.model_copy(update={key: value})) for key, value in changes.items()}
    assert len(ids | {data_id(TINY)}) == len(changes) + 1
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(3):
            Image.new("RGB", (300, 200), (50 * k, 99, 9)).save(tmp_path / name / f"{k}.png")
    recipes = [TINY.model_copy(update={"scene_source": "folder", "scenes_dir": str(tmp_path / n)}) for n in "ab"]
    assert data_id(recipes[0]) == data_id(recipes[1]) != data_id(TINY)


def test_scenes_of_the_users_own(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "scenes"
    folder.mkdir()
    for k in range(5):
        Image.fromarray(rng.integers(0, 256, (150, 200, 3), np.uint8)).save(folder / f"{k}.png")
    (folder / "3 again.png").write_bytes((folder / "3.png").read_bytes())
    recipe = VirtualRecipe(
        size=32, scene_source="folder", scenes_dir=str(folder), q_per_device=1, p_per_device=1, test_per_class=1,
        known=2, unknown=1,
    )  # fmt: skip
    dataset = build(recipe, tmp_path, workers=1)
    assert {role: set(dataset.photos(role).scene.tolist()) <= expected for role, expected in
            {"q": {0, 3}, "p": {1, 4}, "test": {2}}.items()} == dict.fromkeys(ROLES, True)  # fmt: skip
    assert dataset.camera_models == ("Aster_A100", "Borealis_B20", "Gale_G1")


@pytest.mark.parametrize("missing", ["nowhere", None])
def test_a_bad_folder_of_scenes_is_one_sentence(tmp_path, missing):
    recipe = TINY.model_copy(update={"scene_source": "folder", "scenes_dir": missing and str(tmp_path / missing)})
    with pytest.raises(DataError, match=r"--scenes '.*' is not a folder\."):
        build(recipe, tmp_path)
    (tmp_path / "one").mkdir()
    Image.new("RGB", (99, 99)).save(tmp_path / "one" / "a.png")
    with pytest.raises(DataError, match="has 1 different photographs; it takes at least 3"):
        data_id(TINY.model_copy(update={"scene_source": "folder", "scenes_dir": str(tmp_path / "one")}))


def test_the_control_takes_every_photograph_with_one_camera(tmp_path):
    recipe = TINY.model_copy(update={"neutral": True, "q_per_device": 1, "p_per_device": 1, "test_per_class": 1})
    dataset = build(recipe, tmp_path, workers=1)
    assert dataset.camera_models == tuple(c.name for c in camera_table().camera) and dataset.name == "virtual-neutral"
    export(dataset, tmp_path / "files")
    tables = set()
    for file in (tmp_path / "files").glob("*.JPG"):
        with Image.open(file) as image:
            tables.add(tuple(image.quantization[0]))
    assert tables == {tuple(quantization_tables(camera_table().neutral.jpeg)[0])}


def test_exported_files_are_the_photographs(dataset, tmp_path):
    count = export(dataset, tmp_path)
    assert count == 192 and len(list(tmp_path.glob("*.JPG"))) == 192
    photos = dataset.photos("test")
    starts = set()
    for k in range(0, len(photos), 7):
        camera = camera_table().camera[int(photos.camera[k])]
        assert photos.name[k] == f"{camera.name}_{photos.device[k]}_{photos.name[k].rsplit('_', 1)[1]}"
        with Image.open(tmp_path / photos.name[k]) as image:
            top, left = (image.height - 64) // 2, (image.width - 64) // 2
            assert np.array_equal(np.asarray(image)[top : top + 64, left : left + 64], photos.images[k])
            starts.add((top, left))
            assert [list(t) for t in image.quantization.values()] == quantization_tables(camera.jpeg)
            assert (image.getexif()[0x010F], image.getexif()[0x0110]) == (camera.make, camera.model)
    # The crops begin all over the grid of JPEG blocks.
    assert len(starts) > 5 and all(1 <= v <= virtual.BORDER for start in starts for v in start)


def test_a_contact_sheet_shows_every_model(dataset, tmp_path):
    contact_sheet(dataset, tmp_path / "sheet.png", columns=4, thumbnail=32)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (128, 12 * 50) and len(sheet.getcolors(100000) or ()) > 1000


def test_models_differ_in_both_bands_more_than_devices_do():
    """Twelve models and two devices of each look at one scene: the band's picture tells models apart, not devices."""
    size = 96
    scene = draw("objects", 3 * size, stream(0, "scene"))
    # Four views: what a model does to noise and edges is a mean, and one noisy picture of 96 px knows it badly.
    views = [virtual.View(0, (x, y, 200.0), 0, 0.0, (1.0, 1.0), (1.0, 1.0)) for x in (0.0, 80.0) for y in (0.0, 80.0)]
    shots = np.empty((12, 2, len(views), size, size, 3))
    for c, camera in enumerate(camera_table().camera):
        for d in range(2):
            unit = sensor.make_device(camera.sensor, size, stream(0, "device", c, d))
            for v, view in enumerate(views):
                noise = stream(0, "noise", c, d, v)
                shots[c, d, v] = virtual.take(camera, unit, scene, view, noise, make="", model="").pixels
    low = gaussian_filter(shots, (0, 0, 0, 4, 4, 0)).mean(axis=2)
    residual = shots - gaussian_filter(shots, (0, 0, 0, 1, 1, 0))
    # What a model does to noise and edges shows in the residual's spectrum, wherever they are.
    spectrum = np.log(np.abs(np.fft.fft2(residual, axes=(3, 4))) + 1).mean(axis=2)
    spectrum = gaussian_filter(spectrum, (0, 0, 3, 3, 0), mode="wrap")
    for band in (low, spectrum):
        between = np.sqrt(((band[:, None, 0] - band[None, :, 1]) ** 2).mean(axis=(2, 3, 4)))
        same = np.diag(between)
        other = between + np.where(np.eye(12), np.inf, 0)
        assert (other.min(axis=1) > 1.5 * same).all(), np.round(other.min(axis=1) / same, 2)


SCRIPT = textwrap.dedent("""
    import sys
    from pathlib import Path
    from benchbench.data.build import build
    from benchbench.data.virtual.recipe import VirtualRecipe
    if __name__ == "__main__":
        build(VirtualRecipe.model_validate_json(sys.argv[1]), Path(sys.argv[2]), workers=2)
""")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills a process group")
def test_a_killed_build_leaves_nothing_half_valid_and_goes_on(tmp_path):
    recipe = VirtualRecipe(size=64, scenes=5, q_per_device=8, p_per_device=8, test_per_class=8, known=3, unknown=2)
    (tmp_path / "driver.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "driver.py"), recipe.model_dump_json(), str(tmp_path)]
    process = subprocess.Popen(command, start_new_session=True)
    work = tmp_path / "data" / f"{data_id(recipe)}.part"
    deadline = time.monotonic() + 60
    while len(list(work.glob("*.npz"))) < 2 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.kill()  # the driver alone: its workers must follow by themselves
    assert process.wait() == -signal.SIGKILL
    with pytest.raises(DataError):
        open_dataset(tmp_path, data_id(recipe))
    kept = {f: f.stat().st_mtime_ns for f in work.glob("*.npz")}
    assert kept
    seen = []

    def watch(stage, done, total):
        seen.append((stage, done))
        assert all(f.stat().st_mtime_ns == kept[f] for f in kept if f.exists())

    resumed = build(recipe, tmp_path, workers=1, progress=watch)
    assert next(done for stage, done in seen if stage == "photographs") >= len(kept) * SHARD * 0.5
    (tmp_path / "fresh").mkdir()
    assert fingerprints(resumed) == fingerprints(build(recipe, tmp_path / "fresh", workers=2))


def test_importing_the_package_loads_neither_torch_nor_the_raw_converter():
    slow = {"torch", "rawpy", "lensfunpy", "tifffile", "skimage"}
    code = f"import sys, benchbench.data; print(sorted({slow} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_plan_counts_match_the_recipe():
    counts = {role: len(items) for role, items in virtual.plan(VirtualRecipe()).items()}
    assert counts == {"q": 6 * 2 * 50, "p": 12 * 2 * 25, "test": 12 * 25}


def test_the_paper_profile_has_the_numbers_of_table_1():
    import csv
    from collections import Counter

    from benchbench.contracts.profile import load_profile
    from benchbench.data.virtual.recipe import plan

    table = Path(__file__).parents[2] / "results/published/cama2020_dataset.csv"
    rows = list(csv.DictReader(line for line in table.read_text().splitlines() if not line.startswith("#")))
    taken = plan(VirtualRecipe(**load_profile("paper").data))
    for role, column in (("q", "q_data"), ("p", "p_data"), ("test", "p_test")):
        counts = Counter(item.camera for item in taken[role])
        assert [counts[k] or None for k in range(12)] == [int(r[column]) if r[column] else None for r in rows]


def test_no_space_is_one_sentence_and_the_next_build_goes_on(tmp_path, monkeypatch):
    import importlib

    from benchbench.base.errors import DataError

    module = importlib.import_module("benchbench.data.build")  # the package has a function of that name
    build_dataset, replace_file = module.build, module.replace_file
    tiny = TINY.model_copy(update={"scenes": 4, "q_per_device": 1, "p_per_device": 1, "test_per_class": 1})
    calls = []

    def full(path, writer):
        calls.append(path)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        replace_file(path, writer)

    monkeypatch.setattr(module, "replace_file", full)
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\)\. What is finished is kept"):
        build_dataset(tiny, tmp_path, workers=1)
    monkeypatch.undo()
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("scenes/*.npy")}
    assert len(before) == 3
    assert build_dataset(tiny, tmp_path, workers=1).size == tiny.size


def test_a_scene_that_is_damaged_is_rendered_anew(tmp_path, monkeypatch):
    tiny = VirtualRecipe(size=32, scenes=3, q_per_device=1, p_per_device=1, test_per_class=1)
    right = build(tiny, tmp_path / "a", workers=1)

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("benchbench.data.build.take", stopped)
        build(tiny, tmp_path / "b", workers=1)
    scenes = sorted((tmp_path / "b").rglob("scenes/*.npy"))
    scenes[0].write_bytes(scenes[0].read_bytes()[:-1])
    scenes[1].write_bytes(b"")
    again = build(tiny, tmp_path / "b", workers=1)
    assert [again.fingerprint(role) for role in ("q", "p", "test")] == [
        right.fingerprint(role) for role in ("q", "p", "test")
    ]
