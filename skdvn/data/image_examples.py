"""Images and masks of which each draw cuts other crops."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from .augmentation import Distortion
from .images import Images
from .rows import ConstantRows, Draw


def round_masks(y):
    """Masks as 0 and 1: a foreground, or the likeliest of several channels.

    Parameters
    ----------
    y : torch.Tensor of shape (n, n_channels, height, width)
        Entries in [0, 1].

    Returns
    -------
    y : torch.Tensor of the same shape
    """
    if y.shape[1] == 1:
        return (y >= 0.5).to(y.dtype)
    return torch.zeros_like(y).scatter_(1, y.argmax(1, keepdim=True), 1.0)


@dataclass
class ImageExamples:
    """Images and masks of which each draw cuts other crops.

    Parameters
    ----------
    x, y : Images
        Images and masks.
    y_init : Images or ConstantRows, default=None
        Where inference starts; None means the network's own guess.
    distortion : Distortion
        What happens to them.
    n_outputs : int, default=1
        Channels of the masks; one more is 1 where the truth is known.
    weight : torch.Tensor of shape (n,), default=None
        Weights in the losses; None weighs all alike.
    n_crops : int, default=1
        Crops of each image in an epoch. Each is an example of its own.
    n_visits : int, default=1
        How often a crop is drawn before another one takes its place.
    starts_vary : bool, default=True
        Whether inference starts elsewhere for each example.
    augment : callable, default=None
        ``augment(*parts, rng)`` changes the image, the mask and what else there is of
        an example before it is cut, tensors (n_channels, height, width).
    """

    x: Images
    y: Images
    y_init: Images | ConstantRows | None
    distortion: Distortion
    n_outputs: int = 1
    weight: torch.Tensor | None = None
    n_crops: int = 1
    n_visits: int = 1
    starts_vary: bool = True
    augment: Callable | None = None

    def __post_init__(self):
        self._held, self._n_left = None, None

    def __len__(self):
        return self.n_crops * len(self.y)

    def draw(self, rows, rng):
        """Crops of the images at these positions, as a `Draw`."""
        if self.n_visits == 1:
            crops, renewed = self._cut(rows, rng), None
        else:
            crops, renewed = self._hold(rows, rng)
        widths = [self.x.n_channels, self.n_outputs, self.y.n_channels - self.n_outputs]
        x, y, known, start = crops.split([*widths, crops.shape[1] - sum(widths)], 1)
        if isinstance(self.y_init, ConstantRows):
            start = self.y_init.take(rows)
        return Draw(
            self.distortion.tint(x, rng),
            round_masks(y),
            None if self.y_init is None else start,
            None if self.weight is None else self.weight[rows % len(self.y)],
            renewed,
            round_masks(known) if known.shape[1] else None,
        )

    def _cut(self, rows, rng):
        """New crops of images, masks and starts, as channels."""
        rows = (rows % len(self.y)).tolist()
        sources = [self.x, self.y]
        if isinstance(self.y_init, Images):
            sources.append(self.y_init)
        parts = [[source.images[i] for i in rows] for source in sources]
        if self.augment is not None:
            pairs = [self.augment(*pair, rng=rng) for pair in zip(*parts, strict=True)]
            parts = list(zip(*pairs, strict=True))
        corners = self.distortion.corners([one.shape[1:] for one in parts[0]], rng)
        width = self.distortion.window_size
        windows = [
            source.windows(part, corners, width)
            for source, part in zip(sources, parts, strict=True)
        ]
        return self.distortion.warp(torch.cat(windows, 1), rng)

    def _hold(self, rows, rng):
        """The crops of the last visit, or new ones where they were drawn enough."""
        if self._held is None:
            self._held = self._cut(torch.arange(len(self)), rng)
            # So that they are not all replaced at once.
            shape = (len(self),)
            self._n_left = torch.randint(1, self.n_visits + 1, shape, generator=rng)
        renewed = self._n_left[rows] == 0
        if renewed.any():
            self._held[rows[renewed]] = self._cut(rows[renewed], rng)
            self._n_left[rows[renewed]] = self.n_visits
        self._n_left[rows] -= 1
        return self._held[rows], renewed

    def state(self):
        """What they remember of earlier draws: the crops that are held."""
        held = None if self._held is None else self._held.cpu()
        return {"held": held, "n_left": self._n_left}

    def resume(self, state):
        """Remember earlier draws."""
        self._held, self._n_left = state["held"], state["n_left"]
        if self._held is not None:
            self._held = self._held.to(self.x.device)

    def subset(self, rows):
        """The images at these positions."""
        return replace(
            self,
            x=self.x.subset(rows),
            y=self.y.subset(rows),
            y_init=None if self.y_init is None else self.y_init.subset(rows),
            weight=None if self.weight is None else self.weight[rows],
        )
