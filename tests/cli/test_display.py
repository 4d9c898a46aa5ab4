from __future__ import annotations

import io

import pytest
from rich.console import Console

from benchbench.cli.display import BarDisplay, Clock, LogDisplay, duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (61, "1 min"), (3540, "59 min"), (3900, "1 h 05 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_clock_trusts_the_pace_once_there_is_one() -> None:
    now = [0.0]
    clock = Clock({"a": 100, "b": 50}, lambda: now[0])
    assert clock.remaining() == 150
    clock.update("a", 0.2)  # was there before
    now[0] = 5
    clock.update("a", 0.3)
    assert clock.remaining() == pytest.approx(70 + 50)
    now[0] = 20
    clock.update("a", 0.6)
    assert clock.remaining() == pytest.approx(20 + 50)
    clock.update("a", 1)
    assert clock.remaining() == 50


def test_a_log_gets_a_line_a_stage_every_twenty_seconds() -> None:
    now, stream = [0.0], io.StringIO()
    display = LogDisplay(stream, lambda: now[0])
    display.start({"networks": 60, "crossing": 60})
    for now[0] in range(0, 45):
        display.update("networks", now[0], 45, "resnet18/rgb/complete loss 0.3")
    display.update("networks", 1, 1, "ready")
    display.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5 and lines[0] == "bench: about 2 min to go"
    assert lines[2] == "bench: networks:  44%, about 1 min to go  (resnet18/rgb/complete loss 0.3)"
    assert lines[-1] == "bench: networks: done, about 1 min to go"


def test_bars() -> None:
    stream = io.StringIO()
    display = BarDisplay(Console(file=stream, force_terminal=True, width=120))
    display.start({"networks": 60, "crossing": 60})
    display.update("networks", 1, 1, "ready")
    display.update("crossing", 1, 2, "cama in")
    display.close()
    assert "crossing" in stream.getvalue() and "to go" in stream.getvalue()
