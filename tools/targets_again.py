"""Targets trained once more, from other weights and batches: what attacks do to each of the two networks.

    python tools/targets_again.py resnet18/rgb/complete,resnet18/cc/complete

A run has one training seed, for attackers and examiners alike, so that a ResNet-18 of complete overlap starts from the
weights that an evaluator behind the same preprocessor started from; the two learn from other photographs. Should the
common start help an attack, the second network would take its photographs for the wanted model less often. What else
the two networks differ by is what one training gives and the next does not.

Asked about are the photographs held out of q, as by `bench curve --training`: no test photograph. Networks are those of
the zoo where it has them; what is trained and what was seen is kept in the cache. Printed: a table in Markdown.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchbench.base.progress import Quiet
from benchbench.cli import options
from benchbench.contracts.attack import ATTACKS
from benchbench.contracts.fit import Fit, Setup, collect, silent
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS
from benchbench.harness.fits import FitCall
from benchbench.harness.options import RunOptions
from benchbench.harness.photographs import shown_on
from benchbench.records.cache import Cache, default_cache
from benchbench.records.zoo import PACKAGED, Zoo
from benchbench.report.formats import markdown
from benchbench.report.model import Column, Row, Table
from benchbench.studies.learning import Look, Reading, Retakes, held_out
from benchbench.studies.learning_tables import entry_of, figures_of

TRIED = "forger,cama,misl-cgan,spoc-cgan,pgd,fgsm"
SEED = 1_000_003
"""Of the second network; any that no run has."""


def twins(names: str, setup: Setup, seed: int) -> dict[str, Fit]:
    """Return the classifiers of targets, each with that of another seed, by the names of their rows."""
    fits: dict[str, Fit] = {}
    for target in TARGETS.resolve(names.split(",")):
        fit: Any = target.fits(setup)["classifier"]
        fits |= {target.name: fit, f"{target.name}, again": replace(fit, seed=seed)}
    return fits


def table(clean: Reading, attacked: dict[str, Reading], known: int) -> Table:
    """Return a row a network: what it names right of photographs as they are, and takes for the wanted model, in %.

    Args:
        attacked: readings by attack.
    """
    right = figures_of(clean, known, named=True).success
    success = {name: figures_of(reading, known).success for name, reading in attacked.items()}
    rows = []
    for name in clean.said:
        found = [right[name], *(rates[name] for rates in success.values())]
        rows.append(Row(name, name, tuple(map(entry_of, found)), ranked=False))
    columns = (Column("right", "named right"), *(Column(name, name) for name in attacked))
    caption = (
        f"{len(set(clean.image.tolist()))} photographs held out of q, each wanted as every other model that the "
        "attacker knows. Percent taken for the wanted model, with 95 % intervals, scenes being the clusters.",
    )
    return Table("", "Targets trained once more", caption, "target", columns, tuple(rows), intervals=True)


def main() -> None:
    """Train what is missing, look, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", help="names or patterns, with commas")
    parser.add_argument("--attacks", default=TRIED, help=f"names, with commas (default: {TRIED})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the second networks (default: {SEED})")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for photographs and networks")
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    profile = load_profile("quick")
    source = options.source("virtual", profile, None, None, chosen.cache)
    setup = source.facts(chosen.cache).setup(profile, 0)
    attacks = ATTACKS.resolve([chosen.attacks], profile.attacks)
    judges, store = twins(chosen.targets, setup, chosen.seed), Cache(chosen.cache)
    own = {f"{attack.name} {k}": fit for attack in attacks for k, fit in attack.fits(setup).items()}
    Zoo(PACKAGED).adopt(collect(judges | own, setup.data_id), store)
    dataset = source.build(chosen.cache, os.cpu_count() or 1, shown_on(Quiet()))
    for fit in collect(judges | own, setup.data_id, store.has).values():
        FitCall(fit, setup, source, chosen.cache, chosen.device)(silent)
    trials = held_out(dataset)
    retakes = Retakes(source=source, trials=trials, cache=chosen.cache)
    retakes(silent)
    asked: dict[str, Any] = {"judges": judges, "trials": trials, "source": source, "retakes": retakes}
    asked |= {"setup": setup, "options": RunOptions(cache=chosen.cache, device=chosen.device)}
    clean = Look(attack=None, **asked)(silent)
    print(markdown(table(clean, {a.name: Look(attack=a, **asked)(silent) for a in attacks}, setup.known)), end="")


if __name__ == "__main__":
    main()
