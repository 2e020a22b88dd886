"""What stratified sampling makes of a true mask at several temperatures."""

import matplotlib.pyplot as plt
import torch

from skdvn.datasets import make_silhouettes
from skdvn.inference import GradientAscent
from skdvn.oracles import relaxed_iou
from skdvn.training import Batch, TupleSettings, stratified

TEMPERATURES, N_SAMPLES = (0.05, 0.2, 0.4, 1.0), 6

_, Y = make_silhouettes(1, size=48, random_state=7)
truth = torch.tensor(Y[:, None], dtype=torch.float32)


def samples(tau, seed):
    """As the generator "stratified" draws them for a mini-batch of one image."""
    settings = TupleSettings(
        relaxed_iou, GradientAscent(), tau=tau, n_samples=N_SAMPLES
    )
    rng = torch.Generator().manual_seed(seed)
    batch = Batch(None, None, truth, truth, torch.arange(1), settings, rng)
    return stratified(batch)


fig, axes = plt.subplots(
    len(TEMPERATURES), N_SAMPLES, figsize=(7.4, 5.7), layout="constrained"
)
for seed, (row, tau) in enumerate(zip(axes, TEMPERATURES, strict=True)):
    for ax, y in zip(row, samples(tau, seed), strict=True):
        ax.imshow(y[0, 0], cmap="gray", vmin=0, vmax=1)
        ax.set_title(f"IOU {relaxed_iou(y, truth).item():.2f}", fontsize=9)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(f"tau = {tau:g}", fontsize=11)
plt.show()
