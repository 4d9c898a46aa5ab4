"""A processor is named with its instructions: two of one name may round otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench.base.provenance import processor

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
