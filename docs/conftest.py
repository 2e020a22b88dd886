"""The snippets of the pages are tests: ``pytest docs``."""

import pytest
import torch

collect_ignore_glob = ["*.py", "_build/*", "api_reference/*", "auto_examples/*"]
SLOW_PAGES = {"getting_started.rst", "scale_out.rst", "values.rst"}

# Threads that wait for each other cost small problems more than they give.
torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)  # before slow ones are left out
def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name in SLOW_PAGES:
            item.add_marker(pytest.mark.slow)
