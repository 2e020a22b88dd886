"""Fixtures that all tests share."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from skdvn.networks import ConvNetwork, GuessNetwork, LabelNetwork, UNet
from skdvn.oracles import relaxed_iou

# Without doctests: this file, whose name stands for that of docs too, and what only
# mypy reads.
collect_ignore = ["conftest.py", "typed_script.py"]

# A shared machine may stall for a second; the number of examples bounds the time.
settings.register_profile("skdvn", deadline=None, max_examples=20, derandomize=True)
settings.load_profile("skdvn")

# Threads that wait for each other cost small problems more than they give.
torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Of tests marked ``one_in(n)`` all cases are slow but every n-th."""
    n_seen = Counter()
    for item in items:
        test, mark = item.nodeid.partition("[")[0], item.get_closest_marker("one_in")
        if mark is not None and n_seen[test] % mark.args[0]:
            item.add_marker("slow")
        n_seen[test] += 1


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Modules of users draw from torch's generator; no test depends on those before."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def data_home():
    """The folder of the real data sets; the test is skipped without one."""
    folder = os.environ.get("SKDVN_DATA")
    if not folder:
        pytest.skip("needs real data: set SKDVN_DATA to the folder that holds it")
    return Path(folder)


@pytest.fixture(scope="session")
def seeded():
    """``seeded(seed)``: a source of randomness apart from torch's global one."""
    return lambda seed=0: torch.Generator().manual_seed(seed)


@pytest.fixture(scope="session")
def uniform(seeded):
    """``uniform(n, m, seed=0)``: relaxed outputs, in double precision."""

    def draw(*shape, seed=0, dtype=torch.float64):
        return torch.rand(shape, generator=seeded(seed), dtype=dtype)

    return draw


@pytest.fixture(scope="session")
def make_network(seeded):
    """``make_network(...)``: a label network, every weight normal, in double."""

    def make(
        n_features=5,
        n_labels=4,
        hidden=(6,),
        interaction=(3,),
        activation="softplus",
        seed=0,
        scale=1.0,
        dtype=torch.float64,
    ):
        with torch.random.fork_rng(devices=[]):  # torch's layers draw from it
            network = LabelNetwork(
                n_features, n_labels, hidden, interaction, activation
            )
        rng = seeded(seed)
        with torch.no_grad():
            for weight in network.parameters():
                draw = torch.randn(weight.shape, generator=rng, dtype=torch.float64)
                weight.copy_(scale * draw)
        return network.to(dtype).eval()

    return make


@pytest.fixture
def global_randomness_untouched():
    """Fails the test if it drew from torch's or NumPy's global randomness."""
    torch_state = torch.get_rng_state()
    numpy_state = np.random.get_state()  # noqa: NPY002
    yield
    assert torch.equal(torch_state, torch.get_rng_state())
    now = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(numpy_state[1], now[1])
    assert numpy_state[2:] == now[2:]


@pytest.fixture(scope="session")
def image_networks(seeded):
    """``image_networks(crop_size=8, seed=0)``: value networks on images, by kind."""

    def make(crop_size=8, seed=0):
        rng = seeded(seed)
        networks = {
            "conv": ConvNetwork(3, 1, crop_size, (4, 5, 6), (7, 8), generator=rng)
        }
        for name, oracle, local in (
            ("oracle", relaxed_iou, "oracle"),
            ("own oracle", _mean_square, "oracle"),
            ("linear", relaxed_iou, "linear"),
        ):
            encoder = UNet(3, 1, width=4, generator=rng)
            networks[name] = GuessNetwork(encoder, oracle, local)
        with torch.no_grad():
            for network in networks.values():
                for p in network.parameters():
                    p.add_(0.1 * torch.randn(p.shape, generator=rng))
        return {name: network.double().eval() for name, network in networks.items()}

    return make


def _mean_square(y, y_true):
    return 1 - (y - y_true).square().flatten(1).mean(1)
