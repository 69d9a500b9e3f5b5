"""Folders that hold encodings already, and what must not be put into them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from unitdisc.encodings.reading import EncodingsError, read_settings
from unitdisc.files import made_of, take_away
from unitdisc.files.made_of import refuse_different


def refuse_among(path: Path, encodings: Path) -> None:
    """Raises ValueError if `path` lies where frames are looked for, and would be taken for frames the next time."""
    own = (encodings / "encodings.json").exists()
    folders = [path.resolve().parent] if own else path.resolve().parents
    if encodings.resolve() in folders and (not own or path.suffix == ".npy"):
        raise ValueError(f"{path}: would lie among the frames of {encodings}, and pass for some; choose another place")


def refuse_other(folder: Path, settings: dict) -> None:
    """Raises EncodingsError if a folder holds encodings with other settings, or something else."""
    there = settings_there(folder)
    if there is not None:
        made_of.refuse_other(folder, "encodings", there=there, asked=settings, error=EncodingsError)


def refuse_folder(folder: Path, settings: dict, asked: dict) -> None:
    """Raises EncodingsError, before the work begins, if the folder holds something else; what is known is compared."""
    there = settings_there(folder)
    if there is None:
        return
    before = there.get("segmentation")
    if not isinstance(before, dict):
        raise EncodingsError(f"{folder}: holds encodings that are no units of segment; choose another folder")
    different = {key for key, value in settings.items() if there.get(key) != value}
    different |= {key for key, value in asked.items() if before.get(key) != value}
    if different:
        refuse_different(folder, "units", different, error=EncodingsError)


def refuse_other_steps(folder: Path, steps: str) -> None:
    """Raises EncodingsError, before the work begins, unless the frames in the folder went through these steps last."""
    there = settings_there(folder)
    normalised = (there or {}).get("normalised")
    if there is not None and (not normalised or normalised[-1].get("steps") != steps):
        refuse_different(folder, "encodings", ["normalised"], error=EncodingsError)


def settings_there(folder: Path) -> dict | None:
    """The settings of the encodings in a folder, None if it has none. Raises EncodingsError for other .npy files."""
    settings = read_settings(folder)
    if settings is None and any(folder.glob("*.npy")):
        raise EncodingsError(f"{folder}: holds .npy files of something else; choose another folder")
    return settings


@contextmanager
def tidied(state: Path) -> Iterator[Path]:
    """Gives the file from which k-means goes on; removes it after what would happen again."""
    try:
        yield state
    except ValueError:
        take_away(state)
        with suppress(OSError):  # not empty, or not there
            state.parent.rmdir()
            state.parent.parent.rmdir()
        raise
