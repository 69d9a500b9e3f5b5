"""Zip files of strangers, read member by member: nothing is unpacked that is too large or would lie elsewhere."""

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from unitdisc.corpus import CorpusError
from unitdisc.files.text import Line, lines_of


class Archive:
    """A zip file. Raises CorpusError if it is none."""

    def __init__(self, path: Path):
        try:
            self.file = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise CorpusError(f"{path}: cannot be read as a zip file ({error}); download it again") from error
        self.path = path
        self.names = frozenset(self.file.namelist())

    def read(self, name: PurePosixPath, limit: int) -> bytes:
        """The content of a member. Raises CorpusError if it is missing, damaged or longer than `limit` bytes."""
        try:
            with self.file.open(str(name)) as member:
                content = member.read(limit + 1)
        except KeyError:
            raise CorpusError(f"{self.path}: has no {name} in it; download it again") from None
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
            raise CorpusError(f"{self.path}: {name} cannot be unpacked ({error}); download the file again") from error
        if len(content) > limit:
            raise CorpusError(f"{self.path}: {name} unpacks to more than {limit} bytes; look at what it is")
        return content

    def text(self, name: PurePosixPath, limit: int) -> str:
        """The same of a text in UTF-8."""
        return "\n".join(line for _, line in self.lines(name, limit))

    def lines(self, name: PurePosixPath, limit: int) -> list[Line]:
        """The lines of the same, numbered from 1."""
        return lines_of(self.read(name, limit), f"{self.path}: {name}", CorpusError, cure="download the file again")


def inside(name: str) -> PurePosixPath:
    """A path that stays below whatever folder it is put into. Raises ValueError for one that leads out."""
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or {"\\", ":", "\0"} & set(name):
        raise ValueError("it leads out of the zip file")
    return path
