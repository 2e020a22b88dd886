"""Files that are there wholly or not at all."""

import os
import uuid
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path):
    """Yield an open binary file that becomes `path` at the end, at one stroke.

    If anything fails, or the machine stops, an older file at `path` is left as it was.
    Errors of the system name `path`.
    """
    path = Path(path)
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(scratch, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except OSError as error:
        if error.errno:
            error.filename = str(path)
        raise
    finally:
        scratch.unlink(missing_ok=True)
