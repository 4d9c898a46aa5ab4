"""Calls that end, hang or fill their process are told apart, and this process goes on."""

from __future__ import annotations

import os
import sys
import threading
import time

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


def test_a_call_that_cannot_travel_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "copied", lambda *_: None)
    lock = threading.Lock()
    assert probe.tried([lambda: os._exit(0), lambda: lock.locked()]) == ["", ""]
