"""Images of one or many sizes as mini-batches."""

import torch

from .lazy import chosen


class Images:
    """Images as tensors on a device, standardised per channel when they are taken.

    Parameters
    ----------
    images : list or LazySequence of torch.Tensor of shape (n_channels, height, width)
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
        self._mean, self._scale, self._n_channels = mean, scale, None

    def __len__(self):
        return len(self.images)

    @property
    def n_channels(self):
        """Channels of all images."""
        if self._n_channels is None:
            self._n_channels = len(self.images[0])
        return self._n_channels

    def take(self, rows):
        """Images of one size at these positions (a CPU tensor or a slice)."""
        if isinstance(rows, slice):
            rows = torch.arange(len(self))[rows]
        return self._finish(torch.stack([self.images[i] for i in rows.tolist()]))

    def subset(self, rows):
        """The images at these positions, as `Images`."""
        part = chosen(self.images, rows.tolist())
        return Images(part, self.device, self.dtype, self._mean, self._scale)

    def size(self, row):
        """Height and width of one image."""
        return tuple(self.images[row].shape[-2:])

    def windows(self, images, corners, width):
        """Squares of some images; beyond the border they are mirrored.

        Parameters
        ----------
        images : list of torch.Tensor
            Some of `images`.
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
        for image, (top, left) in zip(images, corners.tolist(), strict=True):
            height, breadth = image.shape[1:]
            rows = mirrored(top + steps, height)
            columns = mirrored(left + steps, breadth)
            # Much faster than indexing by both at once.
            parts.append(image.index_select(1, rows).index_select(2, columns))
        return self._finish(torch.stack(parts))

    def _finish(self, batch):
        batch = batch.to(self.device, self.dtype)
        if self._mean is None:
            return batch
        per_channel = (-1, 1, 1)
        mean, scale = self._mean.view(per_channel), self._scale.view(per_channel)
        return (batch - mean.to(batch)) / scale.to(batch)


def mirrored(positions, length):
    """Positions outside of ``range(length)`` as those of their mirror images."""
    positions = positions % (2 * length)
    return torch.minimum(positions, 2 * length - 1 - positions)
