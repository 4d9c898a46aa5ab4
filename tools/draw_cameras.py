"""Draw a contact sheet of the virtual cameras for the documents: `make pictures`, or `python tools/draw_cameras.py`.

It needs the photographs of the profile `quick`, which `bench data build` renders in some minutes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchbench.contracts.profile import load_profile
from benchbench.data.export import contact_sheet
from benchbench.data.source import RecipeSource
from benchbench.data.virtual.recipe import VirtualRecipe
from benchbench.harness.options import default_cache

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "cameras.jpg"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=PICTURE, help="the picture to write")
    asked = parser.parse_args()
    source = RecipeSource.of(VirtualRecipe(**load_profile("quick").data))
    dataset = source.build(default_cache(), 0, lambda label, done, total: None)
    contact_sheet(dataset, asked.output, columns=6, thumbnail=80)
    print(asked.output)
