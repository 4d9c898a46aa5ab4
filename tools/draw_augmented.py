"""Draw figures 3 and 4 of the augmented cGAN's paper for results/README.md: `python tools/draw_augmented.py`.

The pictures are those of `bench run --pictures`, shrunk. It needs the photographs and the networks that `make bench`
leaves in the cache, and a minute.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
WIDTH, QUALITY = 1400, 85

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        bench = (sys.executable, "-m", "benchbench", "run", "--attack", "augmented-cgan", "--pictures")
        subprocess.run([*bench, "--targets", "resnet18/rgb/complete", "--results", folder], check=True)
        for name in ("pairs", "differences"):
            large = Image.open(next(Path(folder).rglob(f"augmented-cgan-{name}.png"))).convert("RGB")
            small = large.resize((WIDTH, round(WIDTH * large.height / large.width)), Image.Resampling.LANCZOS)
            small.save(PICTURES / f"augmented-{name}.jpg", quality=QUALITY, optimize=True)
