"""What a program may use: files of its own, so much time, so much memory."""

import contextlib
import signal
import sys
import tempfile
from pathlib import Path

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
    """Interrupt what takes too long, and refuse memory to what wants too much."""
    if sys.platform != "linux":  # others have no such limits
        yield
        return
    import resource

    def interrupt(*_):
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, interrupt)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_DATA, (_data_size() + MAX_BYTES, hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        signal.signal(signal.SIGALRM, before)


def _data_size():
    """Bytes that count against the limit already."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmData:"))
    return 1024 * int(line.split()[1])
