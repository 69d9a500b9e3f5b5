"""A data set as `datasets` of Hugging Face reads it: recordings or line images, and metadata.jsonl beside them.

from datasets import load_dataset
load_dataset("audiofolder", data_dir="units/dataset", split="train")    # line images: "imagefolder"
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from unitdisc.corpus import Utterance, is_pipe
from unitdisc.exports.units import ExportError, Units, why_no_path
from unitdisc.files import write_text, written_aside
from unitdisc.files.text import json_in, read_lines
from unitdisc.media.audio import read_audio, write_audio
from unitdisc.media.decoding import open_audio
from unitdisc.media.image import image_info

LISTED = "metadata.jsonl"  # as `datasets` wants it


def write_dataset(folder: Path, units: Iterable[Units]) -> None:
    """Writes a file an utterance, and a line about each: file_name, id, speaker, text, and units, starts and ends.

    units: the code of every run. starts, ends: seconds, or columns of a line image. A recording that is all of its file
    is copied as it is; of others the stretch and the channel are written, as WAV of 16 bits at the rate of the file.

    Raises ExportError for a pipe, and for a line image that is no file of its own; before anything is written, where
    the recordings lie in this very folder, and where it has a data set of other utterances, which would stay in it.
    """
    units, lines = list(units), []
    refuse_files_there(folder, [entry.utterance for entry in units])
    for entry in units:
        utterance = entry.utterance
        name, rate = put(folder, utterance)
        spans = [(each.start, each.end) for each in entry.intervals]
        row = {
            "file_name": name,
            "id": utterance.id,
            "speaker": utterance.speaker,
            "text": utterance.text,
            "units": [int(each.label) for each in entry.intervals],
            "starts": [start / rate if rate else start for start, _ in spans],
            "ends": [end / rate if rate else end for _, end in spans],
        }
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_text(folder / LISTED, "".join(lines))  # last: without it, the folder is none


def refuse_files_there(folder: Path, utterances: Iterable[Utterance]) -> None:
    """Raises ExportError for what would be written over, or would be handed on with files that are not of it."""
    ids, home = set(), folder.resolve()
    for utterance in utterances:
        ids.add(utterance.id)
        if not is_pipe(utterance.path) and Path(utterance.path).resolve().is_relative_to(home):
            raise ExportError(f"{folder}: {utterance.id} is read from there; name another folder")
    if not (folder / LISTED).exists():
        return
    for number, line in read_lines(folder / LISTED, ExportError):
        try:
            other = json_in(line)["id"]
        except (ValueError, KeyError, TypeError) as error:
            raise ExportError(f"{folder / LISTED}:{number}: of no export ({error}); name another folder") from error
        if other not in ids:
            raise ExportError(f"{folder}: has a data set with {other!r}, which is not of this one; name another folder")


def put(folder: Path, utterance: Utterance) -> tuple[str, int | None]:
    """Writes the recording or line image of an utterance; the name of its file, and ticks in a second."""
    why = why_no_path(utterance)
    if utterance.is_image:
        if why or utterance.start or image_info(utterance.path).width != utterance.ticks:
            raise ExportError(
                f"{utterance.id}: {why or 'is a part of an image'}; write line images to files of their own"
            )
        return copied(folder, utterance), None
    if is_pipe(utterance.path):
        raise ExportError(f"{utterance.id}: {why}, which is not run; write the recording to a file")
    with open_audio(utterance.path) as file:
        samples, rate, channels = file.frames, file.samplerate, file.channels
    listed = utterance.rate or rate
    whole = not why and utterance.channel in (None, *range(channels == 1))
    if whole and utterance.ticks == round(samples * listed / rate):
        return copied(folder, utterance), listed
    name = f"{utterance.id}.wav"
    write_audio(folder / name, read_audio(utterance), rate)
    return name, listed


def copied(folder: Path, utterance: Utterance) -> str:
    """The file of an utterance under its id, with the ending that it has."""
    name = f"{utterance.id}{Path(utterance.path).suffix.lower()}"
    with written_aside(folder / name) as aside:
        shutil.copyfile(utterance.path, aside)
    return name
