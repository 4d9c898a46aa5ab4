"""Draw figures of the papers for results/README.md: `python tools/draw_papers.py`.

Figures 3 and 4 of the augmented cGAN's are those of `bench run --pictures`, figure 4 of SpoC's that of
`bench show generators`, all of them shrunk. It needs the photographs and the networks that `make bench` leaves in the
cache, and two minutes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
WIDTH, QUALITY = 1400, 85
BENCH = (sys.executable, "-m", "benchbench")


def shrink(path: Path, name: str, width: int = WIDTH) -> None:
    """Write docs/pictures/<name>.jpg: the picture at `path`, `width` pixels wide."""
    large = Image.open(path).convert("RGB")
    small = large.resize((width, round(width * large.height / large.width)), Image.Resampling.LANCZOS)
    small.save(PICTURES / f"{name}.jpg", quality=QUALITY, optimize=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asked = ("--attack", "augmented-cgan", "--targets", "resnet18/rgb/complete", "--results", folder)
        subprocess.run([*BENCH, "run", *asked, "--pictures"], check=True)
        for name in ("pairs", "differences"):
            shrink(next(Path(folder).rglob(f"augmented-cgan-{name}.png")), f"augmented-{name}")
        generators = Path(folder) / "generators.png"
        subprocess.run([*BENCH, "show", "generators", "spoc", "--output", str(generators)], check=True)
        shrink(generators, "spoc-generators", 1140)  # spectra take many bytes
