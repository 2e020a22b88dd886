"""Images and masks of one or many sizes as mini-batches; random crops of them."""

import math
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from .data import ConstantRows, Draw

# Greatest changes at full strength; those of colours in standard deviations.
ROTATION, SCALING, STRETCHING, SHIFT = 0.2, 0.17, 0.08, 0.14
CONTRAST, BRIGHTNESS, BALANCE, SATURATION = 0.35, 1.0, 0.3, 0.5
FLIPS = {"none": (), "horizontal": (-1,), "both": (-1, -2)}


class Images:
    """Images as tensors on a device, standardised per channel when they are taken.

    Parameters
    ----------
    images : list of torch.Tensor of shape (n_channels, height, width)
        Of any type; the sizes may differ.
    device : torch.device
        Where the tensors go.
    dtype : torch.dtype
        Their floating point type.
    mean, scale : torch.Tensor of shape (n_channels,), default=None
        If given, channels are standardised with these.
    """

    def __init__(self, images, device, dtype, mean=None, scale=None):
        self.images, self.device, self.dtype = images, device, dtype
        self._mean, self._scale = mean, scale

    def __len__(self):
        return len(self.images)

    @property
    def n_channels(self):
        """Channels of all images."""
        return len(self.images[0])

    def take(self, rows):
        """Images of one size at these positions (a CPU tensor or a slice)."""
        if isinstance(rows, slice):
            rows = torch.arange(len(self))[rows]
        return self._finish(torch.stack([self.images[i] for i in rows.tolist()]))

    def subset(self, rows):
        """The images at these positions, as `Images`."""
        part = [self.images[i] for i in rows.tolist()]
        return Images(part, self.device, self.dtype, self._mean, self._scale)

    def size(self, row):
        """Height and width of one image."""
        return tuple(self.images[row].shape[-2:])

    def windows(self, rows, corners, width):
        """Squares of the images; beyond the border they are mirrored.

        Parameters
        ----------
        rows : torch.Tensor of shape (n,)
            Positions of the images.
        corners : torch.Tensor of shape (n, 2)
            Upper left corners, possibly outside of the images.
        width : int
            Side of the squares.

        Returns
        -------
        windows : torch.Tensor of shape (n, n_channels, width, width)
        """
        steps = torch.arange(width)
        parts = []
        for row, (top, left) in zip(rows.tolist(), corners.tolist(), strict=True):
            height, breadth = self.size(row)
            down, across = (
                _mirrored(top + steps, height),
                _mirrored(left + steps, breadth),
            )
            parts.append(self.images[row][:, down[:, None], across])
        return self._finish(torch.stack(parts))

    def _finish(self, batch):
        batch = batch.to(self.device, self.dtype)
        if self._mean is None:
            return batch
        per_channel = (-1, 1, 1)
        mean, scale = self._mean.view(per_channel), self._scale.view(per_channel)
        return (batch - mean.to(batch)) / scale.to(batch)


def _mirrored(positions, length):
    """Positions outside of ``range(length)`` as those of their mirror images."""
    positions = positions % (2 * length)
    return torch.minimum(positions, 2 * length - 1 - positions)


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


@dataclass(frozen=True)
class Distortion:
    """Random crops: where they lie, and how they are distorted.

    Parameters
    ----------
    crop_size : int
        Side of the crops.
    flips : {"none", "horizontal", "both"}
        Mirror images that count as images.
    strength : float
        Of the distortions; 0 is none, 1 what works for photographs: at most 11
        degrees of rotation, scaling by 19 percent, stretching by 8 percent, a shift
        by 7 percent of the crop, and changes of contrast, brightness and saturation.
    """

    crop_size: int
    flips: str = "horizontal"
    strength: float = 1.0

    @property
    def window_size(self):
        """Side of the square around a crop that a distorted crop may reach."""
        angle = min(ROTATION * self.strength, math.pi / 4)
        growth = math.exp((SCALING + STRETCHING) * self.strength)
        reach = (math.cos(angle) + math.sin(angle)) * growth + SHIFT * self.strength
        margin = math.ceil(self.crop_size * (reach - 1) / 2)
        return self.crop_size + 2 * margin

    def corners(self, sizes, rng):
        """Upper left corners of the windows around random crops, shape (n, 2)."""
        room = torch.tensor(sizes) - self.crop_size
        corners = (torch.rand(room.shape, generator=rng) * (room + 1)).long()
        return corners - (self.window_size - self.crop_size) // 2

    def warp(self, windows, rng):
        """Distorted crops from the middle of the windows, (n, ..., crop, crop)."""
        n, n_channels = windows.shape[:2]
        if self.strength:
            shape = (n, n_channels, self.crop_size, self.crop_size)
            transforms = self._transforms(n, rng).to(windows)
            grid = F.affine_grid(transforms, shape, align_corners=False)
            windows = F.grid_sample(
                windows, grid, padding_mode="reflection", align_corners=False
            )
        for axis in FLIPS[self.flips]:
            chosen = torch.rand(n, generator=rng) < 0.5
            chosen = chosen.view(-1, 1, 1, 1).to(windows.device)
            windows = torch.where(chosen, windows.flip(axis), windows)
        return windows

    def _transforms(self, n, rng):
        """Affine maps from the crop to its window, each in [-1, 1], (n, 2, 3)."""
        draws = self.strength * (torch.rand(5, n, generator=rng) * 2 - 1)
        angle, scale, stretch, down, across = draws
        angle, scale = ROTATION * angle, torch.exp(SCALING * scale)
        stretch = torch.exp(STRETCHING * stretch)
        cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
        rows = [cos * stretch, -sin, SHIFT * across, sin, cos / stretch, SHIFT * down]
        share = self.crop_size / self.window_size
        return share * torch.stack(rows, 1).view(n, 2, 3)

    def tint(self, x, rng):
        """Change contrast, brightness, balance and saturation of the channels."""
        if not self.strength:
            return x
        n, n_channels = x.shape[:2]

        def draw(greatest, n_columns=1):
            columns = torch.rand(n, n_columns, 1, 1, generator=rng) * 2 - 1
            return (self.strength * greatest * columns).to(x)

        center = x.mean((2, 3), keepdim=True)
        x = (x - center) * (1 + draw(CONTRAST)) + center
        x = x + draw(BRIGHTNESS) + draw(BALANCE, n_channels)
        gray = x.mean(1, keepdim=True)
        return gray + (x - gray) * (1 + draw(SATURATION))


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
    weight, guess_weight : torch.Tensor of shape (n,), default=None
        Weights in the losses of value and guess; None weighs all alike.
    n_crops : int, default=1
        Crops of each image in an epoch. Each is an example of its own.
    n_visits : int, default=1
        How often a crop is drawn before another one takes its place.
    starts_vary : bool, default=True
        Whether inference starts elsewhere for each example.
    """

    x: Images
    y: Images
    y_init: Images | ConstantRows | None
    distortion: Distortion
    weight: torch.Tensor | None = None
    guess_weight: torch.Tensor | None = None
    n_crops: int = 1
    n_visits: int = 1
    starts_vary: bool = True

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
        parts = [self.x.n_channels, self.y.n_channels]
        x, y, start = crops.tensor_split([parts[0], sum(parts)], 1)
        if isinstance(self.y_init, ConstantRows):
            start = self.y_init.take(rows)
        images = rows % len(self.y)
        return Draw(
            self.distortion.tint(x, rng),
            round_masks(y),
            None if self.y_init is None else start,
            *(
                None if weight is None else weight[images]
                for weight in (self.weight, self.guess_weight)
            ),
            renewed,
        )

    def _cut(self, rows, rng):
        """New crops of images, masks and starts, as channels."""
        images = rows % len(self.y)
        sizes = [self.x.size(i) for i in images.tolist()]
        corners = self.distortion.corners(sizes, rng)
        sources = [self.x, self.y]
        if isinstance(self.y_init, Images):
            sources.append(self.y_init)
        width = self.distortion.window_size
        windows = [source.windows(images, corners, width) for source in sources]
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
        x, y = self.x.subset(rows), self.y.subset(rows)
        start = None if self.y_init is None else self.y_init.subset(rows)
        weights = {
            name: weight[rows]
            for name in ("weight", "guess_weight")
            if (weight := getattr(self, name)) is not None
        }
        return replace(self, x=x, y=y, y_init=start, **weights)

    def set_aside(self, rows):
        """The same, but the guess learns nothing of these images, the value only.

        So the value is trained on guesses as they are for new images.
        """
        aside = torch.zeros(len(self.y), dtype=self.x.dtype, device=self.x.device)
        aside[rows] = 1
        weights = []
        for share in (aside, 1 - aside):
            weight = share if self.weight is None else share * self.weight
            weights.append(weight / weight.mean())
        return replace(self, weight=weights[0], guess_weight=weights[1])
