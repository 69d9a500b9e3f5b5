"""Where a command puts what it makes."""

from pathlib import Path


def folder_for_results(path: Path) -> Path:
    """The same path, if it is a folder or can become one. Raises ValueError where a file is in the way."""
    for place in (path, *path.parents):
        if place.is_dir():
            break
        if place.exists():
            raise ValueError(f"{place}: is a file, where a folder is needed; choose another name")
    return path
