"""Draw what an attack does to one photograph, small enough for the README: `python tools/draw_attack.py`.

The picture is that of `bench show photographs`, shrunk and with fewer colors. It needs the photographs and the
networks that `make bench` leaves in the cache, and a minute.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "attack.png"
WIDTH, COLORS = 880, 192

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--attack", default="cama")
    parser.add_argument("--image", default="66", help="number of the test photograph")
    parser.add_argument("--output", type=Path, default=PICTURE, help="the picture to write")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.png"
        bench = (sys.executable, "-m", "benchbench", "show", "photographs", asked.attack)
        subprocess.run([*bench, "--images", asked.image, "--output", str(large)], check=True)
        picture = Image.open(large).convert("RGB")
        small = picture.resize((WIDTH, round(WIDTH * picture.height / picture.width)), Image.Resampling.LANCZOS)
        asked.output.parent.mkdir(parents=True, exist_ok=True)
        small.quantize(COLORS).save(asked.output, optimize=True)
