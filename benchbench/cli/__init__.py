"""The command line, thin: a command is a call of the API. Starting it imports neither torch nor a plugin."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from benchbench import __version__
from benchbench.base.errors import BenchError
from benchbench.cli import (
    ablate,
    cache,
    ceiling,
    data,
    doctor,
    listing,
    plugin,
    results,
    run,
    show,
    tables,
    verify,
    zoo,
)

app = typer.Typer(
    name="bench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # brackets are parameters here, and plain text starts faster
    help="The robustness benchmark for camera-model attribution: attacks x target classifiers. "
    "Start with: bench run --attack cama --targets all",
)
app.command()(run.run)
app.command()(run.plan)
app.command()(run.status)
app.command()(verify.verify)
app.command()(tables.table)
app.command()(tables.report)
app.command()(tables.compare)
app.command()(doctor.doctor)
app.command()(cache.gc)
app.command()(show.curve)
app.command()(ablate.ablate)
app.command()(ceiling.ceiling)
app.add_typer(listing.app, name="list")
app.add_typer(data.app, name="data")
app.add_typer(show.app, name="show")
app.add_typer(zoo.app, name="zoo")
app.add_typer(results.app, name="results")
app.add_typer(plugin.check, name="check")
app.add_typer(plugin.new, name="new")


def _version(asked: bool) -> None:
    if asked:
        print(f"benchbench {__version__}")
        raise typer.Exit()


@app.callback()
def _bench(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    """Hold the options of `bench` itself; typer shows the help text of the app."""


def main() -> None:
    """Run `bench`; a `BenchError` is one sentence and exit code 2, anything else is a bug and shows its traceback."""
    try:
        app()
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
