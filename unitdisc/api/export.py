"""unitdisc export: units for other tools."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from unitdisc import console
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import Utterance
from unitdisc.evaluation.inputs import open_both
from unitdisc.exports.formats import USUAL
from unitdisc.exports.formats import export as export_units
from unitdisc.exports.km import WHOLE_FILES, why_no_file
from unitdisc.exports.units import OF_IMAGES, ExportError
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.media.audio import audio_info


@takes_paths
@filling(lambda given: [given["folder"]])
def export(
    encodings: Path,
    corpus: Path,
    folder: Path,
    *,
    formats: Sequence[str] = (),
    frame_rate: float | None = None,
    allow_pipes: bool = False,
) -> list[Path]:
    """Writes units for other tools; returns the files.

    encodings: with codes, or the units of another system, whose frame_rate (a second) nothing else says.
    folder: to create. formats: jsonl, ctm, textgrid, elan, audacity, km (default: these; of images jsonl and ctm);
    lhotse, cuts whose supervisions have the units; dataset, a folder with copies of the recordings or line images that
    `datasets` of Hugging Face reads.

    Raises ExportError, before anything is written, if .km is asked for and a recording is not a file of its own, for
    what a format cannot hold, and EncodingsError where there are no codes.

    >>> unitdisc.export("exp/vq/encodings/test/bottleneck", "data/test.jsonl", "units", formats=["textgrid"])
    """
    opened, utterances = open_both(encodings, corpus, frame_rate, allow_pipes=allow_pipes)
    of_images = any(utterance.is_image for utterance in utterances)
    chosen = formats or [name for name in USUAL if not of_images or name in OF_IMAGES]
    if "km" in chosen and (why := next(parts_of_files(utterances), None)):
        if formats:
            raise ExportError(f"{why}, but fairseq, which reads .km, reads whole files; {WHOLE_FILES}")
        console.say(f"left out: the format km, for {why}, and fairseq reads whole files")
        chosen.remove("km")
    return export_units(opened, utterances, folder_for_results(folder), formats=chosen).files


def parts_of_files(utterances: Sequence[Utterance]) -> Iterator[str]:
    """Why utterances are not a whole file that exists, each in a few words."""
    for utterance in utterances:
        if why := why_no_file(utterance):
            yield f"{utterance.id} {why}"
        elif not Path(utterance.path).is_file():
            yield f"{utterance.path}, the recording of {utterance.id}, is not there"
        elif (last := end_of(utterance)) is not None:
            yield f"{utterance.id} ends at sample {utterance.ticks}, and its file {utterance.path} at {last}"


def end_of(utterance: Utterance) -> int | None:
    """Where the file of an utterance ends, if that is later than the utterance does."""
    info = audio_info(utterance.path)
    samples = round(info.ticks * utterance.rate / info.rate) if utterance.rate else info.ticks
    return samples if samples > utterance.ticks + 1 else None
