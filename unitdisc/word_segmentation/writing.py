"""Words as files: encodings whose codes are types, and words/ for other tools."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encoding, EncodingsWriter, is_regular
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.frame_checks import usable
from unitdisc.exports.classes import write_classes
from unitdisc.exports.ctm import write_ctm
from unitdisc.exports.jsonl import write_units_jsonl
from unitdisc.exports.textgrid import write_textgrids
from unitdisc.exports.units import Units
from unitdisc.files import write_text
from unitdisc.word_segmentation.material import Material
from unitdisc.word_segmentation.types import Types
from unitdisc.word_segmentation.words import Segments


def write(
    opened: AnyEncodings,
    utterances: Sequence[Utterance],
    there: Material,
    segments: Segments,
    types: Types,
    folder: Path,
    settings: dict,
    made_of: dict,
    advance: Callable[[int], None],
) -> list[Path]:
    """Writes codes and frames of all utterances, and words/ for other tools; returns the files of that.

    Frames are means of words; those of no word have a code of their own, the last.
    """
    owned, blank = segments.by_utterance(), types.count
    writer = EncodingsWriter(
        folder, {**settings, "num_codes": types.count + 1, "blank": blank, "segmentation": made_of}
    )
    units, listed = [], [utterance for utterance in utterances if utterance.id in owned]
    for utterance in listed:
        encoding, places = usable(opened, utterance.id), owned[utterance.id]
        codes = np.full(len(encoding.centres), blank)
        first, last = (np.searchsorted(encoding.centres, edges[places]) for edges in (segments.starts, segments.ends))
        frames = np.array(encoding.frames, np.float32)
        for place, start, end in zip(places, first, last):
            codes[start:end] = types.codes[place]
            if end > start:
                frames[start:end] = frames[start:end].mean(0, dtype=np.float64)
        writer.write(Encoding(utterance.id, encoding.centres, frames, codes=codes), is_even(opened, utterance.id))
        units.append(Units(utterance, codes.tolist(), segments.intervals(places, types)))
        advance(1)
    files = write_files(folder / "words", units, there, segments, types)
    writer.finish()
    return files


def is_even(opened: AnyEncodings, utterance: str) -> bool:
    """Whether stride and offset say when the frames of an utterance happen."""
    return is_regular(opened.settings) and not (opened.folder / "centres" / f"{utterance}.npy").exists()


def write_files(folder: Path, units: Sequence[Units], there: Material, segments: Segments, types: Types) -> list[Path]:
    """words.jsonl, and, of recordings, words.ctm, textgrid/ and classes.txt; lexicon.jsonl, and of units words.txt."""
    files = {"words.jsonl": write_units_jsonl, "words.ctm": write_ctm}
    if all(entry.utterance.rate for entry in units):
        files |= {"textgrid": partial(write_textgrids, tier="found word"), "classes.txt": write_classes}
    for name, write_file in files.items():
        write_file(folder / name, units)
    spelled = [None if string is None else [there.symbols[code] for code in string] for string in types.strings]
    counts = np.bincount(types.codes, minlength=types.count)
    entries = [{"type": code, "tokens": int(counts[code]), "units": own} for code, own in enumerate(spelled)]
    write_text(folder / "lexicon.jsonl", "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in entries))
    paths = [folder / name for name in (*files, "lexicon.jsonl")]
    if segments.strings is not None:
        write_text(folder / "words.txt", "".join(f"{line}\n" for line in lines(there, segments)))
        paths.append(folder / "words.txt")
    return paths


def lines(there: Material, segments: Segments) -> list[str]:
    """A line for every stretch: units with a space between, words with ` | ` between."""
    found: list[list[str]] = [[] for _ in there.stretches]
    for stretch, string in zip(segments.stretches.tolist(), segments.strings):
        found[stretch].append(" ".join(there.symbols[code] for code in string))
    return [" | ".join(own) for own in found]
