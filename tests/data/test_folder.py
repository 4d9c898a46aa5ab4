"""Folders of real photographs: names, manifest, roles, faults."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchbench.base.errors import DataError
from benchbench.contracts.roles import ROLES, check_disjoint
from benchbench.data.build import build
from benchbench.data.export import export
from benchbench.data.folder.check import check
from benchbench.data.folder.dresden import Dresden
from benchbench.data.folder.recipe import FolderRecipe, listing
from benchbench.data.folder.split import choose_models

WORD = st.text(st.characters(categories=["L", "N"], include_characters="-_ ."), min_size=1).filter(
    lambda s: s.strip("_")
)


def photo(path, seed=0, size=(80, 64), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0], len(mode)) if len(mode) > 1 else (size[1], size[0])
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels, mode=None if mode != "CMYK" else "CMYK").save(path, quality=90)


@pytest.fixture
def dresden(tmp_path):
    """Two models of five devices, one of three, one of four, one of one, in folders whose names lie."""
    root = tmp_path / "photos"
    seed = 0
    for model, devices in {
        "Kodak_M1063": 5,
        "Nikon_CoolPixS710": 5,
        "Sony_DSC-H50": 3,
        "Pentax_A40": 4,
        "Agfa_X": 1,
    }.items():
        for device in range(devices):
            for number in range(3):
                seed += 1
                photo(root / "Casio" / f"{model}_{device}_{number * 1000}.JPG", seed)
    return root


@given(WORD, WORD, st.integers(0, 99), st.integers(0, 10**6))
def test_names_parse_from_the_right(make, model, device, number):
    name = f"{make}_{model}_{device}_{number}.JPG"
    parsed = Dresden().place(name)
    assert parsed is not None
    assert parsed == (f"{make}_{model}", str(device), None) or (make, model) == ("Nikon", "D70s")


@given(st.text(max_size=30))
def test_any_text_parses_or_not_but_never_raises(text):
    parsed = Dresden().place(text)
    assert parsed is None or len(parsed) == 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Kodak_M1063_0_7.JPG", ("Kodak_M1063", "0")),
        ("folder_1_2/Nikon_CoolPixS710_4_12.JPG", ("Nikon_CoolPixS710", "4")),
        ("Olympus_mju_1050SW_2_23585.JPG", ("Olympus_mju_1050SW", "2")),
        ("Nikon_D70_0_1.JPG", ("Nikon_D70", "0")),
        ("Nikon_D70s_0_1.JPG", ("Nikon_D70", "Nikon_D70s_0")),
        ("IMG_0001.JPG", None),
        ("DSC_a_1.JPG", None),
        ("__1_2.JPG", None),
        ("IMG_20200101_120000.jpg", None),
        ("PXL_20210605_123456789.jpg", None),
        ("Canon_Ixus70_20200101_120000.jpg", None),
        ("Screenshot_2020_12.jpg", None),
    ],
)
def test_known_names(name, expected):
    assert Dresden().place(name) == (None if expected is None else (*expected, None))


def test_five_devices_are_known_three_unknown_as_in_the_paper(dresden, tmp_path):
    recipe = FolderRecipe(path=str(dresden), size=32)
    dataset = build(recipe, tmp_path, workers=2)
    assert dataset.camera_models == ("Kodak_M1063", "Nikon_CoolPixS710", "Sony_DSC-H50") and dataset.known == 2
    assert [len(dataset.photos(role)) for role in ROLES] == [12, 18, 9]
    check_disjoint({role: dataset.labels(role) for role in ROLES}, "device")
    assert any("'Agfa_X' has 1 device," in note and "left out" in note for note in dataset.meta["notes"])
    photos = dataset.photos("test")
    assert photos.renamable and photos.subset([1, 0]).renamable
    for k in range(len(photos)):
        whole = np.asarray(Image.open(dresden / photos.name[k]))
        assert np.array_equal(photos.images[k], whole[16:48, 24:56])
    with pytest.raises(DataError, match="are files already"):
        export(dataset, tmp_path / "out")


def test_the_identity_is_the_content_not_the_place(dresden, tmp_path):
    def data_id(path, size=32):
        return build(FolderRecipe(path=str(path), size=size), tmp_path / "cache", workers=1).data_id

    before = data_id(dresden)
    moved = dresden.rename(tmp_path / "elsewhere")
    assert data_id(moved) == before
    assert data_id(moved, size=64) != before
    photo(moved / "Casio" / "Kodak_M1063_0_0.JPG", seed=999)
    assert data_id(moved) != before


def test_models_are_chosen_by_their_devices():
    assert choose_models({"a": 5, "b": 6, "c": 3, "d": 4, "e": 1}, None) == (["a"], ["c"])
    assert choose_models({"b": 6, "d": 4, "e": 1}, None) == (["b"], ["d"])
    assert choose_models({"a": 5, "b": 6, "c": 3}, ("b",)) == (["b"], ["a", "c"])
    assert choose_models({"a": 1, "b": 2}, None) == ([], ["a", "b"])
    with pytest.raises(DataError, match="model 'c' has 3 devices; a known model needs 5"):
        choose_models({"a": 5, "c": 3}, ("c",))
    with pytest.raises(DataError, match=r"no photograph is of model 'Kodak_M106'\. Did you mean 'Kodak_M1063'"):
        choose_models({"Kodak_M1063": 5}, ("Kodak_M106",))


def write_manifest(root, rows, columns=("path", "camera_model", "device", "scene")):
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def test_a_manifest_gives_scenes_and_the_scene_rule_keeps_them_apart(tmp_path):
    root = tmp_path / "photos"
    rows, seed = [], 0
    for model, devices in (("one", 5), ("two", 3)):
        for device in range(devices):
            for scene in range(10):
                seed += 1
                path = f"{model}/{seed}.png"
                photo(root / path, seed)
                rows.append((path, model, f"body {device}", f"scene {scene}"))
    write_manifest(root, rows)
    free = listing(FolderRecipe(path=str(root), size=32))
    assert sum(map(len, free.items.values())) == 80
    dataset = build(FolderRecipe(path=str(root), size=32, split_rule="scene"), tmp_path, workers=1)
    scenes = [set(dataset.photos(role).scene.tolist()) for role in ROLES]
    assert [len(s) for s in scenes] == [4, 4, 2] and len(set.union(*scenes)) == 10
    dataset.require(*ROLES)


def test_the_scene_rule_without_scenes_is_refused(dresden):
    with pytest.raises(DataError, match="split_rule 'scene' needs scene ids"):
        listing(FolderRecipe(path=str(dresden), size=32, split_rule="scene"))


def test_a_split_that_leaves_a_role_empty_stops_the_build_and_says_what_helps(tmp_path):
    root = tmp_path / "few"
    for seed, name in enumerate(("A_1_0_0", "A_1_0_1", "B_2_0_0", "B_2_0_1")):
        photo(root / f"{name}.jpg", seed)
    with pytest.raises(DataError, match=r"leaves roles q, test without photographs .*--rule photograph"):
        build(FolderRecipe(path=str(root), size=32), tmp_path, workers=1)


def test_every_fault_gets_one_sentence(dresden):
    folder = dresden / "Casio"
    truncated = folder / "Kodak_M1063_0_0.JPG"
    truncated.write_bytes(truncated.read_bytes()[:2000])
    (folder / "Kodak_M1063_0_7.JPG").write_text("not a photograph")
    photo(folder / "Kodak_M1063_1_8.JPG", size=(40, 40))
    photo(folder / "Kodak_M1063_1_9.JPG", mode="CMYK")
    photo(folder / "Kodak_M1063_1_10.JPG", mode="L")
    (folder / "Kodak_M1063_2_11.JPG").write_bytes((folder / "Kodak_M1063_3_0.JPG").read_bytes())
    photo(folder / "IMG_0001.JPG", 77)
    (folder / "Kodak_M1063_4_99.JPG").write_bytes(b"")
    findings = check(dresden, size=64).findings
    found = {(f.kind, f.file and f.file.rsplit("/", 1)[1]): str(f) for f in findings}
    expected = {
        ("undecodable", "Kodak_M1063_0_0.JPG"): "photo 'Casio/Kodak_M1063_0_0.JPG' cannot be decoded (truncated file).",
        (
            "undecodable",
            "Kodak_M1063_0_7.JPG",
        ): "photo 'Casio/Kodak_M1063_0_7.JPG' cannot be decoded (not an image file).",
        (
            "undecodable",
            "Kodak_M1063_4_99.JPG",
        ): "photo 'Casio/Kodak_M1063_4_99.JPG' cannot be decoded (not an image file).",
        (
            "too small",
            "Kodak_M1063_1_8.JPG",
        ): "photo 'Casio/Kodak_M1063_1_8.JPG' is too small (40x40; the crop takes 64x64).",
        ("not RGB", "Kodak_M1063_1_9.JPG"): "photo 'Casio/Kodak_M1063_1_9.JPG' is not RGB (CMYK).",
        ("not RGB", "Kodak_M1063_1_10.JPG"): "photo 'Casio/Kodak_M1063_1_10.JPG' is not RGB (gray).",
        ("duplicate", "Kodak_M1063_3_0.JPG"): (
            "photo 'Casio/Kodak_M1063_3_0.JPG' has the same pixels as 'Casio/Kodak_M1063_2_11.JPG'."
        ),
        ("no model", "IMG_0001.JPG"): ("photo 'Casio/IMG_0001.JPG' is not named <Make>_<Model>_<device>_<number>.JPG."),
        ("few devices", None): "model 'Agfa_X' has one device only; a known model needs 5, an unknown one 3.",
    }
    assert found == expected and len(findings) == len(expected)


def test_build_stops_at_a_bad_file_and_exclude_txt_helps(dresden, tmp_path):
    bad = dresden / "Casio" / "Kodak_M1063_0_0.JPG"
    bad.write_bytes(bad.read_bytes()[:2000])
    recipe = FolderRecipe(path=str(dresden), size=32)
    for workers in (1, 2):
        with pytest.raises(DataError) as caught:
            build(recipe, tmp_path, workers=workers)
        assert str(caught.value).startswith(
            "photo 'Casio/Kodak_M1063_0_0.JPG' cannot be decoded (truncated file). "
            "1 of 54 photos; fix or list it in exclude.txt"
        )
    (dresden / "exclude.txt").write_text("# damaged\nCasio/Kodak_M1063_0_0.JPG\n")
    assert len(build(recipe, tmp_path, workers=1).photos("q")) == 11
    assert not [f for f in check(dresden, 32).findings if f.kind == "undecodable"]


def test_a_manifest_with_faults(tmp_path):
    photo(tmp_path / "a.png")
    write_manifest(tmp_path, [("a.png", "m")], columns=("path", "camera_model"))
    assert [f.kind for f in check(tmp_path).findings] == ["folder"] and "no column 'device'" in str(
        check(tmp_path).findings[0]
    )
    write_manifest(
        tmp_path, [("a.png", "m", "0", ""), ("b.png", "m", "1", ""), ("a.png", "m", "2", ""), ("c", "", "", "")]
    )
    (tmp_path / "c").write_bytes(b"x")
    sentences = [str(f) for f in check(tmp_path, 32).findings]
    assert "photo 'b.png' is in manifest.csv but not in the folder." in sentences
    assert "photo 'a.png' stands twice in manifest.csv." in sentences
    assert "photo 'c' has no camera_model in manifest.csv." in sentences
    with pytest.raises(DataError, match=r"fix or list it in exclude\.txt"):
        listing(FolderRecipe(path=str(tmp_path)))


def test_nothing_to_read(tmp_path):
    assert [str(f) for f in check(tmp_path / "nowhere").findings] == [f"'{tmp_path / 'nowhere'}' is not a folder."]
    assert [f.kind for f in check(tmp_path).findings] == ["folder"]
    with pytest.raises(DataError, match="has no photographs"):
        listing(FolderRecipe(path=str(tmp_path)))
