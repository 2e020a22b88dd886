"""Random crops of images: where they lie, and how they are distorted."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

# Greatest changes at full strength; those of colours in standard deviations.
ROTATION, SCALING, STRETCHING, SHIFT = 0.2, 0.17, 0.08, 0.14


CONTRAST, BRIGHTNESS, BALANCE, SATURATION = 0.35, 1.0, 0.3, 0.5


FLIPS = {"none": (), "horizontal": (-1,), "both": (-1, -2)}


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
        """Upper left corners of the windows around random crops, shape (n, 2).

        Images smaller than a crop lie anywhere within it.
        """
        room = torch.tensor(sizes) - self.crop_size
        places = torch.rand(room.shape, generator=rng) * (room.abs() + 1)
        corners = places.long() * room.sign()
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
