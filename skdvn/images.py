"""Images and masks of one or many sizes as mini-batches; random crops of them."""

import math
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from .data import ConstantRows, Draw

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
        """Squares of the images; beyond the border its pixels are repeated.

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
            down = (top + steps).clamp_(0, height - 1)
            across = (left + steps).clamp_(0, breadth - 1)
            parts.append(self.images[row][:, down[:, None], across])
        return self._finish(torch.stack(parts))

    def _finish(self, batch):
        batch = batch.to(self.device, self.dtype)
        if self._mean is None:
            return batch
        per_channel = (-1, 1, 1)
        mean, scale = self._mean.view(per_channel), self._scale.view(per_channel)
        return (batch - mean.to(batch)) / scale.to(batch)


@dataclass(frozen=True)
class Distortion:
    """Random crops: where they lie, and how they are distorted.

    Parameters
    ----------
    crop_size : int
        Side of the crops.
    flips : {"none", "horizontal", "both"}
        Mirror images that count as images.
    rotation : float
        Greatest rotation, in radians.
    scaling : float
        Greatest change of the logarithm of the size.
    shift : float
        Greatest shift, as a share of the crop.
    color : float
        Standard deviation of contrast, brightness and channel gains, in standard
        deviations of the channels.
    """

    crop_size: int
    flips: str = "horizontal"
    rotation: float = 0.0
    scaling: float = 0.0
    shift: float = 0.0
    color: float = 0.0

    @property
    def window_size(self):
        """Side of the square around a crop that a distorted crop may reach."""
        reach = math.cos(self.rotation) + math.sin(self.rotation)
        share = reach * math.exp(self.scaling) + 2 * self.shift
        return 2 * math.ceil((self.crop_size * share - self.crop_size) / 2) + (
            self.crop_size
        )

    def corners(self, sizes, rng):
        """Upper left corners of the windows around random crops, shape (n, 2)."""
        room = torch.tensor(sizes) - self.crop_size
        corners = (torch.rand(room.shape, generator=rng) * (room + 1)).long()
        return corners - (self.window_size - self.crop_size) // 2

    def warp(self, windows, rng):
        """Distorted crops from the middle of the windows, (n, ..., crop, crop)."""
        n, n_channels = windows.shape[:2]
        if self.rotation or self.scaling or self.shift:
            shape = (n, n_channels, self.crop_size, self.crop_size)
            transforms = self._transforms(n, rng).to(windows)
            grid = F.affine_grid(transforms, shape, align_corners=False)
            windows = F.grid_sample(
                windows, grid, padding_mode="border", align_corners=False
            )
        for axis in FLIPS[self.flips]:
            chosen = torch.rand(n, generator=rng) < 0.5
            chosen = chosen.view(-1, 1, 1, 1).to(windows.device)
            windows = torch.where(chosen, windows.flip(axis), windows)
        return windows

    def _transforms(self, n, rng):
        """Affine maps from the crop to its window, each in [-1, 1], (n, 2, 3)."""
        angle, scale, down, across = torch.rand(4, n, generator=rng) * 2 - 1
        angle, scale = angle * self.rotation, torch.exp(scale * self.scaling)
        cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
        shift = 2 * self.shift
        rows = [cos, -sin, shift * across, sin, cos, shift * down]
        share = self.crop_size / self.window_size
        return share * torch.stack(rows, 1).view(n, 2, 3)

    def tint(self, x, rng):
        """Change contrast, brightness and the balance of the channels."""
        if not self.color:
            return x
        gains, offsets = (
            torch.randn(len(x), x.shape[1] + 1, generator=rng) * self.color
            for _ in range(2)
        )
        gain = torch.exp(gains[:, :1] + 0.5 * gains[:, 1:])[:, :, None, None]
        offset = (offsets[:, :1] + 0.5 * offsets[:, 1:])[:, :, None, None]
        return x * gain.to(x) + offset.to(x)


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
    """

    x: Images
    y: Images
    y_init: Images | ConstantRows | None
    distortion: Distortion
    weight: torch.Tensor | None = None
    guess_weight: torch.Tensor | None = None

    def __len__(self):
        return len(self.y)

    @property
    def starts_vary(self):
        """Whether inference starts elsewhere for each example."""
        return not isinstance(self.y_init, ConstantRows)

    def draw(self, rows, rng):
        """Crops of the images at these positions, as a `Draw`."""
        distortion = self.distortion
        corners = distortion.corners([self.x.size(row) for row in rows.tolist()], rng)
        sources = [self.x, self.y]
        if isinstance(self.y_init, Images):
            sources.append(self.y_init)
        width = distortion.window_size
        windows = [source.windows(rows, corners, width) for source in sources]
        crops = distortion.warp(torch.cat(windows, 1), rng)
        x, y, *starts = crops.split([part.shape[1] for part in windows], 1)
        if isinstance(self.y_init, ConstantRows):
            starts = [self.y_init.take(rows)]
        return Draw(
            distortion.tint(x, rng),
            (y >= 0.5).to(y.dtype),
            starts[0] if starts else None,
            *(
                None if weight is None else weight[rows]
                for weight in (self.weight, self.guess_weight)
            ),
        )

    def subset(self, rows):
        """The examples at these positions."""
        x, y = self.x.subset(rows), self.y.subset(rows)
        start = None if self.y_init is None else self.y_init.subset(rows)
        weights = {
            name: weight[rows]
            for name in ("weight", "guess_weight")
            if (weight := getattr(self, name)) is not None
        }
        return replace(self, x=x, y=y, y_init=start, **weights)

    def set_aside(self, rows):
        """The same, but the guess learns nothing of these rows and the value only.

        So the value is trained on guesses as they are for new images.
        """
        aside = torch.zeros(len(self), dtype=self.x.dtype, device=self.x.device)
        aside[rows] = 1
        weights = []
        for share in (aside, 1 - aside):
            weight = share if self.weight is None else share * self.weight
            weights.append(weight / weight.mean())
        return replace(self, weight=weights[0], guess_weight=weights[1])
