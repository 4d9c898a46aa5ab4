"""Where numbers come from: the processor with its instructions, the commit of a checkout and of its archive."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from benchbench.base import provenance
from benchbench.base.provenance import processor

ROOT = Path(__file__).resolve().parents[2]

INTEL = "processor\t: 0\nmodel name\t: Xeon\nflags\t\t: fpu sse2 avx avx2{more} fma\n"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (INTEL.format(more=""), "Xeon (AVX2)"),
        (INTEL.format(more=" avx512f avx512_bf16"), "Xeon (AVX512)"),
        ("model name : Atom\nflags : fpu sse2\n", "Atom"),
        ("processor : 0\nFeatures : fp asimd evtstrm\n", "aarch64 (NEON)"),
        (None, "arm"),
    ],
)
def test_the_processor_is_named(monkeypatch: pytest.MonkeyPatch, cpuinfo: str | None, expected: str) -> None:
    def read_text(self: Path, **options: str) -> str:
        if cpuinfo is None:
            raise FileNotFoundError(self)
        return cpuinfo

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr("platform.processor", lambda: "" if cpuinfo else "arm")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert processor.__wrapped__() == expected


def git(place: Path, *arguments: str) -> bytes:
    who = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    return subprocess.run(["git", *who, *arguments], cwd=place, check=True, capture_output=True).stdout


def test_an_archive_of_a_checkout_names_its_commit(tmp_path):
    for name in (".git_archival.txt", ".gitattributes"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-qm", "all")):
        git(tmp_path, *arguments)
    with tarfile.open(fileobj=io.BytesIO(git(tmp_path, "archive", "HEAD"))) as archive:
        note = archive.extractfile(".git_archival.txt").read()
    (tmp_path / "note").write_bytes(note)
    assert provenance._archived(tmp_path / "note") == git(tmp_path, "rev-parse", "HEAD").decode().strip()
    assert provenance._archived(ROOT / ".git_archival.txt") is None, "a checkout's own is no commit"
    assert provenance._archived(tmp_path / "none") is None


def test_a_checkout_is_dirty_by_its_code_and_not_by_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = ["benchbench/base/provenance.py", "attacks/fgsm.py", "targets/grid.py", "results/cells.csv", "README.md"]
    for place in [*places, "pyproject.toml"]:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("before\n")

    for arguments in (("init", "-q"), ("add", "."), ("commit", "-qm", "one")):
        git(tmp_path, *arguments)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / places[0]))
    head = git(tmp_path, "rev-parse", "HEAD").decode().strip()
    for place in ("results/cells.csv", "README.md"):
        (tmp_path / place).write_text("after\n")
    assert provenance.commit.__wrapped__() == head
    (tmp_path / "attacks/fgsm.py").write_text("after\n")
    assert provenance.commit.__wrapped__() == f"{head}-dirty"
