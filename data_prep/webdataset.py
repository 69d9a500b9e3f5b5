"""Tar shards that others packed: a manifest of the recordings or line images in them, which stay where they are.

python data_prep/webdataset.py shards data/corpus

Origin     any; WebDataset (`webdataset.ShardWriter`), lhotse (`CutSet.to_shar`), `unitdisc shards`, or just `tar`
Licence    that of the corpus
Files      *.tar anywhere in the folder. Files of one name up to its first dot are a sample: KEY.flac with KEY.json and
           KEY.txt. Texts come from KEY.txt, or from a field of KEY.json called text, transcript, transcription or
           sentence; speakers from one called speaker, speaker_id, spk_id or client_id (other names: --text-field,
           --speaker-field; "meta.reader" is `reader` in `meta`). Shar of lhotse: recording.000000.tar beside
           cuts.000000.jsonl.gz, whose supervisions have the texts and speakers
Tiers      those of KEY.json, if `unitdisc shards` packed it; otherwise none
"""

import argparse
import gzip
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from unitdisc.corpus import CorpusError, Utterance, short_name
from unitdisc.data.audio import audio_info
from unitdisc.data.image import SUFFIXES, image_info
from unitdisc.data.preparing import add_speaker_options, collect, hold_out, run, script_parser, shortened, write_corpus
from unitdisc.data.tars import Sample, TarError, read_member, samples
from unitdisc.manifests import parse_utterance
from unitdisc.text import lines_of

SOUNDS = ("flac", "wav", "ogg", "opus", "mp3", "aiff", "aif", "au")
PICTURES = tuple(suffix[1:] for suffix in SUFFIXES)
TEXTS = ("text", "transcript", "transcription", "sentence")
SPEAKERS = ("speaker", "speaker_id", "spk_id", "client_id")
GENDERS = {"f": "f", "female": "f", "woman": "f", "m": "m", "male": "m", "man": "m"}
LIMIT = 1 << 24  # bytes of a text, or of the description of a sample
LONGEST = 1 << 30  # bytes of the cuts of a shard


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--text-field", metavar="NAME", help=f"of KEY.json; default: one of {', '.join(TEXTS)}")
    parser.add_argument("--speaker-field", metavar="NAME", help=f"the same; default: one of {', '.join(SPEAKERS)}")
    parser.add_argument("--extension", metavar="EXT", help="of the recording, if samples have several: clean.wav")
    parser.add_argument("--name", default="all", help="of the manifest; default: all")
    add_speaker_options(parser, default=None, otherwise="none")
    args = parser.parse_args(argv)
    tars = sorted(args.raw.rglob("*.tar"))
    if not tars:
        raise CorpusError(f"{args.raw}: no .tar files in it; give the folder of the shards, .tar and not .tar.gz")
    found = collect(each(tars), lambda sample: utterances_of(*sample, args), args.strict, args.raw)
    found = unique([utterance for group in found for utterance in group])
    splits = {args.name: found} if args.test_speakers is None else hold_out(found, args.test_speakers, args.seed)
    write_corpus(args.output, splits)


def each(tars: list[Path]) -> Iterator[tuple[Path, Sample | TarError, Mapping[str, dict]]]:
    """Every sample of every tar, with what the cuts beside it say; and what is wrong with a tar, in place of the rest.

    Samples without a recording or an image are left out, such as lists of labels.
    """
    for path in tars:
        cuts = read_cuts(path)
        try:
            for sample in samples(path, last_dot=bool(cuts)):
                if contents_of(sample):
                    yield path, sample, cuts
        except TarError as error:
            yield path, error, cuts


def contents_of(sample: Sample) -> list[str]:
    """The kinds of the recordings and images of a sample."""
    return [kind for kind in sample.members if kind.rpartition(".")[2] in (*SOUNDS, *PICTURES)]


def utterances_of(
    path: Path, sample: Sample | TarError, cuts: Mapping[str, dict], args: argparse.Namespace
) -> list[Utterance]:
    """The utterances in a sample: one, or those that are listed in what `unitdisc shards` packed."""
    if isinstance(sample, TarError):
        raise sample
    if sample.again:
        what = f"{path}: there is a second {sample.again[0]!r} beside the first, as of two samples of one name"
        raise CorpusError(f"{what}; pack them under names of their own")
    kinds = contents_of(sample)
    kind = args.extension.lower() if args.extension else kinds[0]
    if kind not in kinds or (len(kinds) > 1 and not args.extension):
        what = f"{path}: {sample.key} has the recordings or images {kinds}"
        raise CorpusError(f"{what}; say with --extension which is meant, such as {kinds[0]}")
    place = f"{path.resolve()}:{sample.members[kind].offset}"
    told = description(path, sample)
    listed = told["utterances"] if isinstance(told.get("utterances"), list) else [told]
    if all(isinstance(values, dict) and is_ours(values) for values in listed):
        return [parsed(path, sample.key, {**values, "path": place}) for values in listed]
    known = {**told, **cuts.get(sample.key, {})}
    values = {
        "id": name_of(sample.key),
        "path": place,
        "speaker": as_text(first(known, (args.speaker_field,) if args.speaker_field else SPEAKERS)),
        "text": text_of(path, sample) or as_text(first(known, (args.text_field,) if args.text_field else TEXTS)),
        "gender": GENDERS.get(str(first(known, ("gender", "sex"))).lower()),
    }
    if kind.rpartition(".")[2] in PICTURES:
        info = image_info(place)
        return [Utterance(**values, ticks=info.width, height=info.height)]
    return [Utterance(**values, **audio_info(place)._asdict())]


def is_ours(values: dict) -> bool:
    names = {field.name for field in fields(Utterance)}
    return values.keys() <= names and values.keys() >= {"id", "ticks"} and "path" not in values


def parsed(path: Path, key: str, values: dict) -> Utterance:
    try:
        return parse_utterance(values, Path())
    except ValueError as error:
        raise CorpusError(f"{path}: {key}.json: not an utterance: {error}; pack the corpus again") from error


def description(path: Path, sample: Sample) -> dict:
    """What KEY.json says; nothing if there is none."""
    if "json" not in sample.members:
        return {}
    try:
        value = json.loads(read_member(path, sample.members["json"], LIMIT))
    except (ValueError, RecursionError) as error:
        if isinstance(error, CorpusError):
            raise
        raise CorpusError(f"{path}: {sample.key}.json: not JSON ({error}); pack it again") from error
    return value if isinstance(value, dict) else {}


def text_of(path: Path, sample: Sample) -> str | None:
    """What KEY.txt says, or KEY.transcript.txt."""
    kind = next((kind for kind in sample.members if kind.rpartition(".")[2] == "txt"), None)
    if kind is None:
        return None
    lines = lines_of(read_member(path, sample.members[kind], LIMIT), f"{path}: {sample.key}.{kind}", CorpusError)
    return "\n".join(line for _, line in lines).strip() or None


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


def name_of(key: str) -> str:
    """A key as an id: "train/ann 1" is "train-ann_1"."""
    return shortened("-".join("_".join(part.split()) for part in key.split("/")), key)


def unique(listed: list[Utterance]) -> list[Utterance]:
    """All utterances; where shards count their keys anew, ids begin with the name of the shard, or with its folders."""
    if len({utterance.id for utterance in listed}) == len(listed):
        return listed
    tars = [Path(utterance.path.rpartition(":")[0]).with_suffix("") for utterance in listed]
    names = [tar.name for tar in tars]
    if len({*names}) < len({*tars}):
        above = os.path.commonpath([tar.parent for tar in tars])
        names = [str(tar.relative_to(above)) for tar in tars]
    return [replace(u, id=short_name(f"{name_of(name)}-{u.id}")) for u, name in zip(listed, names)]


def read_cuts(tar: Path) -> dict[str, dict]:
    """Cut -> text, speaker and gender, of cuts.000000.jsonl.gz beside recording.000000.tar, if it is there."""
    number = re.search(r"\.(\d+)$", tar.stem)
    path = tar.with_name(f"cuts{number[0]}.jsonl.gz") if number else None
    if path is None or not path.exists():
        return {}
    cuts = {}
    try:
        with gzip.open(path) as file:
            for _, line in lines_of(file.read(LONGEST), str(path)):
                cut = json.loads(line)
                told = next(iter(cut.get("supervisions") or []), {})
                cuts[cut["id"]] = {name: told.get(name) for name in ("text", "speaker", "gender") if told.get(name)}
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}: no cuts of lhotse ({error}); copy it again, or move it away") from error
    return cuts


if __name__ == "__main__":
    run(main)
