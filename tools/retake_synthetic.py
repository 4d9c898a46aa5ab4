"""What SpoC could reach: synthetic pictures retaken by the wanted camera itself, and who believes them.

    .venv/bin/python tools/retake_synthetic.py --cache CACHE

Each picture stands for the light on the sensor; from there on it is the camera's: color filters, noise, demosaicing,
tone, sharpening, JPEG. The cache needs the networks of docs/spoc2019.md. Printed: a row a distance, in percent of
pictures that each classifier takes for the wanted model, all six in turn. With --renderings what the generators have
painted is retaken, before they did: what is lost from there to the pictures, they have left.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchbench.cli import options
from benchbench.contracts.target import TARGETS
from benchbench.data.virtual import processing, sensor
from benchbench.data.virtual.recipe import VirtualRecipe, cameras, device, labels
from benchbench.data.virtual.renderings import rendering
from benchbench.evaluate.networks import networks, to_tensor
from benchbench.records.cache import default_cache
from benchbench.synthesis.fits import synthetic_pictures

JUDGES = [f"spoc2019:{name}" for name in ("tuama2016", "bondi2017", "xception", "inceptionv3")]
JUDGES += [f"resnet18/{name}/complete" for name in ("rgb", "hp", "fd", "cc")]
Pixels = NDArray[np.uint8]


def retaken(picture: Pixels, recipe: VirtualRecipe, model: int, number: int) -> Pixels:
    """Return what a camera model makes of a picture, (H, W, 3), taken for the light on its sensor."""
    camera, label, unit = cameras(recipe)[model], labels(recipe)[model], device(recipe, model, 0)
    tone = picture.astype(np.float64) / 255
    light = np.where(tone <= 0.04045, tone / 12.92, ((tone + 0.055) / 1.055) ** 2.4).astype(np.float32)
    border = (unit.gain.shape[0] - len(light)) // 2
    light = np.pad(light, ((border, border), (border, border), (0, 0)), mode="reflect")
    response = np.array(camera.sensor.response, np.float32)
    raw = sensor.expose(light * response, camera.sensor, unit, np.random.default_rng(number))
    red, green, blue = (float(value) for value in 1 / response)
    developed = processing.process(sensor.develop(raw, camera.sensor.cfa, camera.demosaic, (red, green, blue)), camera)
    jpeg = processing.encode(developed, camera, make=label.make, model=label.model)
    return processing.center(processing.decode(jpeg), len(picture))


def within(pictures: Pixels, changed: Pixels, least: float | None) -> tuple[Pixels, float]:
    """Return `changed`, turned down where it is further than `least` dB, and its mean PSNR."""
    gap = changed.astype(np.float64) - pictures
    psnr = -10 * np.log10((gap**2).mean(axis=(1, 2, 3)) / 255**2)
    share = np.ones(len(gap)) if least is None else np.minimum(1.0, 10 ** ((psnr - least) / 20))
    near = np.clip(np.rint(pictures + gap * share[:, None, None, None]), 0, 255)
    error = ((near - pictures) ** 2).mean(axis=(1, 2, 3))
    return near.astype(np.uint8), float((-10 * np.log10(error / 255**2)).mean())


def main() -> None:
    """Retake, ask, print."""
    parser = argparse.ArgumentParser(description="Synthetic pictures, retaken by the wanted camera itself.")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where the networks are")
    parser.add_argument("--renderings", action="store_true", help="retake the renderings that the pictures show")
    arguments = parser.parse_args()
    cache = arguments.cache
    asked = options.request(["noise"], ["resnet18/rgb/complete"], "quick", "in,out", "virtual", None, None)
    setup, here = asked.source.facts(cache).setup(asked.profile, 0), torch.device("cpu")
    recipe = asked.source.recipe
    assert isinstance(recipe, VirtualRecipe)
    pictures = np.array(networks({"p": synthetic_pictures(setup, "test")}, setup, cache, here)["p"].images)
    if arguments.renderings:
        every = range(len(pictures))
        pictures = np.stack([rendering(pictures.shape[1], setup.seed, "synthetic", "test", n) for n in every])
    judges = {}
    for name in JUDGES:
        target = TARGETS.create(name)
        judges[target.name] = target.load(networks(target.fits(setup), setup, cache, here), here).eval()

    def said(shown: Pixels) -> dict[str, NDArray[np.int64]]:
        with torch.inference_mode():
            return {name: judge(to_tensor(shown, here)).argmax(1).numpy() for name, judge in judges.items()}

    plain = said(pictures)
    before = (np.mean([found == k for k in range(setup.known)]) for found in plain.values())
    print("dB", *judges, sep="\t")
    print("-", *(f"{100 * rate:.1f}" for rate in before), sep="\t", flush=True)
    made = [np.stack([retaken(p, recipe, k, n) for n, p in enumerate(pictures)]) for k in range(setup.known)]
    for least in (None, 31.0, 35.0):
        rates: dict[str, list[float]] = {name: [] for name in judges}
        levels = []
        for k, changed in enumerate(made):
            near, psnr = within(pictures, changed, least)
            levels.append(psnr)
            for name, found in said(near).items():
                rates[name].append(float(np.mean(found == k)))
        shown = (f"{100 * np.mean(mine):.1f}" for mine in rates.values())
        print(f"{np.mean(levels):.1f}", *shown, sep="\t", flush=True)


if __name__ == "__main__":
    main()
