"""The formats there are, and the export of a corpus: another format is a file beside this one and a line here."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.exports.audacity import write_audacities
from unitdisc.exports.ctm import write_ctm
from unitdisc.exports.dataset import write_dataset
from unitdisc.exports.elan import write_elans
from unitdisc.exports.jsonl import write_units_jsonl
from unitdisc.exports.km import write_km
from unitdisc.exports.lhotse import write_cuts
from unitdisc.exports.textgrid import write_textgrids
from unitdisc.exports.units import ExportError, read_units


@dataclass(frozen=True)
class Export:
    files: list[Path]  # what was written, in the order of the formats asked for
    missing: list[str]  # ids of the utterances that have no encoding, and so are in none of the files


FORMATS = {  # name -> the file (or folder) it makes, and who writes it
    "jsonl": ("units.jsonl", write_units_jsonl),
    "ctm": ("units.ctm", write_ctm),
    "textgrid": ("textgrid", write_textgrids),
    "elan": ("elan", write_elans),
    "audacity": ("audacity", write_audacities),
    "km": ("units.km", write_km),
    "lhotse": ("cuts.jsonl.gz", write_cuts),
    "dataset": ("dataset", write_dataset),
}
ON_DEMAND = ("lhotse", "dataset")  # which open, or copy, the recordings
USUAL = tuple(name for name in FORMATS if name not in ON_DEMAND)


def export(
    encodings: Encodings, utterances: Iterable[Utterance], folder: Path, formats: Iterable[str] = USUAL
) -> Export:
    """Writes the units of a corpus into `folder`, in the given formats, in order of utterance id.

    Formats: `jsonl` (units.jsonl), `ctm` (units.ctm), `textgrid` (textgrid/UTTERANCE.TextGrid), `elan`
    (elan/UTTERANCE.eaf), `audacity` (audacity/UTTERANCE.txt), `km` (units.km and units.tsv), `lhotse` (cuts.jsonl.gz),
    `dataset` (dataset/metadata.jsonl, with the recordings or line images). Utterances without an encoding are left out
    and listed in the result.
    Raises EncodingsError if there are no codes or they do not fit, ExportError for an unknown format or an
    utterance that a format cannot hold.
    """
    formats = list(dict.fromkeys(formats))
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ExportError(f"unknown format {unknown[0]!r}: choose from {list(FORMATS)}")
    utterances = sorted(utterances, key=lambda utterance: utterance.id)
    units = [read_units(encodings, utterance) for utterance in utterances if utterance.id in encodings]
    if not units:
        raise EncodingsError(f"{encodings.folder}: holds none of the {len(utterances)} utterances; encode the corpus")
    files = []
    for name in formats:
        file, write = FORMATS[name]
        write(folder / file, units)
        files.append(folder / file)
    return Export(files, [utterance.id for utterance in utterances if utterance.id not in encodings])
