"""Where recordings come from: a file, an entry of a Kaldi archive or of a tar, or the output of a command."""

import io
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from unitdisc.corpus import FileError, is_pipe
from unitdisc.media.codecs import flac
from unitdisc.media.codecs.spliced import Bytes, Window
from unitdisc.media.image import SUFFIXES
from unitdisc.media.tars import in_tar, open_member

ARCHIVE = re.compile(r"(.+):(\d+)")  # an entry of a Kaldi archive, or of a tar: file and offset
PROMISED = re.compile(
    r"^ *(?:data|SSND|BODY|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)", re.MULTILINE
)  # libsndfile on WAV, AIFF, SVX, AU, W64 and RF64
STREAMED = 0x7FFF0000  # headers written into a pipe claim about this many bytes or more, not knowing better


class AudioError(FileError):
    """A recording cannot be used: the message says which file, what is wrong with it, and the cure."""


def unreadable(path: str | Path, error: Exception) -> AudioError:
    reason = getattr(error, "error_string", str(error)).removeprefix("Error : ").rstrip(".")
    cure = "copy it again, or convert it to WAV, FLAC, OGG or MP3"
    if Path(path).suffix.lower() in SUFFIXES:
        cure = "if it is a line of handwriting, add its height in pixels to the list"
    return AudioError.at(path, f"cannot be read ({reason})", cure)


@contextmanager
def source(path: str, allow_pipes: bool) -> Iterator[str | io.IOBase]:
    """What soundfile can open: a path, the entry of an archive, or what a command wrote."""
    if is_pipe(path):
        yield io.BytesIO(run_pipe(path, allow_pipes))
        return
    if in_tar(path):
        with open_member(path) as stream:
            yield stream
        return
    archive = ARCHIVE.fullmatch(path)
    if archive and not Path(path).exists():
        check_file(Path(archive[1]))
        with Path(archive[1]).open("rb") as stream:
            yield archive_entry(stream, path, int(archive[2]))
        return
    check_file(Path(path))
    yield path


def check_file(path: Path) -> None:
    if not path.is_file():
        what = "is not a file" if path.exists() else "no such file"
        raise AudioError.at(path, what, "correct the path in the list, or take the recording off it")
    if not path.stat().st_size:
        raise AudioError.at(path, "is empty (0 bytes)", "copy it again, or take it off the list")


def run_pipe(command: str, allowed: bool) -> bytes:
    """The output of a Kaldi pipe, `cmd |`."""
    if not allowed:
        raise AudioError.at(
            command, "is a pipe, which runs a command on this computer", "if you trust the list, allow pipes"
        )
    done = subprocess.run(command.rstrip()[:-1], shell=True, capture_output=True, check=False)
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()[-300:] or "it says nothing"
        what = f"fails with exit status {done.returncode}" if done.returncode else "writes nothing"
        raise AudioError.at(command, f"{what} ({said})", "run the command by hand")
    return done.stdout


def archive_entry(file: io.BufferedReader, path: str, offset: int) -> Window:
    """The recording at an offset of a Kaldi archive, be it WAV, FLAC or kaldiio's AUDIO.

    Read here and not by kaldiio, which would unpickle (and so run) what an archive holds, and always reads all of it.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(offset)
    head = file.read(32)
    if head[:4] == b"RIFF":
        listed = 8 + int.from_bytes(head[4:8], "little")
        return Window(file, offset, size - offset if listed >= 8 + STREAMED else min(listed, size - offset))
    if head[:4] == b"fLaC":
        following = islice(flac.beginnings(Bytes(file), offset), 1, 2)
        return Window(file, offset, next(following, size) - offset)
    if head[:5] == b"AUDIO":
        start = 6 + head[5]
        return Window(file, offset + start, min(int.from_bytes(head[6:start], "little"), size - offset - start))
    raise AudioError.at(path, "no recording starts there", "point to a WAV or FLAC in the archive, not to features")


def bytes_missing(said: str) -> int:
    """How many bytes of samples the header promises beyond those there are, by what libsndfile says of a file."""
    listed = PROMISED.search(said)
    if listed is None or int(listed[1]) >= STREAMED:
        return 0
    return max(int(listed[1]) - int(listed[2]), 0)


def state_of(path: str) -> os.stat_result | None:
    """What the system says of the file that holds a recording, be it an archive of many; None if there is none."""
    try:
        state = os.stat(path)  # noqa: PTH116 (a Path takes longer to make than to ask)
    except (OSError, ValueError):  # a zero byte
        archive = ARCHIVE.fullmatch(path)
        return state_of(archive[1]) if archive else None
    return state if stat.S_ISREG(state.st_mode) else None
