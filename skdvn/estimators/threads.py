"""One thread where work is small.

Threads of OpenMP spin while they wait for each other. Where each has little to do, two
gain nothing on an idle machine and cost ten times the work on a busy one.
"""

import threading
from contextlib import contextmanager
from functools import cache, wraps

import torch
from threadpoolctl import ThreadpoolController

from ..data.typing import Method


class _Blas:
    """The limit that all Python threads share, held while any of them needs it."""

    def __init__(self):
        self._lock, self._depth, self._limit = threading.Lock(), 0, None

    @contextmanager
    def __call__(self):
        with self._lock:
            if not self._depth:
                self._limit = _controller().limit(limits=1, user_api="blas")
                self.n_threads = torch.get_num_threads()
            self._depth += 1
        try:
            yield self.n_threads
        finally:
            with self._lock:
                self._depth -= 1
                if not self._depth:
                    self._limit.restore_original_limits()


@cache
def _controller():
    return ThreadpoolController()


_blas, _own = _Blas(), threading.local()


@contextmanager
def one_thread():
    """Compute on one thread; counts are as before afterwards, in all Python threads."""
    if getattr(_own, "limited", False):
        yield
        return
    with _blas() as n_threads, _controller().limit(limits=1, user_api="openmp"):
        _own.limited = True
        torch.set_num_threads(1)
        try:
            yield
        finally:
            _own.limited = False
            torch.set_num_threads(n_threads)


def on_one_thread(method: Method) -> Method:
    """Decorate a method of an estimator of labels: one thread unless modules are large.

    Networks and encoders of the user keep the threads that there are.
    """

    @wraps(method)
    def limited(self, *args, **kwargs):
        if self._has_large_modules():
            return method(self, *args, **kwargs)
        with one_thread():
            return method(self, *args, **kwargs)

    return limited
