"""bench gc: free the cache. Results are never touched."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from benchbench.cli import options as opt
from benchbench.cli.text import columns, size_text


def gc(
    everything: Annotated[
        bool, typer.Option("--all", help="Remove the whole cache, and not only what nothing here refers to.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")] = False,
    cache: opt.CacheFolder = None,
    results: opt.Results = opt.RESULTS,
) -> None:
    """Free the cache of networks and photographs that no cell under --results was made with.

    What goes can be computed again; results are never touched. What a run of the moment works on stays. Without any
    cell under --results nothing goes, unless with --all.

    Examples:

      bench gc --dry-run

      bench gc

      bench gc --all
    """
    from benchbench.records.cache import Cache, default_cache
    from benchbench.records.cells import CellStore
    from benchbench.records.garbage import find, remove

    place = Cache(cache or default_cache())
    with nullcontext() if dry_run else place.gate():
        found = find(place, CellStore(results), everything=everything)
        if found:
            print(columns(("what", "why", "size"), [(item.label, item.why, size_text(item.size)) for item in found]))
        total = size_text(sum(item.size for item in found))
        if dry_run:
            print(f"would free {total} of {size_text(place.size())} in {place.root}")
            return
        remove(place, found)
    print(f"freed {total}; {size_text(place.size())} stay in {place.root}")
