"""What a program may use: files of its own, so much time, so much memory."""

import contextlib
import signal
import sys
import tempfile
from pathlib import Path

if sys.platform == "linux":
    import resource

MAX_BYTES = 2**30


class TimeIsUp(BaseException):
    """A program takes too long."""


@contextlib.contextmanager
def own_folder():
    """Temporary files go into a folder of their own, which is deleted."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


@contextlib.contextmanager
def limits(seconds):
    """Interrupt what computes too long, and refuse memory to what wants too much.

    What only waits is interrupted, too, but later: other processes may be at work.
    """
    if sys.platform != "linux":  # others have no such limits
        yield
        return
    timers = {
        signal.SIGPROF: (signal.ITIMER_PROF, seconds),
        signal.SIGALRM: (signal.ITIMER_REAL, 20 * seconds),
    }
    before = {one: signal.signal(one, _interrupt) for one in timers}
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    for timer in timers.values():
        signal.setitimer(*timer)
    resource.setrlimit(resource.RLIMIT_DATA, (_data_size() + MAX_BYTES, hard))
    try:
        yield
    finally:
        for timer, _ in timers.values():
            signal.setitimer(timer, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        for one, handler in before.items():
            signal.signal(one, handler)


def _interrupt(*_):
    raise TimeIsUp


def _data_size():
    """Bytes that count against the limit already."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmData:"))
    return 1024 * int(line.split()[1])
