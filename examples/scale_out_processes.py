"""
==================================
Several processes fit one network
==================================

Within ``data_parallel()`` each of the processes that ``torchrun`` has started works on
its share of every mini-batch, on a machine of several GPUs or on several machines. All
end up with the same network, as if one process had done the same. Start this script
with two::

    torchrun --nproc-per-node 2 scale_out_processes.py

Without ``torchrun``, as on this page, there is one process, and nothing else changes.
"""

import matplotlib.pyplot as plt

from skdvn import DVNSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.training import data_parallel

# Every process loads all of the data, and gives `fit` the same.
X, Y = make_silhouettes(260, random_state=0)
X_test, Y_test = X[200:], Y[200:]
clf = DVNSegmenter(n_channels=16, max_iter=30, random_state=0)

with data_parallel() as team:
    clf.fit(X[:200], Y[:200])

# %%
# All processes have the fitted segmenter now. One of them should report and save it.

if team.rank == 0:
    print(f"{team.size} process(es), IOU {clf.score(X_test, Y_test):.3f}")
    losses = [entry["loss"] for entry in clf.history_]
    figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
    ax.plot(range(1, len(losses) + 1), losses)
    ax.set(xlabel="epoch", ylabel="training loss")
    plt.show()

# %%
# This pays where a mini-batch is much work: large images, wide networks, a large
# ``batch_size``. The small networks for labels are done with a mini-batch before
# processes could agree on it; train several at the same time with ``n_jobs`` instead.
