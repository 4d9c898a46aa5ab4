"""A plan as pieces of work with names, for those who bring their own scheduler: `bench plan`, `bench run --only`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from benchbench.base.errors import BenchError, UnknownNameError, did_you_mean
from benchbench.base.identity import digest
from benchbench.contracts.scenario import SCENARIOS
from benchbench.contracts.source import Facts
from benchbench.harness.plan import Plan, PlannedCell, seconds_together, together

PHOTOGRAPHS = "photographs"
_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What one process can do by itself, once the pieces that it needs are done."""

    job: str
    """Its name for `bench run --only`."""
    kind: Literal["photographs", "fit", "crossing"]
    label: str
    needs: tuple[str, ...]
    """Names of missing pieces that come first."""
    seconds: float
    """A first guess, on one core."""
    cells: int = 0
    """How many cells it writes."""


def fit_name(fit_id: str) -> str:
    """Return the name of a fit's piece."""
    return f"fit/{fit_id[:_DIGITS]}"


def crossing_name(key: str, cell: PlannedCell) -> str:
    """Return the name of the piece that crafts once for all cells of a `craft_key`."""
    return f"cross/{cell.attack.name}/{cell.split}/{digest('crossing', key)[:_DIGITS]}"


def worklist(plan: Plan, facts: Facts, photographs: float) -> list[Piece]:
    """Return what is missing, in an order in which each piece stands after those it needs.

    Args:
        plan: of a run.
        facts: of its photographs.
        photographs: seconds that they take, 0 if they are there.
    """
    pieces: list[Piece] = []
    first: tuple[str, ...] = ()
    if photographs:
        first = (PHOTOGRAPHS,)
        label = f"photographs of {facts.name}"
        pieces.append(Piece(job=PHOTOGRAPHS, kind="photographs", label=label, needs=(), seconds=photographs))
    for fit_id, fit in plan.fits.items():
        if fit_id in plan.missing_fits:
            needs = [fit_name(n) for n in plan.needed(fit.needs()) if n in plan.missing_fits]
            pieces.append(
                Piece(
                    job=fit_name(fit_id),
                    kind="fit",
                    label=fit.label,
                    needs=(*first, *needs),
                    seconds=plan.costs[fit_id],
                )
            )
    for key, cells in together(plan.wanted).items():
        needs = [fit_name(n) for n in _fits(plan, cells) if n in plan.missing_fits]
        pieces.append(
            Piece(
                job=crossing_name(key, cells[0]),
                kind="crossing",
                label=f"{cells[0].attack.name} {cells[0].split}",
                needs=(*first, *needs),
                seconds=seconds_together(cells, facts.camera, plan.setup, facts.size, plan.rate),
                cells=len(cells),
            )
        )
    return pieces


def record(pieces: Collection[Piece], command: str) -> list[dict[str, Any]]:
    """Return pieces as JSON, each with the command that does it."""
    return [asdict(piece) | {"command": f"{command} --only {piece.job}"} for piece in pieces]


def only(plan: Plan, facts: Facts, names: Collection[str]) -> Plan:
    """Return the part of a plan that the pieces `names` are; what is done already is left out.

    Raises:
        UnknownNameError: a name that is not a piece of this plan.
        BenchError: a piece needs one that is missing and not asked for.
    """
    fits = {fit_name(fit_id): fit_id for fit_id in plan.fits}
    crossings = {crossing_name(key, cells[0]): cells for key, cells in together(list(plan.cells)).items()}
    known = (PHOTOGRAPHS, *fits, *crossings)
    for name in names:
        if name not in known and not name.startswith("fit/"):  # a finished fit is no longer in the plan
            hint = did_you_mean(name, known)
            raise UnknownNameError(f"unknown job '{name}'.{hint}  See: bench plan, with the options of this run")
    asked = {fits[name] for name in names if name in fits} & plan.missing_fits
    cells = [cell for name in names for cell in crossings.get(name, ())]
    wanted = [cell for cell in cells if cell.state in ("missing", "stale")]
    chosen: Mapping[str, Any] = {f: fit for f, fit in plan.fits.items() if f in asked}
    needed = [n for f in chosen.values() for n in plan.needed(f.needs())] + _fits(plan, wanted)
    lacking = [n for n in dict.fromkeys(needed) if n in plan.missing_fits and n not in asked]
    if lacking:
        first = plan.fits[lacking[0]].label
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise BenchError(
            f"'{', '.join(names)}' needs '{first}' ({fit_name(lacking[0])}){more}, not in the cache yet; run it first."
        )
    return replace(
        plan,
        cells=tuple(cells),
        fits={f: fit for f, fit in plan.fits.items() if f in asked or f in set(needed)},
        missing_fits=frozenset(asked),
        costs={f: plan.costs[f] for f in asked},
        seconds_fits=sum(plan.costs[f] for f in asked),
        seconds_crossing=sum(
            seconds_together(mine, facts.camera, plan.setup, facts.size, plan.rate)
            for mine in together(wanted).values()
        ),
    )


def _fits(plan: Plan, cells: Collection[PlannedCell]) -> list[str]:
    found: dict[str, None] = {}
    for thing in {id(t): t for cell in cells for t in (cell.attack, cell.target)}.values():
        found |= dict.fromkeys(plan.needed(thing.fits(plan.setup)))
    for split in {cell.split for cell in cells}:
        found |= dict.fromkeys(plan.needed(SCENARIOS.create(split).fits(plan.setup)))
    return list(found)
