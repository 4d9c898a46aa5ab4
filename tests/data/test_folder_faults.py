"""Nothing of a folder is lost or believed without a word: each kind of fault that others met, with its right value."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
import tifffile
from PIL import Image
from real_folders import dresden, jpeg, picture

from benchbench.base.errors import DataError
from benchbench.base.jpeg import JpegCoding, jpeg_header
from benchbench.contracts.condition import CONDITIONS
from benchbench.contracts.layout import LAYOUTS, natural
from benchbench.data.build import build
from benchbench.data.folder.check import Report, check
from benchbench.data.folder.look import look
from benchbench.data.folder.pixels import UnusableError, read_photo
from benchbench.data.folder.recipe import FolderRecipe, files_key, listing, plan
from benchbench.data.shards import SHARD
from benchbench.data.source import RecipeSource

OURS = ["cama-release", "csafe", "dresden", "exif", "forchheim", "kaggle", "manifest", "socrates", "vision"]


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LAYOUTS, "names", lambda: list(OURS))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two known models and an unknown one, with nothing wrong."""
    return dresden(tmp_path / "photos", {"Kodak_M1063": 5, "Sony_DSC-T77": 5, "Agfa_X": 3}, each=1)


def faults(root: Path) -> dict[str, str]:
    return {f.file or f.kind: str(f) for f in check(root, 32).findings}


def test_the_folder_has_nothing_wrong(root: Path) -> None:
    report = check(root, 32)
    assert not report.findings and not report.aside
    assert [(m.name, m.attacker, m.devices, m.counts) for m in report.models] == [
        ("Kodak_M1063", "known", 5, (2, 2, 1, 0)),
        ("Sony_DSC-T77", "known", 5, (2, 2, 1, 0)),
        ("Agfa_X", "unknown", 3, (0, 2, 1, 0)),
    ]


def manifest(root: Path, text: str | bytes) -> Path:
    content = text.encode() if isinstance(text, str) else text
    root.mkdir(exist_ok=True)
    (root / "manifest.csv").write_bytes(content)
    return root


# a sort key that does not order everything, over a set


def test_names_of_one_number_have_an_order() -> None:
    assert sorted(["07", "7", "10", "007", "2"], key=natural) == ["2", "007", "07", "7", "10"]


def test_the_split_does_not_hang_on_the_hash_seed(tmp_path: Path) -> None:
    rows = ["path,camera_model,device,scene"]
    for n, device in enumerate(["7", "07", "007", "1", "01"] * 3):
        jpeg(tmp_path / "f" / f"{n}.jpg", n)
        rows.append(f"{n}.jpg,{'1' if n < 5 else '01' if n < 10 else '001'},{device},{['3', '03', '003'][n % 3]}")
    manifest(tmp_path / "f", "\n".join(rows))
    code = (
        "import sys; from benchbench.data.folder.recipe import FolderRecipe, listing;"
        "l = listing(FolderRecipe(path=sys.argv[1], size=32));"
        "print(l.camera_models, [(r, i.name, i.device, i.scene) for r in l.items for i in l.items[r]])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "f")],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_a_resumed_build_uses_no_shard_of_other_photographs(root: Path, tmp_path: Path) -> None:
    recipe = FolderRecipe(path=str(root), size=32)
    right = build(recipe, tmp_path / "a", workers=1)
    home = tmp_path / "b" / "data"
    work = home / f"{files_key(recipe, listing(recipe))}.part"
    work.mkdir(parents=True)
    wrong = {"images": np.zeros((4, 32, 32, 3), np.uint8), "digests": np.array(["0"] * 4), "scene": np.zeros(4)}
    names = np.array(["of", "other", "photo", "graphs"])
    np.savez(work / "q-0000000.npz", **wrong, names=names, lengths=np.zeros(4), jpegs=np.zeros(0, np.uint8))
    assert SHARD >= 4
    resumed = build(recipe, tmp_path / "b", workers=1)
    assert [resumed.fingerprint(r) for r in ("q", "p", "test")] == [right.fingerprint(r) for r in ("q", "p", "test")]


# what lies in the cache and is not what was written there


def fingerprints(recipe: FolderRecipe, cache: Path) -> list[str]:
    found = build(recipe, cache, workers=1)
    return [found.fingerprint(role) for role in ("q", "p", "test")]


@pytest.mark.parametrize("content", [b"[1]", b'{"%s": 3}', b'{"%s": [1, 2]}', b"[" * 100_000, b"\xff"])
def test_digests_of_files_that_are_none_are_made_anew(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    recipe = FolderRecipe(path=str(root), size=32)
    found = listing(recipe)
    key = files_key(recipe, found)
    (store,) = (tmp_path / "user").rglob("digests/*.json")
    store.write_bytes(content.replace(b"%s", found.items["q"][0].name.encode()))
    assert files_key(recipe, found) == key


@pytest.mark.parametrize("other", [b"[1]", b'{"content": "%s"}', b"[" * 100_000])
def test_another_data_set_that_is_damaged_is_no_fault_of_this_one(root: Path, tmp_path: Path, other: bytes) -> None:
    recipe = FolderRecipe(path=str(root), size=32)
    right = build(recipe, tmp_path / "a", workers=1)
    place = tmp_path / "b" / "data" / "0" / "meta.json"
    place.parent.mkdir(parents=True)
    place.write_bytes(other.replace(b"%s", str(right.meta["content"]).encode()))
    assert fingerprints(recipe, tmp_path / "b") == [right.fingerprint(role) for role in ("q", "p", "test")]


def test_a_note_never_leads_out_of_the_cache(root: Path, tmp_path: Path) -> None:
    recipe = FolderRecipe(path=str(root), size=32)
    made = build(recipe, tmp_path / "a", workers=1)
    elsewhere = tmp_path / "elsewhere"
    made.root.rename(elsewhere)
    (elsewhere / "q.npy").write_bytes(b"")  # whoever looks there moves it away as damaged
    note = tmp_path / "a" / "files" / files_key(recipe, listing(recipe))
    assert note.read_text() == made.data_id
    note.write_text("../../elsewhere")
    assert build(recipe, tmp_path / "a", workers=1).root == made.root and elsewhere.is_dir()
    assert note.read_text() == made.data_id


@pytest.mark.parametrize("at", [0.3, 0.9])
def test_a_shard_that_is_damaged_is_made_anew(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: float
) -> None:
    recipe = FolderRecipe(path=str(root), size=32)
    right = fingerprints(recipe, tmp_path / "a")

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("benchbench.data.build._identify", stopped)
        build(recipe, tmp_path / "b", workers=1)
    (shard,) = (tmp_path / "b").rglob("q-0000000.npz")
    content = bytearray(shard.read_bytes())
    content[round(at * len(content))] ^= 0xFF
    shard.write_bytes(bytes(content))
    assert fingerprints(recipe, tmp_path / "b") == right


# surplus input, headers, and tables that are none


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("path,camera_model,device\n001.jpg,OLYMPUS OPTICAL CO.,LTD C40Z,0\n", "4 fields in line 2, and its header 3"),
        ("path,camera_model,device\n001.jpg,a\0b,0\n", "NUL byte in line 2"),
        (
            'path,camera_model,device\n001.jpg,a,0\n002.jpg,"b,1\n003.jpg,b,2\n',
            "has a quote in line 3 that does not close there",
        ),
        ('path,camera_model,device\n001.jpg,"a,0\n002.jpg,b",1\n', "a quote in line 2 that does not close there"),
        ("path;camera_model;device\n", "no column 'path'.* It has 'path;camera_model;device'"),
        ("file,model,device\n", "no column 'path'.* It has 'file', 'model', 'device'"),
        ("path,path,camera_model,device\n", "the column 'path' twice"),
        ("path,camera_model,device\n".encode("utf-16"), "is not a CSV file in UTF-8"),
        ("", "is empty"),
    ],
)
def test_a_manifest_that_cannot_be_right_is_refused(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    manifest(tmp_path / "m", text)
    with pytest.raises(DataError, match=sentence):
        listing(FolderRecipe(path=str(tmp_path / "m"), size=32))


def test_capitals_and_spaces_in_a_header_are_read(tmp_path: Path) -> None:
    jpeg(tmp_path / "m" / "a.jpg", 1)
    report = check(manifest(tmp_path / "m", "Path, Camera_Model, Device\na.jpg, Acme One, 0\n"), 32)
    assert [m.name for m in report.models] == ["Acme One"]


def test_lines_of_a_manifest_that_lead_astray(tmp_path: Path) -> None:
    jpeg(tmp_path / "outside.jpg", 1)
    for n in range(5):
        jpeg(tmp_path / "m" / f"{n}.jpg", n)
    lines = [
        "path,camera_model,device,role,known",
        "../outside.jpg,a,0,q,yes",
        "0.jpg,a,0,teest,yes",
        "1.jpg,a,0,q,perhaps",
    ]
    report = check(manifest(tmp_path / "m", "\n".join([*lines, "2.jpg,a,0,q,yes", "3.jpg,a,1,p,no"])), 32)
    found = {f.file: str(f) for f in report.findings if f.kind == "no model"}
    assert "lies outside the folder" in found["../outside.jpg"]
    assert "has the role 'teest'" in found["0.jpg"] and "'perhaps' as known" in found["1.jpg"]
    assert "which other lines of manifest.csv call known" in found["3.jpg"]
    assert report.aside == {"are not named in manifest.csv": ["4.jpg"]}


# what a decoder swallows


def damaged() -> dict[str, bytes]:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (200, 240, 3), np.uint8)
    Image.fromarray(noise).save(file, "JPEG", quality=90)
    whole, progressive = file.getvalue(), io.BytesIO()
    Image.fromarray(noise).save(progressive, "JPEG", quality=90, progressive=True)
    half = len(whole) // 2
    return {
        "zeroed": whole[:half] + bytes(len(whole) - half),
        "closed": whole[:half] + b"\xff\xd9",
        "hole": whole[:half] + whole[half + 4096 :],
        "progressive": progressive.getvalue()[: len(progressive.getvalue()) // 2] + b"\xff\xd9",
    }


@pytest.mark.parametrize("name", ["zeroed", "closed", "hole", "progressive"])
def test_wrong_pixels_are_a_finding_and_pillow_would_have_taken_them(tmp_path: Path, name: str) -> None:
    content = damaged()[name]
    with Image.open(io.BytesIO(content)) as image:
        image.load()
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(UnusableError, match=r"is damaged \(Corrupt JPEG data|truncated file"):
        read_photo(tmp_path / "x.jpg", 32)


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}, {"quality": 30, "optimize": True}])
def test_pixels_are_those_of_pillow_to_the_bit(tmp_path: Path, options: dict[str, object]) -> None:
    file = jpeg(tmp_path / "x.jpg", 1, size=(131, 77), **options)
    assert np.array_equal(read_photo(file, 32).pixels, np.asarray(Image.open(file)))


def test_depth_pages_and_previews_are_not_left_to_the_decoders_mode(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (64, 64, 3), np.uint16)
    shallow = (deep >> 8).astype(np.uint8)
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    with tifffile.TiffWriter(tmp_path / "raw.tif") as writer:  # as in a DNG: the first page is a preview
        writer.write(shallow[:32, :32], photometric="rgb", subfiletype=1)
        writer.write(shallow, photometric="rgb")
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([shallow, shallow]), photometric="rgb")
    tifffile.imwrite(tmp_path / "good.tif", shallow, photometric="rgb")

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    head = (64).to_bytes(4) + (64).to_bytes(4) + bytes([16, 2, 0, 0, 0])
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "deep.png").write_bytes(png)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "deep.png")).shape, (64, 64, 3)), (
        "Pillow takes it for 8 bits"
    )
    for name, sentence in {
        "deep.tif": "has 16 bits a channel",
        "deep.png": "has 16 bits a channel",
        "raw.tif": "begins with a preview",
        "pages.tif": "has 2 pages",
    }.items():
        with pytest.raises(UnusableError, match=sentence):
            read_photo(tmp_path / name, 32)
    assert np.array_equal(read_photo(tmp_path / "good.tif", 32).pixels, shallow)


def test_the_content_decides_and_not_the_name(root: Path, tmp_path: Path) -> None:
    first = next(root.rglob("Kodak_M1063_0_*.JPG"))
    picture(77).save(first, "WEBP")
    assert "is a WebP file, whatever its name says" in faults(root)[str(first.relative_to(root))]
    with pytest.raises(DataError, match="is a WebP file"):
        build(FolderRecipe(path=str(root), size=32), tmp_path / "c", workers=1)
    picture(77).save(first, "PNG")
    dataset = build(FolderRecipe(path=str(root), size=32), tmp_path / "c", workers=1)
    assert sorted(dataset.jpeg_codings()) == [0, 1], "of the next file of q, which is a JPEG"


def test_too_many_pixels_have_words_of_their_own(tmp_path: Path) -> None:
    file = jpeg(tmp_path / "x.jpg", 1)
    content = bytearray(file.read_bytes())
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = (14000).to_bytes(2) + (14300).to_bytes(2)
    file.write_bytes(content)
    with pytest.raises(UnusableError, match="has 200 megapixels; up to 150 are read"):
        read_photo(file, 32)


# a camera's own compression


@pytest.mark.parametrize(
    ("sampling", "subsampling"),
    [
        (((1, 1), (1, 1), (1, 1)), 0),
        (((2, 1), (1, 1), (1, 1)), 1),
        (((2, 2), (1, 2), (1, 2)), 1),
        (((2, 2), (1, 1), (1, 1)), 2),
        (((1, 2), (1, 1), (1, 1)), None),
        (((4, 1), (1, 1), (1, 1)), None),
        (((2, 2), (2, 1), (1, 1)), None),
    ],
)
def test_sampling_is_how_much_finer_brightness_is(
    sampling: tuple[tuple[int, int], ...], subsampling: int | None
) -> None:
    assert JpegCoding(sampling, ((),) * 3).subsampling == subsampling


@pytest.mark.parametrize("kind", ["440", "411"])
def test_sampling_that_cannot_be_written_is_no_444(root: Path, tmp_path: Path, kind: str) -> None:
    for file in root.rglob("Kodak_M1063_*.JPG"):
        file.write_bytes(simplejpeg.encode_jpeg(np.asarray(Image.open(file)), 90, colorsubsampling=kind))
    source = RecipeSource.of(FolderRecipe(path=str(root), size=32), tmp_path / "c")
    reason = CONDITIONS.create("jpeg-target").why_not(source.facts(tmp_path / "c"))
    shown = {"440": "1x2,1x1,1x1", "411": "4x1,1x1,1x1"}[kind]
    assert reason == f"the JPEG files of 'Kodak_M1063' are sampled {shown}, which cannot be written alike"


def test_a_table_a_component_is_read_and_written(tmp_path: Path) -> None:
    tables = [[k + 1] * 64 for k in range(3)]
    tables[0][1], tables[0][8] = 40, 50
    file = jpeg(tmp_path / "x.jpg", 1, quality=-1, qtables=tables, subsampling=1)
    header = jpeg_header(file.read_bytes())
    assert header is not None and [list(t) for t in header.coding.tables] == tables
    assert header.coding.sampling == ((2, 1), (1, 1), (1, 1)) and header.coding.subsampling == 1


# a place that is kept


def test_where_the_folder_lay_is_not_kept(root: Path, tmp_path: Path) -> None:
    source = RecipeSource.of(FolderRecipe(path=str(root), size=32), tmp_path / "c")
    before = source.facts(tmp_path / "c")
    for path in (tmp_path / "c").rglob("*.json"):
        assert str(root) not in path.read_text()
    moved = root.rename(tmp_path / "elsewhere")
    again = RecipeSource.of(FolderRecipe(path=str(moved), size=32), tmp_path / "c")
    after = again.facts(tmp_path / "c")
    assert after.data_id == before.data_id and after.jpeg_models == before.jpeg_models == {0, 1}
    assert (before.name, after.name) == ("photos", "elsewhere")
    assert again.open(tmp_path / "c").name == "elsewhere"


# errors outside the boundary, and what is out of scope


def test_strange_entries_are_said_and_nothing_else_is_lost(root: Path) -> None:
    (root / "Acme_One_0_999.jpg").mkdir()
    jpeg(root / "Acme_One_0_999.jpg" / "Kodak_M1063_0_77.JPG", 770, "Kodak", "M1063")
    (root / "Acme_One_0_998.jpg").symlink_to(root / "gone.jpg")
    (root / "._Kodak_M1063_0_1.JPG").write_bytes(b"\0")
    for suffix in (".webp", ".heic", ".jfif", ".dng"):
        (root / f"Kodak_M1063_0_1{suffix}").write_bytes(b"\0")
    with open(os.fsencode(root) + b"/caf\xe9_0_1.jpg", "wb") as file:  # noqa: PTH123  # bytes that are no UTF-8
        file.write(b"x")
    (root / "exclude.txt").write_text("# not these\ngone/away.jpg\n")
    report = check(root, 32)
    assert not report.findings, [str(f) for f in report.findings]
    assert sum(m.photographs for m in report.models) == 14
    assert {reason: len(paths) for reason, paths in report.aside.items()} == {
        "are links to nothing": 1,
        "are files of macOS beside the real ones": 1,
        **{f"are {suffix} files, which are not read": 1 for suffix in (".webp", ".heic", ".jfif", ".dng")},
        "have names that are not UTF-8; rename them": 1,
        "are named in exclude.txt and do not exist": 1,
    }
    assert all(path.encode() for paths in report.aside.values() for path in paths)


def test_linked_folders_are_followed_once(root: Path, tmp_path: Path) -> None:
    elsewhere = dresden(tmp_path / "more", {"Nikon_D200": 3}, each=1)
    (root / "link").symlink_to(elsewhere)
    (root / "natural" / "back").symlink_to(root)
    report = check(root, 32)
    assert report.followed == ("link", "natural/back")
    assert [m.photographs for m in report.models if m.name == "Nikon_D200"] == [3]
    assert report.aside["are folders that a link leads to again"] == ["natural/back/"]


def test_exclude_txt_in_another_encoding_is_a_sentence(root: Path) -> None:
    (root / "exclude.txt").write_bytes("a.jpg\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"exclude\.txt' is no text in UTF-8"):
        look(root)


# labels that are doubted


def test_exif_that_contradicts_names_is_a_finding(tmp_path: Path) -> None:
    root = dresden(tmp_path / "p", {"Kodak_M1063": 1, "Canon_Ixus70": 1, "Sony_DSC-T77": 1}, each=2)
    jpeg(root / "natural/Kodak_M1063_0/Kodak_M1063_0_1000.JPG", 91, "Kodak", "V550")
    for file in root.rglob("Canon_Ixus70_*.JPG"):
        jpeg(file, 92 + int(file.stem[-1]), "OLYMPUS OPTICAL CO.,LTD", "C40Z")
    for file in root.rglob("Sony_*.JPG"):
        jpeg(file, 94 + int(file.stem[-1]), "Kodak", "M1063")
    text = "\n".join(str(f) for f in check(root, 32).findings if f.kind == "exif")
    assert "EXIF of 1 photograph of 'Kodak_M1063' says" in text
    assert "'Canon_Ixus70' is by its name of canon, and EXIF says 'C40Z'" in text
    assert "'Sony_DSC-T77' is by its name of sony, and EXIF says 'M1063'" in text


def test_d70_and_d70s_are_one_model_for_exif_too(tmp_path: Path) -> None:
    root = tmp_path / "p"
    jpeg(root / "Nikon_D70_0_1.JPG", 1, "NIKON CORPORATION", "NIKON D70")
    jpeg(root / "Nikon_D70s_0_1.JPG", 2, "NIKON CORPORATION", "NIKON D70s")
    assert not [f for f in check(root, 32).findings if f.kind == "exif"]


def test_devices_that_are_dates_are_doubted(tmp_path: Path) -> None:
    jpeg(tmp_path / "m" / "a.jpg", 1)
    manifest(tmp_path / "m", "path,camera_model,device\na.jpg,Acme One,20200101\n")
    assert "device '20200101' of model 'Acme One' looks like a date" in faults(tmp_path / "m")["doubt"]


# the check tests what the run needs; leaks


def leaky(root: Path, seeds: dict[str, int]) -> Report:
    rows = ["path,camera_model,device,scene,role"]
    for n, (role, seed) in enumerate(seeds.items()):
        for model in ("a", "b"):
            jpeg(root / f"{model}{n}.jpg", seed + (1000 if model == "b" else 0), quality=95 - n)
            rows.append(f"{model}{n}.jpg,{model},same,{n % 2},{role}")
    return check(manifest(root, "\n".join(rows)), 32)


def test_what_two_roles_share_is_counted(tmp_path: Path) -> None:
    leaks = leaky(tmp_path / "a", {"q": 1, "p": 2, "test": 3}).leaks
    assert leaks is not None and (leaks.devices, leaks.scenes, leaks.pixels, leaks.alike) == (2, 1, 0, ())
    report = leaky(tmp_path / "b", {"q": 1, "p": 2, "test": 1})
    assert report.leaks is not None and sorted(pair[::2] for pair in report.leaks.alike) == [
        ("a2.jpg", "a0.jpg"),
        ("b2.jpg", "b0.jpg"),
    ], "saved again at another quality"
    assert report.listing is not None and "Of 2 of 2 camera models" in report.listing.warning


def test_a_folder_that_a_run_cannot_use_says_so(tmp_path: Path) -> None:
    root = dresden(tmp_path / "p", {"Kodak_M1063": 5, "Agfa_X": 3}, each=1)
    assert "a run needs two camera models that the attacker knows" in faults(root)["split"]
    one = dresden(tmp_path / "q", {"Kodak_M1063": 1}, each=3)
    text = " ".join(str(f) for f in check(one, 32).findings if f.kind == "split")
    assert "by device leaves roles q, test without photographs" in text
    three = dresden(tmp_path / "r", {"Kodak_M1063": 3, "Agfa_X": 3}, each=1)
    text = " ".join(str(f) for f in check(three, 32).findings if f.kind == "split")
    assert "leaves role q without photographs" in text and "an unknown one three). What would help: --rule" in text


def test_by_photograph_every_role_is_filled_and_the_warning_stands(tmp_path: Path) -> None:
    root = dresden(tmp_path / "p", {"Kodak_M1063": 1, "Sony_DSC-T77": 1, "Agfa_X": 1}, each=5)
    recipe = FolderRecipe(path=str(root), size=32, split_rule="photograph")
    dataset = build(recipe, tmp_path / "c", workers=1)
    assert [len(dataset.photos(r)) for r in ("q", "p", "test")] == [4, 7, 4] and dataset.known == 2
    assert "Roles were drawn by photograph" in dataset.warning
    names = [dataset.photos(r).name for r in ("q", "p", "test")]
    assert len(set().union(*names)) == 15


def test_a_line_a_kind_of_fault_and_with_all_a_line_a_file(tmp_path: Path, bench_here: Callable[..., Any]) -> None:
    root = dresden(tmp_path / "p", {"Kodak_M1063": 5, "Sony_DSC-T77": 5}, each=1)
    for file in sorted(root.rglob("Kodak_*.JPG")):
        file.write_bytes(damaged()["closed"])
    arguments = ["data", "check", str(root), "--profile", "smoke"]
    done = bench_here(*arguments)
    lines = [line for line in done.stdout.splitlines() if "is damaged" in line]
    assert done.returncode == 1 and len(lines) == 1 and "of 4 more: " in lines[0] and " and 1 more" in lines[0]
    assert len([line for line in bench_here(*arguments, "--all").stdout.splitlines() if "is damaged" in line]) == 5
    assert re.search(r"^1\s+Kodak_M1063\s+known\s+5\s+5\s+2\s+2\s+1\s+0$", done.stdout, re.M)


def test_by_photograph_a_model_needs_one_in_each_of_its_roles(tmp_path: Path) -> None:
    """A class of which nothing trains would be missed by every attack, and nothing would say why."""
    counts = {"Agfa_DC": 1, "Canon_Ixus70": 5, "Kodak_M1063": 3, "Nikon_D200": 4, "Rollei_RCP": 2, "Sony_H50": 3}
    seed = 0
    for model, count in counts.items():
        for number in range(count):
            seed += 1
            jpeg(tmp_path / "d" / f"{model}_0_{number}.JPG", seed)
    report = check(tmp_path / "d", 32, rule="photograph")
    found = {row.name: (row.attacker, row.counts) for row in report.models}
    assert found["Agfa_DC"] == ("left out", (0, 0, 0, 1)) and found["Rollei_RCP"] == ("unknown", (0, 1, 1, 0))
    assert {name for name, (attacker, _) in found.items() if attacker == "known"} == {"Canon_Ixus70", "Kodak_M1063"}
    assert all(all(counts[:3]) for attacker, counts in found.values() if attacker == "known")
    assert report.listing is not None and report.listing.unused == {"are of models with too few photographs": 1}
    with pytest.raises(DataError, match="model 'Rollei_RCP' has 2 photographs; a known model needs 3: for q, p and"):
        plan(FolderRecipe(path=str(tmp_path / "d"), size=32, split_rule="photograph", known=("Rollei_RCP",)))


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ({"A B": "qpt", "C D": "qt", "E F": "pt"}, "'C D' without photographs in role p, which targets are trained on"),
        ({"A B": "qpt", "C D": "pt", "E F": "pt"}, "'C D' without photographs in role q, which the attacker trains on"),
        ({"A B": "qpt", "C D": "qpt", "E F": "p", "G H": "t"}, "'E F' .* test, which are attacked, and 1 more without"),
        ({"A B": "qpt", "C D": "qpt", "E F": "pt"}, ""),
        ({"A B": "qpt", "C D": "qpt"}, ""),
    ],
)
def test_a_model_that_lacks_a_role_stops_the_build(roles: dict[str, str], said: str, tmp_path: Path) -> None:
    """Nothing would be trained of its class, or a run would skip the whole split."""
    rows, names, seed = ["path,camera_model,device,role,known"], {"q": "q", "p": "p", "t": "test"}, 0
    for model, given in roles.items():
        for device, letter in enumerate(given):
            seed += 1
            jpeg(tmp_path / f"{seed}.jpg", seed)
            rows.append(f"{seed}.jpg,{model},{device},{names[letter]},{'yes' if model in ('A B', 'C D') else 'no'}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    sentences = [f.sentence for f in check(tmp_path, 32).findings if f.kind == "split"]
    if said:
        assert any(re.search(said, sentence) for sentence in sentences)
        with pytest.raises(DataError, match=said):
            listing(FolderRecipe(path=str(tmp_path), size=32))
    else:
        assert not sentences and listing(FolderRecipe(path=str(tmp_path), size=32)).known == 2
