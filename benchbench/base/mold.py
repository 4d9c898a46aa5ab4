"""Copies of a process as it was before it had done anything: it waits beside the one that works, and is copied."""

from __future__ import annotations

import os
import signal
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from benchbench.base.processes import LOST, copied, end_with_parent, take_mark

_MARK = 32
"""Characters of a copy's mark."""
_LONGEST = 20
"""Digits of a number."""
_ROOM = 4096
"""Bytes, one for each signal."""


class Copy:
    """A process that a `Mold` has made, with what `multiprocessing`'s have: a number, and whether and how it ended."""

    def __init__(self, mark: str, told: Connection) -> None:
        """Wait until the copy is there.

        Args:
            mark: see `processes.end_with_children`.
            told: where its number comes from, then how it ended.

        Raises:
            EOFError, OSError: the mold has been killed.
        """
        self.mark = mark
        self._told = told
        self._code: int | None = None
        self.pid = int(told.recv_bytes(_LONGEST))

    @property
    def exitcode(self) -> int | None:
        """How it ended, as `multiprocessing` has it; None while it is there."""
        self.join(0)
        return self._code

    def is_alive(self) -> bool:
        """Say whether it is there."""
        return self.exitcode is None

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        if self._code is None and self._told.poll(timeout):
            try:
                self._code = int(self._told.recv_bytes(_LONGEST))
            except (EOFError, OSError):
                self._code = LOST  # its mold has been killed, and all copies with it
            self._told.close()

    def kill(self) -> None:
        """End it."""
        if self.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class Mold:
    """A copy of this process as it is now, of which others are made: they end with it, and it with this object."""

    def __init__(self, target: Callable[[Connection], None], private: tuple[Connection, ...] = ()) -> None:
        """Make it; `alive` is false where nothing can be copied, see `copied`.

        Args:
            target: what copies do with the pipe that each is given.
            private: pipes that no copy is to hold.
        """
        self._order, theirs = socket.socketpair()
        self._process = copied(_wait_for_orders, theirs, target, self._order, *private)
        theirs.close()

    @property
    def alive(self) -> bool:
        """Whether copies can be made."""
        return self._process is not None and self._process.is_alive()

    def copy(self, pipe: Connection) -> Copy:
        """Return a copy that has the other end of a pipe; this process is to close its own.

        Raises:
            EOFError, OSError: the mold has been killed.
        """
        mark = uuid.uuid4().hex
        told, tells = Pipe(duplex=False)
        try:
            socket.send_fds(self._order, [mark.encode()], [pipe.fileno(), tells.fileno()])
        finally:
            tells.close()
        return Copy(mark, told)


def _wait_for_orders(
    orders: socket.socket, target: Callable[[Connection], None], *private: Connection | socket.socket
) -> None:
    """Make a copy for each order, and tell what becomes of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    end_with_parent()
    for other in private:  # held here, they would not end with the process that reads them, and an attack could write
        other.close()
    # A pipe that ends with a copy would not do: what the copy has started may hold it.
    woken, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.fileno())
    copies: list[tuple[BaseProcess, Connection]] = []
    while True:
        ready = wait([orders, woken])
        if woken in ready:
            woken.recv(_ROOM)
            for process, teller in copies:
                if process.exitcode is not None:
                    with suppress(OSError):  # nobody wants to know any more
                        teller.send_bytes(str(process.exitcode).encode())
                    teller.close()
            copies = [each for each in copies if not each[1].closed]
        if orders in ready:
            mark, handles, *_ = socket.recv_fds(orders, _MARK, 2)
            if not mark:
                signal.set_wakeup_fd(-1)
                return
            pipe, teller = Connection(handles[0]), Connection(handles[1])
            process = _copy(mark.decode(), target, pipe, [orders, woken, wakes, teller, *(t for _, t in copies)])
            pipe.close()  # first: whoever hears of the copy may count on its end of the pipe being the last
            teller.send_bytes(str(process.pid).encode())
            copies.append((process, teller))


def _copy(
    mark: str, target: Callable[[Connection], None], pipe: Connection, private: list[Connection | socket.socket]
) -> BaseProcess:
    def serve() -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in private:
            other.close()
        take_mark(mark)
        target(pipe)

    process = copied(serve)
    assert process is not None, "this process is one"
    return process
