"""Safety copies of a fit, to go on from when it was killed."""

import hashlib
import io
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from ..data import replacing

CHECKSUM_SIZE = hashlib.sha256().digest_size


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

        Raises
        ------
        OSError
            If it cannot be written; the older copy is still there.
        """
        if self.folder is None:
            return
        try:
            self._write(number, state)
        except FileNotFoundError:  # the same fit is complete elsewhere, and cleared it
            self._write(number, state)

    def _write(self, number, state):
        content = io.BytesIO()
        torch.save(state, content)
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self._path(number)) as file:
            file.write(_checksum(content.getbuffer()))
            file.write(content.getbuffer())

    def load(self, number):
        """The copy of a training, with tensors on the CPU; None if there is none."""
        if self.folder is None:
            return None
        try:
            return self._read(number)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
            raise ValueError(
                f"The checkpoint {str(self._path(number))!r} cannot be read: {error}. "
                "Remedy: delete it, and the training begins anew."
            ) from error

    def _read(self, number):
        file = memoryview(self._path(number).read_bytes())
        checksum, content = file[:CHECKSUM_SIZE], file[CHECKSUM_SIZE:]
        if _checksum(content) != checksum:
            raise ValueError("its content is not what its checksum says")
        # Tensors and plain values only: loading it runs no code.
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)

    def clear(self):
        """Delete all copies, since the fit is complete."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number):
        return self.folder / f"training-{number}.pt"


def _checksum(content):
    return hashlib.sha256(content).digest()


NO_CHECKPOINTS = Checkpoints()
