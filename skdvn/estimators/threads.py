"""One thread where work is small.

Threads of OpenMP and BLAS spin while they wait for each other. Where each has little to
do, two gain nothing on an idle machine and cost ten times the work on a busy one.
"""

import threading
from contextlib import contextmanager
from functools import cache, wraps
from typing import cast

import torch
from threadpoolctl import ThreadpoolController

from ..data.typing import Method


class _SharedPools:
    """BLAS and PyTorch, whose threads serve all Python threads.

    They are limited while any of these asks for it.
    """

    def __init__(self):
        self._lock, self._n_users, self._before = threading.Lock(), 0, []
        self._of_torch = 1

    def limit(self):
        """Use one thread, until `release` has been called as often.

        Returns how many PyTorch had before.
        """
        with self._lock:
            if not self._n_users:
                self._before = [one.num_threads for one in _libraries("blas")]
                self._set([1] * len(self._before))
                self._of_torch = torch.get_num_threads()
            self._n_users += 1
            return self._of_torch

    def release(self):
        """Go back to as many as before the first call, after the last."""
        with self._lock:
            self._n_users -= 1
            if not self._n_users:
                self._set(self._before)

    def _set(self, counts):
        for library, n_threads in zip(_libraries("blas"), counts, strict=True):
            # Since threadpoolctl 3.8 only the thread that asked first is obeyed.
            give_up = getattr(library, "clear_controlling_thread", lambda force: None)
            give_up(force=True)
            library.set_num_threads(n_threads)
            give_up(force=True)


@cache
def _libraries(user_api):
    return ThreadpoolController().select(user_api=user_api).lib_controllers


_pools, _here = _SharedPools(), threading.local()


@contextmanager
def one_thread():
    """Compute on one thread; afterwards there are as many as before.

    May be used in several Python threads at once.
    """
    if getattr(_here, "is_limited", False):
        yield
        return
    of_openmp = [one.num_threads for one in _libraries("openmp")]
    of_torch = _pools.limit()
    _here.is_limited = True
    try:
        torch.set_num_threads(1)
        for library in _libraries("openmp"):
            library.set_num_threads(1)
        yield
    finally:
        _here.is_limited = False
        _pools.release()
        torch.set_num_threads(of_torch)
        for library, n_threads in zip(_libraries("openmp"), of_openmp, strict=True):
            library.set_num_threads(n_threads)


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

    return cast(Method, limited)
