from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from benchbench.base.errors import BenchError
from benchbench.harness.executors.jobs import Job, Outcome
from benchbench.harness.executors.local import run_jobs
from benchbench.harness.executors.meter import Meter
from benchbench.harness.executors.queue import Queue


def multiply(a: int, b: int, progress: Any) -> int:
    progress(1, 2, "half")
    return a * b


def fail(progress: Any) -> None:
    raise BenchError("a reason.")


def bug(progress: Any) -> None:
    raise KeyError("oops")


def die(progress: Any) -> None:
    os._exit(3)


def unpicklable(progress: Any) -> Any:
    return lambda: None


def job(key: str, call: Any, *needs: str, cost: float = 1.0) -> Job:
    return Job(key=key, label=key.upper(), call=call, needs=frozenset(needs), cost=cost)


@pytest.mark.parametrize("workers", [1, 2])
def test_jobs_fail_alone_and_block_what_needs_them(plugin: Any, workers: int) -> None:
    import operator

    jobs = [
        job("fine", partial(operator.truth)),
        job("bad", partial(operator.truediv, 0)),
        job("child", partial(operator.truth), "bad"),
        job("grandchild", partial(operator.truth), "child", "fine"),
        job("after", partial(operator.truth), "fine"),
    ]
    outcomes = {o.key: o for o in run_jobs(Queue(jobs), workers=workers, on_progress=lambda *_: None)}
    assert set(outcomes) == {"fine", "bad", "child", "grandchild", "after"}
    assert outcomes["fine"].value is True and outcomes["after"].error is None
    assert outcomes["bad"].error is not None and outcomes["bad"].error.startswith("'BAD' raised TypeError")
    assert "Traceback" in outcomes["bad"].detail
    assert outcomes["child"] == Outcome(key="child", error="'BAD' failed", blocked=True)
    assert outcomes["grandchild"].blocked


def test_a_job_that_may_take_years_is_waited_for(plugin: Any) -> None:
    """The system's poll takes no timeout of more than some weeks."""
    import operator

    jobs = [job(name, partial(operator.truth), cost=1e9) for name in ("one", "other")]
    assert [o.error for o in run_jobs(Queue(jobs), workers=2, on_progress=lambda *_: None)] == [None, None]


def test_errors_in_this_process() -> None:
    seen: list[Any] = []
    jobs = [job("a", partial(multiply, 6, 7)), job("b", fail), job("c", bug)]
    a, b, c = run_jobs(Queue(jobs), workers=0, on_progress=lambda *message: seen.append(message))
    assert a.value == 42 and seen == [("a", 1, 2, "half")]
    assert b.error == "a reason." and c.error == "'C' raised KeyError: 'oops'."


def test_what_cannot_travel_is_an_error_of_that_job_and_what_no_module_holds_travels(plugin: Any) -> None:
    """Functions and classes of a script, a notebook or a function's inside; one pool, since workers start slowly."""
    import operator

    @dataclass(frozen=True)
    class Local:
        value: int

    lock = threading.Lock()
    jobs = [
        job("lock", lambda progress: lock.locked()),
        job("fine", partial(operator.truth)),
        job("answer", lambda progress: threading.Lock()),
        *(job(str(i), lambda progress, i=i: Local(i)) for i in range(3)),
    ]
    outcomes = {o.key: o for o in run_jobs(Queue(jobs), workers=2, on_progress=lambda *_: None)}
    assert "'LOCK' cannot be sent to a worker process" in str(outcomes["lock"].error)
    assert "the result of 'ANSWER' cannot be sent back" in str(outcomes["answer"].error)
    assert outcomes["fine"].value is True
    assert [outcomes[str(i)].value for i in range(3)] == [Local(i) for i in range(3)]


def test_the_longest_chain_starts_first() -> None:
    queue = Queue(
        [job("short", fail), job("root", fail), job("long", fail, cost=2.0), job("leaf", fail, "root", cost=5)]
    )
    order = []
    while (taken := queue.take()) is not None:
        order.append(taken.key)
    assert order == ["root", "long", "short"] and queue
    queue.finish(Outcome(key="root"))
    assert queue.take() == queue.jobs["leaf"] and not queue


def test_a_chain_that_grows_while_it_waits_goes_first() -> None:
    queue = Queue([job("a", fail, cost=3.0), job("b", fail, cost=2.0), job("c", fail, "b")])
    queue.add([job("d", fail, "c", cost=2.0)])
    first = queue.take()
    assert first is not None and first.key == "b"
    queue.add([job("e", fail, "c", cost=9.0)])  # b runs already, c waits for it
    queue.finish(Outcome(key="b"))
    assert [taken.key for _ in range(2) if (taken := queue.take())] == ["c", "a"]


def plain_order(jobs: list[Job], failing: set[str]) -> list[str]:
    """Return the keys in the order in which one worker ends them, found by looking at all jobs each time."""

    def chain(key: str) -> float:
        return known[key].cost + max((chain(other.key) for other in jobs if key in other.needs), default=0.0)

    known = {job.key: job for job in jobs}
    chains = {key: chain(key) for key in known}
    waiting, done, ended = list(known), set[str](), []
    while ready := [key for key in waiting if known[key].needs <= done]:
        key = max(ready, key=lambda k: chains[k])
        waiting.remove(key)
        ended.append(key)
        if key not in failing:
            done.add(key)
            continue
        blocked = {key}
        while more := [k for k in waiting if known[k].needs & blocked]:
            ended += more
            blocked |= set(more)
            waiting = [k for k in waiting if k not in blocked]
    assert not waiting
    return ended


@pytest.mark.parametrize("seed", range(20))
def test_the_order_is_that_of_a_plain_search(seed: int) -> None:
    random = Random(seed)
    jobs: list[Job] = []
    for i in range(60):
        needs = random.sample([j.key for j in jobs], min(len(jobs), random.choice((0, 0, 1, 2, 4))))
        jobs.append(job(str(i), fail, *needs, cost=random.choice((0.5, 1.0, 1.0, 2.0))))
    failing = {j.key for j in jobs if random.random() < 0.1}
    queue, ended = Queue(), []
    cuts = [0, *sorted(random.choices(range(60), k=4)), 60]
    for start, stop in pairwise(cuts):
        queue.add(jobs[start:stop])
    while (taken := queue.take()) is not None:
        error = "no" if taken.key in failing else None
        ended += [outcome.key for outcome in queue.finish(Outcome(key=taken.key, error=error))]
    assert ended == plain_order(jobs, failing) and not queue


def test_tens_of_thousands_of_jobs_take_seconds() -> None:
    fits = [job(f"fit{i}", fail, cost=1.0 + i % 7) for i in range(8_000)]
    crossings = [job(f"cross{i}", fail, *(f"fit{(i + k) % 8_000}" for k in range(3))) for i in range(32_000)]
    began = time.process_time()
    queue = Queue(fits)
    for start in range(0, len(crossings), 400):  # in small lots, as crossings are released
        queue.add(crossings[start : start + 400])
    ended = 0
    while (taken := queue.take()) is not None:
        ended += len(queue.finish(Outcome(key=taken.key)))
    assert ended == 40_000
    assert time.process_time() - began < 8  # below 1 on a quiet core; looking at all jobs each time takes many minutes


def test_meter_weighs_by_cost() -> None:
    shown: list[tuple[int, int, str]] = []
    meter = Meter(lambda *m: shown.append(m))
    meter.add([job("a", fail, cost=3.0), job("b", fail)])
    assert "a" in meter and "c" not in meter
    meter.progress("a", 1, 2, "loss 0.3")
    meter.finish(Outcome(key="b"))
    assert shown == [(375, 1000, "A loss 0.3"), (625, 1000, "A loss 0.3")]


def test_meter_knows_of_jobs_to_come() -> None:
    shown: list[tuple[int, int, str]] = []
    meter = Meter(lambda *m: shown.append(m), expected=8.0)
    meter.add([job("a", fail, cost=2.0)])
    meter.finish(Outcome(key="a"))
    meter.add([job("b", fail, cost=8.0)])
    meter.finish(Outcome(key="b"))
    assert [done for done, _, _ in shown] == [250, 1000]


@pytest.mark.parametrize("workers", [1, 2])
def test_jobs_may_follow_from_outcomes(plugin: Any, workers: int) -> None:
    import operator

    queue, seen = Queue([job("a", partial(operator.truth))]), []
    for outcome in run_jobs(queue, workers=workers, on_progress=lambda *_: None):
        seen.append(outcome.key)
        if outcome.key == "a":
            queue.add([job("b", partial(operator.truth), "a"), job("c", partial(operator.truth), "b")])
    assert seen == ["a", "b", "c"] and not queue
