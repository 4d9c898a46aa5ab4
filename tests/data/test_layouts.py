"""Each layout on a folder of its shape: models, devices, scenes, and what it leaves out."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from real_folders import dresden, jpeg, picture

from benchbench.base.errors import DataError
from benchbench.contracts.layout import LAYOUTS
from benchbench.data.build import build
from benchbench.data.folder.check import check
from benchbench.data.folder.recipe import FolderRecipe, read_folder

OURS = ["cama-release", "csafe", "dresden", "exif", "forchheim", "kaggle", "manifest", "socrates", "vision"]


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our layouts alone: another test may have installed a plugin in this process."""
    monkeypatch.setattr(LAYOUTS, "names", lambda: list(OURS))


def placed(root: Path) -> tuple[str, dict[str, tuple[str, str, str | None]], dict[str, list[str]], dict[str, str]]:
    _, name, reading = read_folder(root)
    return name, {e.path: (e.model, e.device, e.scene) for e in reading.entries}, reading.aside, reading.wrong


def test_all_of_ours_are_installed() -> None:
    assert all(name in LAYOUTS for name in OURS)


def test_dresden_counts_copies_in_nested_folders_once(tmp_path: Path) -> None:
    root = dresden(tmp_path / "d", {"Kodak_M1063": 2}, each=2)
    copy = root / "natural" / "all" / "deeper"
    copy.mkdir(parents=True)
    shutil.copy(root / "natural/Kodak_M1063_0/Kodak_M1063_0_1000.JPG", copy)
    jpeg(copy / "Kodak_M1063_0_1001.JPG", 99, size=(96, 96))
    name, found, aside, wrong = placed(root)
    assert name == "dresden" and len(found) == 4
    assert aside == {"are copies of others, in nested folders": ["natural/all/deeper/Kodak_M1063_0_1000.JPG"]}
    assert "other content" in wrong.pop("natural/all/deeper/Kodak_M1063_0_1001.JPG") and not wrong


def test_dresdens_own_table_says_scenes(tmp_path: Path) -> None:
    root = dresden(tmp_path / "d", {"Kodak_M1063": 1}, each=2)
    (root / "dresden.csv").write_text(
        "filename,position_name,motive_name\nKodak_M1063_0_1000.JPG,Theater,tree\nKodak_M1063_0_1001.JPG,Theater,door\n"
    )
    assert sorted(str(value[2]) for value in placed(root)[1].values()) == ["Theater/door", "Theater/tree"]


def test_vision_reads_native_photographs_alone(tmp_path: Path) -> None:
    jpeg(tmp_path / "D01_Samsung_GalaxyS3Mini/images/nat/D01_I_nat_0001.jpg", 1)
    jpeg(tmp_path / "D05_Apple_iPhone5c/images/nat/D05_I_nat_0001.jpg", 2)
    jpeg(tmp_path / "D14_Apple_iPhone5c/images/nat/D14_I_nat_0001.jpg", 3)
    jpeg(tmp_path / "D17_Microsoft Lumia 640/nat/D17_I_nat_0001.jpg", 4)
    jpeg(tmp_path / "D05_Apple_iPhone5c/images/flat/D05_I_flat_0001.jpg", 5)
    jpeg(tmp_path / "D05_Apple_iPhone5c/images/natFBH/11223344_n.jpg", 6)
    jpeg(tmp_path / "D05_Apple_iPhone5c/images/natWA/D05_I_natWA_0001.jpg", 7)
    name, found, aside, wrong = placed(tmp_path)
    assert name == "vision" and not wrong
    assert {value[:2] for value in found.values()} == {
        ("Samsung_GalaxyS3Mini", "D01"),
        ("Apple_iPhone5c", "D05"),
        ("Apple_iPhone5c", "D14"),
        ("Microsoft_Lumia_640", "D17"),
    }
    assert {reason: len(paths) for reason, paths in aside.items()} == {
        "are flat fields, for sensor noise": 1,
        "went through a social network": 2,
    }


def forchheim(root: Path, devices: int = 4, scenes: int = 10) -> Path:
    for device in range(1, devices + 1):
        model = f"Brand_M{device}"
        for scene in range(1, scenes + 1):
            place = root / f"D{device:02d}_{model}_1"
            jpeg(place / "orig" / f"D{device:02d}_img_orig_{scene:04d}.jpg", 100 * device + scene)
        jpeg(place / "facebook" / f"D{device:02d}_img_facebook_0001.jpg", 100 * device + 99)
    return root


def test_forchheims_scenes_make_scene_disjoint_roles(tmp_path: Path) -> None:
    root = forchheim(tmp_path / "f")
    name, found, aside, _ = placed(root)
    assert name == "forchheim" and len(found) == 40
    assert found["D01_Brand_M1_1/orig/D01_img_orig_0007.jpg"] == ("Brand_M1", "D01", "0007")
    assert len(aside["went through a social network"]) == 4
    dataset = build(FolderRecipe(path=str(root), size=32, split_rule="scene"), tmp_path / "c", workers=1)
    scenes = [set(dataset.photos(role).scene.tolist()) for role in ("q", "p", "test")]
    assert [len(s) for s in scenes] == [4, 4, 2] and not (scenes[0] | scenes[1]) & scenes[2]
    assert dataset.known == 2 and len(dataset.camera_models) == 4
    assert "Of 4 of 4 camera models" in dataset.warning


def test_kaggle_has_one_device_a_model_and_no_labels_in_test(tmp_path: Path) -> None:
    jpeg(tmp_path / "train/HTC-1-M7/(HTC-1-M7)1.jpg", 1)
    jpeg(tmp_path / "train/iPhone-4s/(iPhone-4s)10.JPG", 2)
    jpeg(tmp_path / "train/iPhone-4s/(HTC-1-M7)3.JPG", 3)
    picture(4).save(tmp_path / "train" / "x.png")
    (tmp_path / "test").mkdir()
    picture(5).save(tmp_path / "test" / "img_0a1b2c3_manip.tif")
    name, found, aside, wrong = placed(tmp_path)
    assert name == "kaggle" and {v[:2] for v in found.values()} == {("HTC-1-M7", "0"), ("iPhone-4s", "0")}
    assert aside == {"carry no label, as all of test/": ["test/img_0a1b2c3_manip.tif"]}
    assert sorted(wrong) == ["train/iPhone-4s/(HTC-1-M7)3.JPG", "train/x.png"]


def test_csafes_class_is_model_and_lens_and_mpo_inside_jpg_is_read(tmp_path: Path) -> None:
    place = tmp_path / "iPhone13" / "phone01"
    (place / "natural" / "wide").mkdir(parents=True)
    picture(1).save(place / "natural/wide/IMG_0001.JPG", "MPO", save_all=True, append_images=[picture(2)])
    jpeg(place / "natural" / "front" / "IMG_0002.JPG", 3)
    jpeg(place / "blank" / "wide" / "IMG_0003.JPG", 4)
    name, found, aside, _ = placed(tmp_path)
    assert name == "csafe" and {v[:2] for v in found.values()} == {
        ("iPhone13_wide", "phone01"),
        ("iPhone13_front", "phone01"),
    }
    assert list(aside) == ["are blank, for sensor noise"]
    assert not [f for f in check(tmp_path, 32).findings if f.kind not in ("few devices", "split")]


def test_socrates_needs_a_mapping_and_says_so(tmp_path: Path) -> None:
    for device, kind in (("001", "FG"), ("002", "FG"), ("001", "BG"), ("003", "FG")):
        jpeg(tmp_path / f"Eurecom_{device}_pic{kind}_001.jpg", int(device))
    with pytest.raises(DataError, match=r"laid out as SOCRatES.*devices\.csv: columns device, camera_model"):
        placed(tmp_path)
    (tmp_path / "devices.csv").write_text("device,camera_model\n001,Apple_iPhone6\n002,LG_G3\n")
    name, found, aside, wrong = placed(tmp_path)
    assert name == "socrates" and {v[:2] for v in found.values()} == {("Apple_iPhone6", "001"), ("LG_G3", "002")}
    assert aside == {"are backgrounds, for sensor noise": ["Eurecom_001_picBG_001.jpg"]}
    assert "device '003', of which devices.csv says no camera_model" in wrong["Eurecom_003_picFG_001.jpg"]


def test_exif_is_the_last_resort_and_tells_phones_apart(tmp_path: Path) -> None:
    """Names of phones and cameras look like Dresden's; three phones must not become one model called IMG."""
    jpeg(tmp_path / "IMG_20200101_120000.jpg", 1, "Apple", "iPhone 6")
    jpeg(tmp_path / "IMG_20200102_120000.jpg", 2, "samsung", "SM-G900F", "R58")
    jpeg(tmp_path / "PXL_20210605_123456789.jpg", 3, "Google", "Pixel 5")
    jpeg(tmp_path / "DSC_0001.jpg", 4, "NIKON CORPORATION", "NIKON D50")
    jpeg(tmp_path / "Screenshot_2020_1.jpg", 5)
    name, found, _, wrong = placed(tmp_path)
    assert name == "exif" and wrong == {"Screenshot_2020_1.jpg": "has no EXIF that says its camera model"}
    assert {value[:2] for value in found.values()} == {
        ("Apple_iPhone_6", "0"),
        ("samsung_SM-G900F", "R58"),
        ("Google_Pixel_5", "0"),
        ("NIKON_D50", "0"),
    }


def release(root: Path) -> Path:
    """The tree of the released implementation: five devices of known models, three of unknown ones."""
    sets = {0: "adversary/train", 1: "adversary/validation", 2: "examiner/train", 3: "examiner/validation", 4: "test"}
    outside = {0: "examiner_outdist/train", 1: "examiner_outdist/validation", 2: "test_outdist"}
    for model, places in (("Kodak_M1063", sets), ("Sony_DSC-T77", sets), ("Agfa_X", outside)):
        for device, place in places.items():
            for number in range(2):
                pixels = np.asarray(picture(hash_of(model, device, number), (40, 40)))
                file = root / "rgb" / place / model / f"{model}_{device}_{number}.pth"
                file.parent.mkdir(parents=True, exist_ok=True)
                torch.save(torch.from_numpy(pixels.transpose(2, 0, 1).copy()), file)
                derived = root / "prnu_lp" / place / model / file.name
                derived.parent.mkdir(parents=True, exist_ok=True)
                torch.save(torch.zeros(3, 4, 4), derived)
    return root


def hash_of(model: str, device: int, number: int) -> int:
    return sum(map(ord, model)) * 100 + device * 10 + number


def test_the_tree_of_camas_release_has_roles_from_its_folders(tmp_path: Path) -> None:
    root = release(tmp_path / "dresden_preprocessed")
    report = check(root, 32)
    assert report.layout == "cama-release" and not report.findings
    assert list(report.aside) == ["are derived from photographs (prnu_lp, remosaic)"]
    dataset = build(FolderRecipe(path=str(root), size=32), tmp_path / "c", workers=1)
    assert dataset.camera_models == ("Kodak_M1063", "Sony_DSC-T77", "Agfa_X") and dataset.known == 2
    assert [len(dataset.photos(role)) for role in ("q", "p", "test")] == [8, 12, 6] and not dataset.warning
    photos = dataset.photos("test")
    for image, name in zip(photos.images, photos.name, strict=True):
        tensor = torch.load(root / name, weights_only=True)
        assert np.array_equal(image, tensor[:, 4:36, 4:36].permute(1, 2, 0).numpy())


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("/tmp/benchbench-was-here"),))  # type: ignore[return-value]


def test_a_pickle_that_runs_code_is_refused_by_name(tmp_path: Path) -> None:
    root = release(tmp_path / "r")
    torch.save(Evil(), root / "rgb/test/Kodak_M1063/Kodak_M1063_4_7.pth")
    torch.save(torch.zeros(3, 40, 40), root / "rgb/test/Kodak_M1063/Kodak_M1063_4_8.pth")
    found = {f.file: str(f) for f in check(root, 32).findings}
    assert "cannot be decoded (no tensor that can be read safely" in found["rgb/test/Kodak_M1063/Kodak_M1063_4_7.pth"]
    assert "no uint8 tensor" in found["rgb/test/Kodak_M1063/Kodak_M1063_4_8.pth"]
    assert not Path("/tmp/benchbench-was-here").exists()


def test_a_manifest_says_roles_and_known_models(tmp_path: Path) -> None:
    rows = ["path,camera_model,device,role,known"]
    seed = 0
    for model, known in (("b", "yes"), ("a", "yes"), ("z", "no")):
        for role in ("q", "p", "test") if known == "yes" else ("p", "test"):
            for number in range(2):
                seed += 1
                jpeg(tmp_path / f"{seed}.jpg", seed)
                rows.append(f"{seed}.jpg,{model},{role}{number},{role},{known}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    dataset = build(FolderRecipe(path=str(tmp_path), size=32), tmp_path / "c", workers=1)
    assert dataset.camera_models == ("a", "b", "z") and dataset.known == 2
    assert [len(dataset.photos(role)) for role in ("q", "p", "test")] == [4, 6, 6]
    assert dataset.meta["split_rule"] == "role" and not dataset.warning


def test_the_released_crop_is_the_plain_center(tmp_path: Path) -> None:
    root = dresden(tmp_path / "d", {"Kodak_M1063": 5, "Sony_DSC-T77": 5, "Agfa_X": 3}, each=1)
    dataset = build(FolderRecipe(path=str(root), size=32), tmp_path / "c", workers=1)
    photos = dataset.photos("test")
    for image, name in zip(photos.images, photos.name, strict=True):
        assert np.array_equal(image, np.asarray(Image.open(root / name))[16:48, 24:56])
