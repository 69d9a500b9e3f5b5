"""What the system refuses for a want that is no fault of a file: nothing is left out for it, the command ends."""

import errno
import os
from contextlib import suppress
from pathlib import Path

NO_MORE_FILES = (errno.EMFILE, errno.ENFILE)


class SystemRefusedError(OSError):
    """What was asked of the system it cannot do now, whatever the file is like."""


class TooManyFilesError(SystemRefusedError):
    """A file cannot be opened, for too many are open."""


def refuse_blameless(error: BaseException, path: str | Path) -> None:
    """Raises again what is no fault of a file at `path`, or TooManyFilesError if that is behind an error of reading it.

    A library that says nothing of why it could not open the file is asked by opening it once more.
    """
    if isinstance(error, SystemRefusedError):
        raise error
    found = refusal_behind(error)
    if found is None and os.path.exists(path):  # noqa: PTH110 (a Path raises where a name is too long)
        found = refusal_of(path)
    while found is not None and getattr(found, "errno", None) not in NO_MORE_FILES:
        found = refusal_behind(found.__context__)
    if found is not None:
        cure = "use fewer workers, or allow more (ulimit -n)"
        raise TooManyFilesError(f"{path}: cannot be opened ({os.strerror(found.errno)}); {cure}") from error


def refusal_behind(error: BaseException | None) -> OSError | None:
    """What the system said, where a library made something else of it: torch.save a RuntimeError of a full disk."""
    while error is not None and not isinstance(error, OSError):
        error = error.__context__
    return error


def refusal_of(path: str | Path) -> OSError | None:
    """Why a file cannot be opened for reading, if it cannot."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError as error:
        return error
    with suppress(OSError):
        os.close(file)
    return None
