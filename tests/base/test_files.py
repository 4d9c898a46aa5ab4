"""Lock files: held, free, and on file systems that grant a reader no exclusive lock, or know no locks."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchbench.base.errors import StoreError
from benchbench.base.files import is_locked, locked

HOLDS = """
import sys
from pathlib import Path
from benchbench.base.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_seen_while_its_process_lives(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert not is_locked(path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    assert is_locked(path) and is_locked(path), "looking does not take it"
    holder.kill()
    holder.wait()
    assert path.exists() and not is_locked(path)


def test_nfs_grants_a_reader_no_exclusive_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.lock"
    real = fcntl.flock

    def of_nfs(file: object, how: int) -> None:
        number = file if isinstance(file, int) else file.fileno()  # type: ignore[attr-defined]
        writes = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        if (how & fcntl.LOCK_EX and not writes) or (how & fcntl.LOCK_SH and writes):
            raise OSError(errno.EBADF, "Bad file descriptor")
        real(number, how)

    monkeypatch.setattr(fcntl, "flock", of_nfs)
    with locked(path):
        assert is_locked(path)
    assert not is_locked(path)


def test_what_cannot_be_told_counts_as_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.lock"
    path.touch()

    def refuses(number: int) -> None:
        def flock(file: object, how: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", flock)

    refuses(errno.EACCES)
    assert is_locked(path)
    with pytest.raises(StoreError, match="cannot be locked"), locked(path):
        pass
    refuses(errno.EOPNOTSUPP)  # Lustre without its option: runs go on, and gc leaves everything
    with locked(path):
        assert is_locked(path)


def test_whoever_waits_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, told = tmp_path / "a.lock", []
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"

    def waiting() -> None:
        told.append(1)
        if len(told) == 2:
            holder.kill()
            holder.wait()

    monkeypatch.setattr("benchbench.base.files.time.sleep", lambda seconds: None)
    with locked(path, waiting):
        assert len(told) == 2
