"""A trial of the virtual cameras: a few networks, and what a perfect forgery does to them.

    python tools/world_trial.py rgb,cc,hp,high,low --cache trial
    python tools/world_trial.py 'vgg16/*/partial' --cache ~/.cache/benchbench

Photographs of the six known models alone, by the profile's recipe. Targets (PREPROCESSOR: ResNet-18, complete overlap)
learn from p and are asked about photographs of q; the evaluator's streams `high` and `low` learn from q and are asked
about p. No test photograph is asked about. Each photograph asked about is taken again by another model's camera: with
all of it but the optics, with its color and tone alone, and with all that acts on single pixels. A line a network:
clean accuracy, by class too, and how often each retake is taken for the other model, the whole one as it is and turned
down to 35 dB.

Where a target is named BACKBONE/PREPROCESSOR/OVERLAP, `*` among it, all networks are those of the profile's own data
set of twelve models, and are taken from the zoo if they are there: so it says which trace each target follows. So it
is with `residual`, E0: a line says how much of the energy of the Wiener residuals of p it leaves unexplained.

To try other cameras, edit cameras.toml or benchbench/data/virtual: photographs and networks are kept by identity.
"""

from __future__ import annotations

import argparse
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchbench.contracts.fit import Fit, Setup, collect, silent
from benchbench.contracts.preprocessor import PREPROCESSORS
from benchbench.contracts.profile import load_profile
from benchbench.contracts.roles import Role
from benchbench.contracts.target import TARGETS
from benchbench.data.build import build
from benchbench.data.chimera import FORGERY, Chimeras
from benchbench.data.source import RecipeSource
from benchbench.data.virtual.recipe import VirtualRecipe
from benchbench.evaluate.networks import networks, to_tensor
from benchbench.harness.fits import FitCall
from benchbench.records.cache import Cache
from benchbench.records.zoo import PACKAGED, Zoo
from benchbench_attacks._evaluator import evaluator_fits

COLOR = ("color and tone",)
RETAKES = ((), FORGERY, COLOR, tuple(trace for trace in FORGERY if trace not in COLOR))
"""The photograph itself, the perfect forgery, its low band and its high band."""
BUDGET = 35.0
STREAMS = ("high", "low")
CPU = torch.device("cpu")


Case = tuple[Chimeras, int, int]
"""A role's photographs, one of them by its position, and another model."""


def asked(recipe: VirtualRecipe, role: Role, count: int) -> list[Case]:
    """Return `count` photographs a model, evenly over its devices, each with another model by chance."""
    rng = np.random.default_rng(1)
    chimeras = Chimeras(recipe, role)
    items, found = chimeras.items(), []
    for camera in range(recipe.known):
        own = [index for index, item in enumerate(items) if item.camera == camera]
        for k in np.linspace(0, len(own) - 1, count).astype(int):
            found.append((chimeras, own[k], (camera + 1 + int(rng.integers(recipe.known - 1))) % recipe.known))
    return found


def all_retakes(case: Case) -> list[NDArray[np.uint8]]:
    """Return a photograph and its retakes."""
    chimeras, index, other = case
    return [chimeras.take(index, other, traces) for traces in RETAKES]


def errors(clean: NDArray[np.float64], pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the mean squared error of pictures, (..., H, W, 3), in gray levels; 1e-9 at least."""
    found: NDArray[np.float64] = np.maximum(np.square(pictures - clean).mean((-3, -2, -1)), 1e-9)
    return found


def turned_down(clean: NDArray[np.float64], forgeries: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the forgeries, (N, H, W, 3), those louder than `BUDGET` turned down to it but for rounding."""
    scale = np.minimum(1, 255 * 10 ** (-BUDGET / 20) / np.sqrt(errors(clean, forgeries)))[:, None, None, None]
    return np.clip(np.rint(clean + scale * (forgeries - clean)), 0, 255).astype(np.uint8)


def networks_named(names: list[str], setup: Setup) -> dict[str, Fit]:
    """Return the fits of targets and streams by name; `*` in the name of a target stands for several."""
    fits: dict[str, Fit] = {}
    own = evaluator_fits("dual", setup)
    for name in names:
        if name in (*STREAMS, "residual"):
            fits |= {"residual": own["residual"], name: own[name]}
        elif "/" in name:
            fits |= {target.name: target.fits(setup)["classifier"] for target in TARGETS.resolve(name)}
        else:
            fits[name] = TARGETS.create(f"resnet18/{name}/complete").fits(setup)["classifier"]
    return fits


def train(fits: dict[str, Fit], setup: Setup, source: RecipeSource, cache: Path, zoo: Path, device: str) -> None:
    """Make what neither cache nor zoo has; photographs are rendered where something has to be trained."""
    store = Cache(cache)
    wanted = collect(fits, setup.data_id)
    Zoo(zoo).adopt(wanted, store)
    wanted = collect(fits, setup.data_id, store.has)
    if not all(map(store.has, wanted)):
        build(source.recipe, cache)
    for fit in wanted.values():
        FitCall(fit, setup, source, cache, device)(silent)
        print(f"{fit.label} is there", flush=True)


def answers(name: str, loaded: dict[str, Any], pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the classes that a network says."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(pictures), 16):
            x = to_tensor(pictures[start : start + 16], CPU)
            if name in STREAMS:
                high = loaded["residual"](x * 2 - 1)
                logits = loaded[name].classify(high if name == "high" else x * 2 - 1 - high)
            else:
                logits = loaded[name](x)
            found.append(logits.argmax(1).numpy())
    return np.concatenate(found)


def left_unexplained(network: Any, pictures: NDArray[np.uint8]) -> float:
    """Return the energy of E0's errors as a share of that of the Wiener residuals of photographs, (N, H, W, 3)."""
    wiener = PREPROCESSORS.create("ww")
    missed = energy = 0.0
    with torch.inference_mode():
        for start in range(0, len(pictures), 16):
            x = to_tensor(pictures[start : start + 16], CPU)
            residual = wiener(x)
            missed += float((network(x * 2 - 1) - residual).square().sum())
            energy += float(residual.square().sum())
    return missed / energy


def judge(recipe: VirtualRecipe, role: Role, names: list[str], loaded: dict[str, Any], count: int) -> None:
    """Print what networks say of photographs of a role and of their retakes."""
    if not names:
        return
    cases = asked(recipe, role, count)
    with get_context("spawn").Pool(2) as pool:
        pictures = np.array(pool.map(all_retakes, cases, chunksize=4))
    clean = pictures[:, 0].astype(np.float64)
    psnr = 10 * np.log10(255**2 / errors(clean[:, None], pictures[:, 1:]))
    turned = turned_down(clean, pictures[:, 1])
    quiet = 100 * (psnr[:, 0] > BUDGET).mean()
    means = ", ".join(f"{value:.1f}" for value in psnr.mean(0))
    print(f"{role}: forgery, color and tone, high band: {means} dB; {quiet:.0f} % of forgeries quieter than {BUDGET:g}")
    items = cases[0][0].items()
    true, wanted = (np.array(v) for v in zip(*((items[index].camera, other) for _, index, other in cases), strict=True))
    width = max(map(len, names))
    for name in names:
        said = answers(name, loaded, pictures[:, 0])
        by_class = " ".join(f"{100 * (said[true == k] == k).mean():.0f}" for k in range(recipe.known))
        rates = [100 * (answers(name, loaded, x) == wanted).mean() for x in (*pictures[:, 1:].swapaxes(0, 1), turned)]
        print(
            f"  {name:{width}} clean {100 * (said == true).mean():5.1f} ({by_class})  forger as it is {rates[0]:5.1f}, "
            f"at {BUDGET:g} dB {rates[3]:5.1f}, color {rates[1]:5.1f}, high band {rates[2]:5.1f}"
        )


def main() -> None:
    """Build, train what is missing, and ask."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = "preprocessors of ResNet-18 targets, whole names of targets, high, low, residual; with commas"
    parser.add_argument("networks", help=words)
    parser.add_argument("--cache", type=Path, required=True, help="folder for photographs and networks")
    parser.add_argument("--zoo", type=Path, default=PACKAGED, help="folder of trained networks")
    parser.add_argument("--photographs", type=int, default=16, help="asked about, a model")
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    profile = load_profile("quick")
    names = chosen.networks.split(",")
    whole = "residual" in names or any("/" in name for name in names)
    recipe = VirtualRecipe(**(profile.data if whole else {**profile.data, "unknown": 0}))
    source = RecipeSource.of(recipe)
    classes = recipe.known + recipe.unknown
    setup = Setup(profile=profile, data_id=source.data_id, known=recipe.known, classes=classes)
    fits = networks_named(names, setup)
    train(fits, setup, source, chosen.cache, chosen.zoo, chosen.device)
    loaded = networks(fits, setup, chosen.cache, CPU)
    targets = [name for name in fits if name not in (*STREAMS, "residual")]
    judge(recipe, "q", targets, loaded, chosen.photographs)
    judge(recipe, "p", [name for name in fits if name in STREAMS], loaded, chosen.photographs)
    if "residual" in names:
        cases = asked(recipe, "p", chosen.photographs)
        pictures = np.array([chimeras.take(index, other, ()) for chimeras, index, other in cases])
        share = left_unexplained(loaded["residual"], pictures)
        print(f"p: E0 leaves {100 * share:.1f} % of the energy of the Wiener residuals of {len(pictures)} photographs")


if __name__ == "__main__":
    main()
