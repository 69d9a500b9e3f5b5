"""Reading corpora: a manifest or a Kaldi data directory becomes a list of utterances."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from joblib import Parallel, delayed

from unitdisc.corpus import CorpusError, Utterance, is_id, is_pipe, read_manifest
from unitdisc.data.audio import AudioInfo, audio_info
from unitdisc.data.sources import ARCHIVE, AudioError
from unitdisc.kaldi.ctm import Stretch, read_ctm, to_ticks
from unitdisc.kaldi.tables import read_map, read_table

OVERSHOOT = 0.5  # seconds a segment may end after its recording and still be cut to it, as in extract-segments
PIPE = "is a pipe, which runs a command on this computer; if you trust its author, allow pipes (--allow-pipes)"
SEGMENT = "write UTTERANCE RECORDING START END, in seconds"


class Source(NamedTuple):
    """A line of wav.scp."""

    path: str
    info: AudioInfo | None  # None if it cannot be opened


def read_corpus(path: str | Path, allow_pipes: bool = False) -> list[Utterance]:
    """Reads a manifest (`.jsonl`) or a Kaldi data directory.

    Raises CorpusError if it is neither, if a line is wrong, or if a recording is a pipe without `allow_pipes`.
    """
    path = Path(path)
    if path.is_dir() and (path / "wav.scp").exists():
        return read_kaldi(path, allow_pipes)
    if path.suffix != ".jsonl" or not path.is_file():
        raise CorpusError(f"{path}: {not_a_corpus(path)}")
    utterances = list(read_manifest(path))
    for utterance in utterances:
        if is_pipe(utterance.path) and not allow_pipes:
            raise CorpusError(f"{path}: the recording of {utterance.id} {PIPE}")
    return utterances


def not_a_corpus(path: Path) -> str:
    """Says what is at `path` instead of a corpus, and where one may be."""
    near = []
    if not path.exists():
        what = "no such file or folder"
    elif path.is_dir():
        what = "a folder without wav.scp"
        near = [*path.glob("*.jsonl"), *(scp.parent for scp in path.glob("*/wav.scp"))]
    else:
        what = "neither a manifest nor a folder"
        near = [path.parent] if path.name == "wav.scp" else []
    suggestion = f" (did you mean {' or '.join(sorted(map(str, near))[:3])}?)" if near else ""
    return f"{what}; give a .jsonl manifest or a Kaldi data directory{suggestion}"


def read_kaldi(folder: str | Path, allow_pipes: bool = False) -> list[Utterance]:
    """Reads a Kaldi data directory, in order of utterance id; every *.ctm in it is an alignment tier.

    Relative paths start at the working directory, as in Kaldi, or else at the folder. A speaker called like the
    utterance is Kaldi's way to say that the speaker is not known. The utterances of a recording that cannot be
    opened have 0 ticks, so that one bad file does not hide the others: `data.validation` says what is wrong with it.

    Raises CorpusError naming the file, and where there is one the line, that is wrong.
    """
    folder = Path(folder)
    recordings = read_recordings(folder, allow_pipes)
    stretches = read_stretches(folder, recordings)
    speakers, genders, texts = (read_map(folder / name) for name in ("utt2spk", "spk2gender", "text"))
    if speakers and (unknown := sorted(stretches.keys() - speakers.keys())):
        raise CorpusError(f"{folder / 'utt2spk'}: lacks {unknown[0]} ({len(unknown)} in all); add a line for each")
    if unknown := sorted(set(genders.values()) - {"f", "m"}):
        raise CorpusError(f"{folder / 'spk2gender'}: {unknown[0]!r} is not a gender; write f or m")
    tiers = {file.stem: read_ctm(file, stretches) for file in sorted(folder.glob("*.ctm"))}
    utterances = []
    for id, stretch in sorted(stretches.items()):
        if not is_id(id):
            raise CorpusError(f"{folder}: the utterance {id!r} cannot name a file; use no slashes in ids")
        utterance = Utterance(
            id=id,
            path=recordings[stretch.recording].path,
            speaker=speakers.get(id) if speakers.get(id) != id else None,
            ticks=stretch.ticks,
            rate=stretch.rate,
            start=stretch.start,
            gender=genders.get(speakers.get(id)),
            text=texts.get(id) or None,
            alignment={tier: intervals[id] for tier, intervals in tiers.items() if id in intervals},
        )
        utterances.append(utterance)
    return utterances


def read_recordings(folder: Path, allow_pipes: bool) -> dict[str, Source]:
    rows = read_table(folder / "wav.scp")
    if not rows:
        raise CorpusError(f"{folder / 'wav.scp'}: no recordings in it; prepare the corpus again")
    for row in rows.values():
        if not row.value:
            raise CorpusError(f"{folder / 'wav.scp'}:{row.line}: {row.key} has no path; add it")
        if is_pipe(row.value) and not allow_pipes:
            raise CorpusError(f"{folder / 'wav.scp'}:{row.line}: {row.key} {PIPE}")
    paths = [locate(row.value, folder) for row in rows.values()]
    infos = Parallel(n_jobs=8, backend="threading")(delayed(info_or_none)(path, allow_pipes) for path in paths)
    return {key: Source(path, info) for key, path, info in zip(rows, paths, infos)}


def locate(path: str, folder: Path) -> str:
    """A path of wav.scp as seen from the working directory."""
    archive = ARCHIVE.fullmatch(path)
    file = archive[1] if archive else path
    if is_pipe(path) or Path(file).exists() or not (folder / file).exists():
        return path
    return str(folder / path)


def info_or_none(path: str, allow_pipes: bool) -> AudioInfo | None:
    try:
        return audio_info(path, allow_pipes)
    except AudioError:
        return None


def read_stretches(folder: Path, recordings: Mapping[str, Source]) -> dict[str, Stretch]:
    """Where every utterance is: by `segments`, or the whole of each recording if there is none."""
    path = folder / "segments"
    if not path.exists():
        return {key: stretch_of(key, recordings[key].info, 0, None) for key in recordings}
    stretches = {}
    for row in read_table(path).values():
        try:
            recording, start, end = parse_segment(row.value)
            stretches[row.key] = stretch_of(recording, recordings[recording].info, start, end)
        except ValueError as error:
            raise CorpusError(f"{path}:{row.line}: {error}; {SEGMENT}") from error
        except KeyError:
            cure = "add it, or remove this line"
            raise CorpusError(f"{path}:{row.line}: wav.scp has no recording {recording!r}; {cure}") from None
    return stretches


def parse_segment(value: str) -> tuple[str, float, float | None]:
    """Recording, start and end of a line of `segments`, in seconds; the end is None where -1 says "to the end".

    Raises ValueError if the line is anything else.
    """
    parts = value.split()
    if len(parts) != 3:
        raise ValueError(f"has {len(parts) + 1} fields, not 4")
    recording, start, end = parts[0], float(parts[1]), float(parts[2])
    if not 0 <= start < float("inf"):
        raise ValueError(f"cannot start at {start:g} s")
    if end == -1:
        return recording, start, None
    if not start < end < float("inf"):
        raise ValueError(f"ends at {end:g} s, but starts at {start:g} s")
    return recording, start, end


def stretch_of(recording: str, info: AudioInfo | None, start: float, end: float | None) -> Stretch:
    """Seconds [start, end) of a recording in ticks; a little past its end is cut, more is for the checks to find."""
    if info is None:
        return Stretch(recording, 0, 0, None)
    first, last = to_ticks(start, info.rate), info.ticks if end is None else to_ticks(end, info.rate)
    if info.ticks < last <= info.ticks + OVERSHOOT * info.rate:
        last = info.ticks
    return Stretch(recording, first, max(last - first, 0), info.rate)
