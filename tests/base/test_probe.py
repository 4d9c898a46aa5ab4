"""Calls that end, hang or fill their process are told apart, and this process goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

import pytest

from benchbench.base import probe

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing limits memory")


@pytest.fixture(params=["in a copy", "anew"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where calls are tried: in a copy of this process, or as elsewhere than on Linux in one that starts anew."""
    if request.param == "anew":
        monkeypatch.setattr(probe, "copied", lambda *_: None)


def hog() -> None:
    kept = []
    while True:
        kept.append(bytearray(2**24))


def test_each_call_is_told_from_the_others(
    place: None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_MEMORY", 2**28)
    calls = [lambda: print("shown"), lambda: os._exit(0), lambda: sys.exit(3), lambda: [][1], os.abort, hog, list]
    found = probe.tried(calls)
    assert found == [
        "",
        "ended the process with exit code 0",
        "",
        "",
        "ended the process with exit code -6",
        "takes more memory than there is",
        "",
    ]
    assert capfd.readouterr().out == "", "whoever calls in earnest is shown it"


def test_a_call_that_does_not_end_is_given_up(place: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_PATIENCE", 1.0)
    assert probe.tried([lambda: time.sleep(600)]) == ["does not end"]
    monkeypatch.setattr(probe, "_PATIENCE", 300.0)
    monkeypatch.setattr(probe, "_PROCESSOR", 1)

    def loop() -> None:
        while True:
            pass

    assert probe.tried([loop]) == ["does not end"]


def test_each_call_has_its_own_seconds(place: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_PROCESSOR", 2)

    def compute() -> None:
        begun = time.process_time()
        while time.process_time() < begun + 1.0:
            pass

    assert probe.tried([compute] * 3) == ["", "", ""]


def test_a_copy_that_crashes_is_not_the_calls_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a copy of a process does whose threads have computed; what starts anew has the last word."""
    parent = os.getpid()

    def call() -> None:
        if multiprocessing.parent_process() is not None and os.getppid() == parent and started == ["copy"]:
            os.kill(os.getpid(), signal.SIGSEGV)

    started: list[str] = []
    copied, anew = probe.copied, probe._anew
    monkeypatch.setattr(probe, "copied", lambda *given: (started.append("copy"), copied(*given))[1])
    monkeypatch.setattr(probe, "_anew", lambda *given: (started.append("anew"), anew(*given))[1])
    assert probe.tried([list, call, list, os.abort]) == ["", "", "", "ended the process with exit code -6"]
    assert started == ["copy", "anew"]


def test_a_copy_that_ends_with_a_code_is_believed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its processes are made up: a copy of this one, whose threads have computed, may crash for that alone."""
    started: list[object] = []

    def heard_of(start: object, calls: Sequence[object]) -> probe._Heard:
        started.append(start)
        return probe._Heard(1, "ended the process with exit code 3")

    monkeypatch.setattr(probe, "_heard_of", heard_of)
    assert probe.tried([list, list]) == ["", "ended the process with exit code 3"]
    assert started == [probe.copied]


def test_a_call_that_cannot_travel_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "copied", lambda *_: None)
    lock = threading.Lock()
    assert probe.tried([lambda: os._exit(0), lambda: lock.locked()]) == ["", ""]
