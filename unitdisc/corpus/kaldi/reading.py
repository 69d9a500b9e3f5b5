"""Reading corpora: a manifest or a Kaldi data directory becomes a list of utterances."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from joblib import Parallel, delayed

from unitdisc.corpus.kaldi.ctm import LATEST, Segment, channel_called, ctm_files, read_ctm, to_ticks
from unitdisc.corpus.kaldi.tables import KaldiRow, read_map, read_table
from unitdisc.corpus.utterance import CorpusError, Problem, Utterance, id_fault, is_pipe
from unitdisc.files.folders import is_there
from unitdisc.files.text import Lookalikes, fields_of
from unitdisc.media.audio import AudioInfo, info_of
from unitdisc.media.decoding import open_audio
from unitdisc.media.image import ImageError, ImageInfo, image_info
from unitdisc.media.open import ARCHIVE, AudioError

OVERSHOOT = 0.5  # seconds a segment may end after its recording and still be cut to it, as in extract-segments
PIPE = "is a pipe, which runs a command on this computer; if you trust its author, allow pipes (`allow_pipes`)"
NO_PIPE = "is a pipe, but images are read from files; run the command and give the file it writes"
BOTH = "has wav.scp and images.scp; keep recordings and images in folders of their own"
SEGMENT = "write UTTERANCE RECORDING START END, in seconds (images: in columns), and perhaps the channel, from 0"
CHANNELS = "reco2file_and_channel"


class Source(NamedTuple):
    """A line of wav.scp or images.scp."""

    path: str
    info: AudioInfo | ImageInfo | None  # None if it cannot be opened
    image: bool
    channels: int = 1  # that it has


def is_kaldi(path: Path) -> bool:
    return any((path / name).is_file() for name in ("wav.scp", "images.scp"))


def read_kaldi(folder: str | Path, allow_pipes: bool = False) -> list[Utterance]:
    """Reads a Kaldi data directory, in order of utterance id; every *.ctm in it is an alignment tier.

    With images.scp instead of wav.scp, it is a corpus of line images, and all times are pixel columns.

    Relative paths start at the working directory, as in Kaldi, or else at the folder. A speaker called like the
    utterance is Kaldi's way to say that the speaker is not known. Which channel of a recording is read says the fifth
    column of `segments` (from 0), or else reco2file_and_channel; see `channel_of`. The utterances of a recording that
    cannot be opened have 0 ticks, so that one bad file does not hide the others: `data.validation` says what is wrong
    with it.

    Raises CorpusError naming the file, and where there is one the line, that is wrong.
    """
    folder = Path(folder)
    recordings = read_recordings(folder, allow_pipes)
    stretches = read_stretches(folder, recordings)
    speakers, genders, texts = (read_map(folder / name) for name in ("utt2spk", "spk2gender", "text"))
    if speakers and (unknown := sorted(stretches.keys() - speakers.keys())):
        what = f"lacks {unknown[0]}{Lookalikes(speakers).hint(unknown[0])} ({len(unknown)} in all)"
        raise CorpusError(f"{folder / 'utt2spk'}: {what}; add a line for each")
    if unknown := sorted(set(genders.values()) - {"f", "m"}):
        raise CorpusError(f"{folder / 'spk2gender'}: {unknown[0]!r} is not a gender; write f or m")
    tiers = {file.stem: read_ctm(file, stretches) for file in ctm_files(folder)}
    utterances = []
    for id, stretch in sorted(stretches.items()):
        if fault := id_fault(id):
            raise CorpusError(f"{folder}: the utterance {id!r} cannot name a file; use {fault} in ids")
        utterance = stretch.utterance(
            id,
            recordings[stretch.recording].path,
            speaker=speakers.get(id) if speakers.get(id) != id else None,
            gender=genders.get(speakers.get(id)),
            text=texts.get(id) or None,
            alignment={tier: intervals[id] for tier, intervals in tiers.items() if id in intervals},
        )
        utterances.append(utterance)
    return utterances


def read_recordings(folder: Path, allow_pipes: bool) -> dict[str, Source]:
    scp = scp_of(folder)
    images = scp.name == "images.scp"
    if images and (folder / "wav.scp").exists():
        raise CorpusError(f"{folder}: {BOTH}")
    rows = read_table(scp)
    if not rows:
        raise CorpusError(f"{scp}: no {'images' if images else 'recordings'} in it; prepare the corpus again")
    for row in rows.values():
        if not row.value:
            raise CorpusError(f"{scp}:{row.line}: {row.key} has no path; add it")
        if is_pipe(row.value) and (images or not allow_pipes):
            raise CorpusError(f"{scp}:{row.line}: {row.key} {NO_PIPE if images else PIPE}")
    paths = [locate(row.value, folder) for row in rows.values()]
    info = image_info_or_none if images else partial(info_or_none, allow_pipes=allow_pipes)
    infos = Parallel(n_jobs=8, backend="threading")(delayed(info)(path) for path in paths)
    return {key: Source(path, info, images, count) for key, path, (info, count) in zip(rows, paths, infos)}


def scp_of(folder: Path) -> Path:
    """The table that names the recordings, or the images."""
    images = folder / "images.scp"
    return images if images.exists() else folder / "wav.scp"


def unit_of(folder: Path) -> str:
    return "columns" if scp_of(folder).name == "images.scp" else "s"


def locate(path: str, folder: Path) -> str:
    """A path of wav.scp as seen from the working directory."""
    archive = ARCHIVE.fullmatch(path)
    file = archive[1] if archive else path
    if is_pipe(path) or is_there(file) or not is_there(folder / file):
        return path
    return str(folder / path)


def info_or_none(path: str, allow_pipes: bool) -> tuple[AudioInfo | None, int]:
    """Length and rate of a recording, and how many channels it has."""
    try:
        with open_audio(path, allow_pipes) as file:
            return info_of(file), file.channels
    except AudioError:
        return None, 1


def image_info_or_none(path: str) -> tuple[ImageInfo | None, int]:
    try:
        return image_info(path), 1
    except ImageError:
        return None, 1


def read_stretches(folder: Path, recordings: Mapping[str, Source]) -> dict[str, Segment]:
    """Where every utterance is: by `segments`, or the whole of each recording if there is none."""
    path, rows = folder / "segments", channel_rows(folder)

    def stretch(row: KaldiRow, recording: str, start: float, end: float | None, named: int | None) -> Segment:
        source = recordings[recording]
        channel = channel_of(path, row, named, rows.get(recording), source.channels)
        if isinstance(channel, Problem):
            raise CorpusError.of(channel)
        return stretch_of(recording, source.info, start, end, source.image)._replace(channel=channel)

    if not path.exists():
        return {key: stretch(KaldiRow(0, key, ""), key, 0, None, None) for key in recordings}
    stretches = {}
    for row in read_table(path).values():
        try:
            recording, *place = parse_segment(row.value, unit_of(path.parent))
            stretches[row.key] = stretch(row, recording, *place)
        except CorpusError:
            raise
        except ValueError as error:
            raise CorpusError(f"{path}:{row.line}: {error}; {SEGMENT}") from error
        except KeyError:
            what = f"{scp_of(folder).name} has no recording {recording!r}{Lookalikes(recordings).hint(recording)}"
            raise CorpusError(f"{path}:{row.line}: {what}; add it, or remove this line") from None
    return stretches


def channel_rows(folder: Path) -> dict[str, KaldiRow]:
    """The lines of reco2file_and_channel, by recording. Raises CorpusError as `read_table` does."""
    path = folder / CHANNELS
    return read_table(path) if path.exists() else {}


def channel_of(
    segments: Path, row: KaldiRow, named: int | None, of_recording: KaldiRow | None, there: int
) -> int | Problem | None:
    """Which channel an utterance is of, or what is wrong with what is said of it.

    named: in its line of `segments`. of_recording: the line of reco2file_and_channel, which calls channels A and B, or
    1 and 2. That counts for nothing where the recording has but one channel: there, it has been taken out already, as
    by `sph2pipe -c`, and the table says for scoring which one it was.
    """
    if of_recording is None or there < 2:
        return named
    name = of_recording.value.rpartition(" ")[2]
    channel, file = channel_called(name), str(segments.parent / CHANNELS)
    if channel is None:
        what = f"{name!r} is no channel of {of_recording.key!r}, which has {there}"
        return Problem("error", file, of_recording.line, what, "write RECORDING FILE A, or RECORDING FILE B")
    if named not in (None, channel):
        what = f"{row.key!r} is of channel {named}, but line {of_recording.line} of {CHANNELS} says {name} ({channel})"
        return Problem("error", str(segments), row.line, what, "correct one of them; the first channel is 0, or A")
    return channel


def parse_segment(value: str, unit: str = "s") -> tuple[str, float, float | None, int | None]:
    """Recording, start and end of a line of `segments`, in seconds or columns, and its channel, if one is named.

    The end is None for -1: "to the end". Channels count from 0, as in Kaldi's extract-segments; A and B are read, too.
    Raises ValueError if the line is anything else.
    """
    parts = fields_of(value)
    most = 3 if unit == "columns" else 4
    if not 3 <= len(parts) <= most:
        raise ValueError(f"has {len(parts) + 1} fields, not 4{' or 5' if 3 < most < len(parts) else ''}")
    channel = parse_channel(parts[3]) if len(parts) > 3 else None
    recording, start, end = parts[0], float(parts[1]), float(parts[2])
    if not 0 <= start < LATEST:
        raise ValueError(f"cannot start at {start:g} {unit}")
    if end == -1:
        return recording, start, None, channel
    if not end < LATEST:
        raise ValueError(f"cannot end at {end:g} {unit}")
    if not start < end:
        raise ValueError(f"ends at {end:g} {unit}, but starts at {start:g} {unit}")
    return recording, start, end, channel


def parse_channel(name: str) -> int:
    channel = int(name) if re.fullmatch("[0-9]+", name) else channel_called(name)
    if channel is None:
        raise ValueError(f"names the channel {name!r}, but channels count from 0")
    return channel


def stretch_of(
    recording: str, info: AudioInfo | ImageInfo | None, start: float, end: float | None, image: bool = False
) -> Segment:
    """Seconds [start, end) of a recording, or columns of an image, in ticks.

    A little past its end is cut, more is for the checks to find. `image` says what it should be if it cannot be opened.
    """
    if info is None:
        return Segment(recording, 0, 0, None, 1 if image else None)
    ticks, rate, height = (info.width, 1, info.height) if isinstance(info, ImageInfo) else (*info, None)
    first, last = to_ticks(start, rate), ticks if end is None else to_ticks(end, rate)
    if ticks < last <= ticks + OVERSHOOT * rate:
        last = ticks
    return Segment(recording, first, max(last - first, 0), rate, height)
