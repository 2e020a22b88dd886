"""Values learned from tuples that know the truth, and from those that do not.

Labels are drawn from known probabilities, so that the expected F1 of any output is
known exactly.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from skdvn.data import Examples, Rows
from skdvn.inference import GradientAscent
from skdvn.networks import CountNetwork
from skdvn.oracles import relaxed_f1
from skdvn.training import (
    FullBatchTrainer,
    Objective,
    Optimization,
    TupleMixture,
    TupleSettings,
    guess,
    inference,
    other_truths,
    stratified,
)

rng = np.random.default_rng(0)
p = rng.beta(0.7, 0.9, size=(1500, 5)).clip(0.01, 0.99)
truth = (rng.random(p.shape) < p).astype(float)
outputs = torch.as_tensor((rng.random(p.shape) < p).astype(float))
exact = CountNetwork(5, relaxed_f1).double()
with torch.no_grad():
    context = exact.encode(torch.as_tensor(p))
    expected = torch.sigmoid(exact.score(context, outputs)).numpy()

fig, axes = plt.subplots(1, 2, figsize=(8.4, 4), layout="constrained", sharey=True)
mixtures = {
    "inference, guess, other truths": (inference, guess, other_truths),
    "inference, near the truth": (inference, stratified),
}
ascent = GradientAscent(10, 0.8, "normalized", step_decay="linear")
for ax, (name, generators) in zip(axes, mixtures.items(), strict=True):
    network = CountNetwork(5, relaxed_f1).double()
    rows = (Rows(part, torch.device("cpu"), torch.float64) for part in (p, truth))
    mixture = TupleMixture(dict.fromkeys(generators, 1.0))
    FullBatchTrainer(
        network,
        Examples(*rows),
        Objective(mixture, TupleSettings(relaxed_f1, ascent, 1, tau=0.2)),
        Optimization("lbfgs", alpha=1e-3, batch_size=500),
        1,
        torch.Generator().manual_seed(0),
    ).run_epoch()
    with torch.no_grad():
        values = torch.sigmoid(network.score(context, outputs)).numpy()
    ax.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    ax.scatter(expected, values, s=5, alpha=0.4)
    error = (values - expected).mean()
    ax.set_title(f"{name}: {error:+.3f} on average", fontsize=10)
    ax.set_xlabel("Expected F1 of an output, known exactly")
axes[0].set_ylabel("Value that the network has learned")
plt.show()
