"""Blocking functions run beside each other, up to a limit, and the program does not wait for the last of them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from pinecall_run.live.threads import Threads


def test_results_and_exceptions_come_back() -> None:
    threads = Threads(2)
    assert threads.submit(lambda a, b: a + b, 1, b=2).result(5) == 3
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 / 0).result(5)
    with pytest.raises(SystemExit):
        threads.submit(sys.exit, 3).result(5)
    threads.shutdown()


def test_as_many_run_at_once_as_the_limit_says_and_no_more_threads_than_needed() -> None:
    threads = Threads(3)
    assert [threads.submit(int, str(number)).result(5) for number in range(20)] == list(range(20))
    time.sleep(0.05)
    assert threads.submit(int, "1").result(5) == 1
    assert threads._count <= 2  # one that was about to be idle may have been missed once
    meeting = threading.Barrier(3)
    assert sorted(each.result(5) for each in [threads.submit(meeting.wait, 5) for _ in range(3)]) == [0, 1, 2]
    gate = threading.Event()
    waiting = [threads.submit(gate.wait, 5) for _ in range(10)]
    assert threads._count == 3
    gate.set()
    assert all(each.result(5) for each in waiting)
    threads.shutdown()


def test_after_a_shutdown_nothing_begins() -> None:
    threads = Threads(1)
    gate, begun = threading.Event(), threading.Event()
    running = threads.submit(lambda: (begun.set(), gate.wait(5)))
    assert begun.wait(5)
    waiting = threads.submit(int, "1")
    started = time.monotonic()
    threads.shutdown(wait=True, cancel_futures=True)
    assert time.monotonic() - started < 1
    assert waiting.cancelled()
    assert not running.done()
    with pytest.raises(RuntimeError, match="shut down"):
        threads.submit(int, "1")
    gate.set()
    running.result(5)


def test_work_that_waits_is_done_unless_it_is_cancelled() -> None:
    threads = Threads(1)
    gate = threading.Event()
    threads.submit(gate.wait, 5)
    waiting, unwanted = threads.submit(int, "1"), threads.submit(int, "2")
    assert unwanted.cancel()
    threads.shutdown()
    gate.set()
    assert waiting.result(5) == 1


def test_a_program_ends_though_a_function_hangs() -> None:
    program = (
        "import time\nfrom pinecall_run.live.threads import Threads\n"
        "Threads(1).submit(time.sleep, 60)\ntime.sleep(0.05)\nprint('over')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "over\n", "")


def test_nobody_holds_more_threads_than_are_free() -> None:
    threads, gate, others = Threads(8), threading.Event(), threading.Event()
    begun = threading.Semaphore(0)

    def waits(event: threading.Event) -> bool:
        begun.release()
        return event.wait(5)

    first = [threads.of("first").submit(waits, gate) for _ in range(20)]
    assert [begun.acquire(timeout=5) for _ in range(4)] == [True] * 4
    assert threads.of("second").submit(int, "1").result(5) == 1
    second = [threads.of("second").submit(waits, others) for _ in range(20)]
    assert [begun.acquire(timeout=5) for _ in range(2)] == [True] * 2
    assert threads.of("third").submit(int, "1").result(5) == 1
    assert not begun.acquire(timeout=0.05)
    third = threads.of("third").submit(gate.wait, 5)
    assert threads.of("fourth").submit(int, "1").result(5) == 1
    others.set()
    assert all(each.result(5) for each in second)  # what waits goes on when others end
    gate.set()
    assert all(each.result(5) for each in [*first, third])
    threads.shutdown()


def test_names_take_turns() -> None:
    threads, gate, begun, order = Threads(1), threading.Event(), threading.Event(), list[str]()
    threads.submit(lambda: (begun.set(), gate.wait(5)))
    assert begun.wait(5)
    done = [threads.of(name).submit(order.append, name) for name in "aaab"]
    assert done[1].cancel()
    gate.set()
    for each in (done[0], done[2], done[3]):
        each.result(5)
    assert order == ["a", "b", "a"]
    threads.shutdown()
