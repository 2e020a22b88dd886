"""Safety copies of a fit, to go on from when it was killed."""

import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from ..data import replacing


@dataclass(frozen=True)
class Checkpoints:
    """The safety copies of one fit: a folder with a file for each training.

    Parameters
    ----------
    folder : Path or None
        Where they are; None keeps none.
    """

    folder: Path | None = None

    def save(self, number, state):
        """Replace the copy of a training, at one stroke.

        Parameters
        ----------
        number : int
            Which of the trainings.
        state : dict
            Numbers, strings, lists, dictionaries and tensors.
        """
        if self.folder is None:
            return
        try:
            self._write(number, state)
        except FileNotFoundError:  # the same fit is complete elsewhere, and cleared it
            self._write(number, state)

    def _write(self, number, state):
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self._path(number)) as file:
            torch.save(state, file)

    def load(self, number):
        """The copy of a training, with tensors on the CPU; None if there is none."""
        if self.folder is None or not self._path(number).exists():
            return None
        try:
            # Tensors and plain values only: loading it runs no code.
            return torch.load(self._path(number), map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise ValueError(
                f"The checkpoint {str(self._path(number))!r} cannot be read; remedy: "
                "delete it, and the training begins anew."
            ) from error

    def clear(self):
        """Delete all copies, since the fit is complete."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number):
        return self.folder / f"training-{number}.pt"


NO_CHECKPOINTS = Checkpoints()
