"""Folders of tar shards that others packed, as WebDataset, lhotse Shar and `unitdisc shards` do: what is in them."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from unitdisc.corpus import CorpusError, Utterance, short_name
from unitdisc.corpus.manifest import parse_utterance
from unitdisc.files.text import json_in, lines_of
from unitdisc.media.audio import audio_info
from unitdisc.media.image import SUFFIXES, image_info
from unitdisc.media.tars import Member, TarSample, in_tar, read_member, samples
from unitdisc.prep.image_folders import id_of
from unitdisc.prep.lhotse_shar import LhotseCut, Supervised, cuts_beside, is_of_another_field, read_cuts, supervised
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import collect
from unitdisc.prep.speakers import gender_of

SOUNDS = ("flac", "wav", "ogg", "opus", "mp3", "aiff", "aif", "au")
PICTURES = tuple(suffix[1:] for suffix in SUFFIXES)
TEXTS = ("text", "transcript", "transcription", "sentence")
SPEAKERS = ("speaker", "speaker_id", "spk_id", "client_id")
LIMIT = 1 << 24  # bytes of a text, or of the description of a sample


@dataclass(frozen=True)
class TarFields:
    """Where samples say what they are: fields of KEY.json, and the ending of the recording; None: the usual ones."""

    text: str | None = None
    speaker: str | None = None
    extension: str | None = None


def read_tars(raw: Path, fields_of: TarFields, strict: bool, notes: Notes) -> list[Utterance]:
    """The utterances of all tars below a folder, as data_prep/webdataset.py describes them; bad ones are said.

    Raises CorpusError if there are none, and if `strict` for a bad one.
    """
    tars = sorted(raw.rglob("*.tar"))
    if not tars:
        raise CorpusError(f"{raw}: no .tar files in it; give the folder of the shards, .tar and not .tar.gz")
    groups = each(tars, fields_of.extension, notes)
    try:
        found = collect(groups, lambda sample: utterances_of(*sample, fields_of, notes), strict, raw)
    except CorpusError:
        notes.say()  # why nothing is left, perhaps
        raise
    return unique([utterance for group in found for utterance in group])


def each(
    tars: list[Path], extension: str | None, notes: Notes
) -> Iterator[tuple[Path, TarSample | CorpusError, Mapping]]:
    """Every sample of every tar, with what the cuts beside it say; and what is wrong with a tar, in place of the rest.

    Samples without a recording or an image are left out, such as lists of labels, and noted.
    """
    for path in tars:
        if is_of_another_field(path):
            notes.add("tars of other fields of the cuts than `recording`, left out", path.name)
            continue
        cuts: Mapping[str, LhotseCut] = {}
        try:
            if beside := cuts_beside(path):
                cuts = read_cuts(beside)
            for sample in samples(path, bool(cuts), (*SOUNDS, *PICTURES), extension=extension):
                if contents_of(sample):
                    yield path, sample, cuts
                    continue
                for member in sample.members.values():
                    notes.add("files without a recording or an image of their name, left out", member.name)
        except CorpusError as error:
            yield path, error, cuts


def contents_of(sample: TarSample) -> list[str]:
    """The kinds of the recordings and images of a sample."""
    return [kind for kind in sample.members if kind.rpartition(".")[2] in (*SOUNDS, *PICTURES)]


def utterances_of(
    path: Path, sample: TarSample | CorpusError, cuts: Mapping[str, LhotseCut], fields_of: TarFields, notes: Notes
) -> list[Supervised]:
    """The utterances in a sample: one, those that `unitdisc shards` lists in it, or those of a cut."""
    if isinstance(sample, CorpusError):
        raise sample
    if sample.again:
        what = f"{path}: there is a second {sample.again[0]!r} beside the first, as of two samples of one name"
        raise CorpusError(f"{what}; pack them under names of their own")
    place = f"{path.resolve()}:{sample.members[kind := kind_of(path, sample, fields_of)].offset}"
    told = description(path, sample)
    listed = told["utterances"] if isinstance(told.get("utterances"), list) else [told]
    if all(isinstance(values, dict) and is_ours(values) for values in listed):
        return [Supervised(parsed(path, sample.key, {**values, "path": place}), "") for values in listed]
    name = id_of(sample.key)
    values = {
        "id": name,
        "path": place,
        "speaker": as_text(first(told, (fields_of.speaker,) if fields_of.speaker else SPEAKERS)),
        "text": text_of(path, sample) or as_text(first(told, (fields_of.text,) if fields_of.text else TEXTS)),
        "gender": gender_of(first(told, ("gender", "sex")), name, notes),
    }
    if kind.rpartition(".")[2] in PICTURES:
        info = image_info(place)
        return [Supervised(Utterance(**values, ticks=info.width, height=info.height), "")]
    whole = Utterance(**values, **audio_info(place)._asdict())
    if cuts and sample.key not in cuts:
        notes.add("recordings of which the cuts beside them say nothing", name)
    return list(supervised(whole, cuts[sample.key], notes)) if sample.key in cuts else [Supervised(whole, "")]


def kind_of(path: Path, sample: TarSample, fields_of: TarFields) -> str:
    """Which of its recordings and images a sample is of. Raises CorpusError if that is not known."""
    kinds = contents_of(sample)
    wanted = fields_of.extension or ""
    kind = next((kind for kind in kinds if kind == wanted), kinds[0])
    if (wanted and kind != wanted) or (len(kinds) > 1 and not wanted):
        what = f"{path}: {sample.key} has the recordings or images {kinds}"
        cure = f"say with --extension which is meant, such as {kinds[0]}"
        each = kinds[0].rpartition(".")[2]
        if len(kinds) > 1 and all(kind.endswith(f".{each}") for kind in kinds):
            cure += f", or {each} if each is of a sample of its own"
        raise CorpusError(f"{what}; {cure}")
    return kind


def is_ours(values: dict) -> bool:
    names = {field.name for field in fields(Utterance)}
    return values.keys() <= names and values.keys() >= {"id", "ticks"} and "path" not in values


def parsed(path: Path, key: str, values: dict) -> Utterance:
    try:
        return parse_utterance(values, Path())
    except ValueError as error:
        raise CorpusError(f"{path}: {key}.json: not an utterance: {error}; pack the corpus again") from error


def description(path: Path, sample: TarSample) -> dict:
    """What KEY.json says; nothing if there is none."""
    member = beside(sample, "json")
    if member is None:
        return {}
    try:
        value = json_in(read_member(path, member, LIMIT))
    except ValueError as error:
        if isinstance(error, CorpusError):
            raise
        raise CorpusError(f"{path}: {member.name}: not JSON ({error}); pack it again") from error
    return value if isinstance(value, dict) else {}


def text_of(path: Path, sample: TarSample) -> str | None:
    """What KEY.txt says, or KEY.transcript.txt."""
    member = beside(sample, "txt")
    if member is None:
        return None
    lines = lines_of(read_member(path, member, LIMIT), f"{path}: {sample.key}.txt", CorpusError)
    return "\n".join(line for _, line in lines).strip() or None


def beside(sample: TarSample, suffix: str) -> Member | None:
    """KEY.suffix of a sample, or else the first KEY.something.suffix."""
    kinds = [kind for kind in sample.members if kind.rpartition(".")[2] == suffix]
    return sample.members[min(kinds, key=lambda kind: kind != suffix)] if kinds else None


def first(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The first of some fields that is there; "a.b" is `b` in `a`."""
    for name in names:
        value: Any = values
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


def as_text(value: Any) -> str | None:
    return str(value) if isinstance(value, (str, int, float)) and str(value).strip() else None


def unique(found: list[Supervised]) -> list[Utterance]:
    """All utterances; where shards count their keys anew, ids begin with the name of the shard, or with its folders.

    A supervision whose id is not its own is called after its cut, and numbered.
    """
    counts = Counter(utterance.id for utterance, _ in found)
    listed = [replace(u, id=other) if other and counts[u.id] > 1 else u for u, other in found]
    if len({utterance.id for utterance in listed}) == len(listed):
        return listed
    tars = [(in_tar(utterance.path) or (Path(utterance.path),))[0].with_suffix("") for utterance in listed]
    names = [tar.name for tar in tars]
    if len({*names}) < len({*tars}):
        above = os.path.commonpath([tar.parent for tar in tars])
        names = [str(tar.relative_to(above)) for tar in tars]
    return [replace(u, id=short_name(f"{id_of(name)}-{u.id}")) for u, name in zip(listed, names)]
