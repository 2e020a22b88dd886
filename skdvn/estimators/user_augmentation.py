"""A function of the user's that changes training images and their masks."""

import numpy as np
import torch

from ..data import check_images


class UserAugmentation:
    """Calls the user's function on each image that is drawn.

    Parameters
    ----------
    function : callable
        ``function(image, mask, random_state) -> (image, mask)``: arrays (height,
        width, n_channels) and (height, width), and a `numpy.random.RandomState`.
    targets : MaskTargets
    device : torch.device
    """

    def __init__(self, function, targets, device):
        self.function, self.targets, self.device = function, targets, device

    @classmethod
    def of(cls, augmentation, targets, device):
        """That of the parameter `augmentation`; None where it is no function."""
        return cls(augmentation, targets, device) if callable(augmentation) else None

    def __call__(self, image, mask, rng):
        seed = int(torch.randint(2**31, (), generator=rng))
        targets, n = self.targets, self.targets.n_outputs_
        given = image.cpu().numpy().transpose(1, 2, 0)
        labels = targets.decode(mask[:n].cpu().numpy())
        if targets.ignore_label is not None:
            known = mask[n].cpu().numpy() > 0
            labels = np.where(known, labels, np.array(targets.ignore_label))
        try:
            found, labels = self.function(
                given.copy(), labels, np.random.RandomState(seed)
            )
            (found,) = check_images([found], "its image")
            (labels,) = targets.encode([labels], "its mask")
        except Exception as error:
            raise ValueError(
                f"augmentation={self.function!r} failed on an image of shape "
                f"{given.shape}: {error} It must return an image and its mask, "
                "(height, width, n_channels) and (height, width)."
            ) from error
        if len(found) != len(image) or found.shape[1:] != labels.shape[1:]:
            raise ValueError(
                f"augmentation={self.function!r} returned an image of height, width "
                f"and channels {(*found.shape[1:], len(found))} and a mask of size "
                f"{labels.shape[1:]}; allowed are {len(image)} channel(s) and equal "
                "sizes."
            )
        return torch.as_tensor(found).to(self.device), torch.as_tensor(labels).to(
            self.device
        )
