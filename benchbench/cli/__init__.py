"""The command line, thin: a command is a call of the API. Starting it imports neither torch nor a plugin."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from benchbench import __version__
from benchbench.base.errors import BenchError
from benchbench.base.names import printable
from benchbench.cli import (
    ablate,
    cache,
    ceiling,
    curve,
    data,
    doctor,
    listing,
    photograph,
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
app.command()(curve.curve)
app.command()(ablate.ablate)
app.command()(ceiling.ceiling)
app.command()(photograph.anonymize)
app.command()(photograph.identify)
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
    """Run `bench`; a `BenchError` is one sentence and exit code 2, anything else is a bug and shows its traceback.

    A file or folder that cannot be used is the user's to put right as well, wherever it is met.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what the terminal cannot show is escaped and no error
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # here, where a full disk can still be said
    except BenchError as error:
        _end(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        where = f"'{error.filename}'" if error.filename is not None else "the output"
        _end(f"{where} cannot be used ({error.strerror or error}).")


def _end(sentence: str) -> None:
    print(f"bench: {printable(sentence, keep=chr(10))}", file=sys.stderr)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.exit(2)
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # what is left unwritten stays so at the end
    sys.exit(2)


if __name__ == "__main__":
    main()
