"""unitdisc abx, probe, score and export: encodings in, numbers and files out."""

from dataclasses import asdict
from pathlib import Path

import typer

from unitdisc import console
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation import abx as engine
from unitdisc.evaluation.cells import AVERAGES
from unitdisc.evaluation.probes import probe_points
from unitdisc.evaluation.scores import score_units, settings, versions
from unitdisc.files import write_json
from unitdisc.kaldi import read_corpus
from unitdisc.units import FORMATS
from unitdisc.units import export as export_units
from unitdisc.verbs.folders import folder_for_results


def abx(
    encodings: Path,
    corpus: Path,
    tier: str,
    context: str,
    average: str,
    frame_rate: float | None,
    output: Path | None,
    allow_pipes: bool,
) -> None:
    """ABX within and across speakers; prints the errors in percent, or why one could not be measured."""
    if context not in ("triphone", "any"):
        raise ValueError(f"--context must be triphone or any, not {context!r}")
    if average not in AVERAGES:
        raise ValueError(f"--average must be one of {sorted(AVERAGES)}, not {average!r}")
    opened, utterances = open_both(encodings, corpus, frame_rate, allow_pipes)
    make = engine.triphone_items if context == "triphone" else engine.label_items
    items = make(utterances, tier)
    numbers = {}
    for speaker in ("within", "across"):
        try:
            result = engine.abx(items, opened, speaker, average)
        except UnscorableError as error:
            numbers[speaker] = {"error": None, "why": str(error)}
            typer.echo(f"{speaker:8}not measured: {error}")
        else:
            numbers[speaker] = {key: value for key, value in asdict(result).items() if key != "pairs"}
            typer.echo(f"{speaker:8}{100 * result.error:7.2f} %   {result.items} items, {result.triplets} triplets")
    keep(output, {"abx": numbers}, encodings, utterances, tier, {"context": context, "average": average})
    if all(found["error"] is None for found in numbers.values()):
        raise UnscorableError(f"{encodings}: ABX could not be measured on {corpus}")


def probe(
    encodings: Path,
    corpus: Path,
    mel: Path | None,
    tier: str,
    seed: int,
    frame_rate: float | None,
    output: Path | None,
    allow_pipes: bool,
) -> None:
    """Probes of phone, speaker, gender and spectrum; prints them beside the majority class."""
    opened, utterances = open_both(encodings, corpus, frame_rate, allow_pipes)
    reference = None if mel is None else Encodings.open(mel)
    (found,) = probe_points({encodings.name: opened}, utterances, reference, tier, seed).values()
    for task, numbers in found.items():
        typer.echo(f"{task:8} {probe_line(numbers)}")
    keep(output, {"probes": found}, encodings, utterances, tier, {"seed": seed})


def probe_line(numbers: dict) -> str:
    if "why" in numbers:
        return f"not measured: {numbers['why']}"
    if "r2" in numbers:
        return f"{numbers['r2']:7.3f} R²  over {numbers['items']} frames"
    majority = f"(majority class {100 * numbers['majority']:.1f} %)"
    return f"{100 * numbers['accuracy']:7.2f} %  {majority} over {numbers['items']} items, {numbers['classes']} classes"


def score(
    encodings: Path, corpus: Path, tier: str, frame_rate: float | None, output: Path | None, allow_pipes: bool
) -> None:
    """Units against labels; prints every score that is a number."""
    opened, utterances = open_both(encodings, corpus, frame_rate, allow_pipes)
    found = score_units(opened, utterances, tier)
    for name, value in found.items():
        if isinstance(value, (int, float)):
            typer.echo(f"{name:28} {value:.4f}")
        elif name in ("usage", "bitrate", "bitrate_collapsed"):
            typer.echo(f"{name:28} " + ", ".join(f"{key} {shown(entry)}" for key, entry in value.items()))
    if "why" in found:
        typer.echo(f"not measured: {found['why']}")
    keep(output, {"units": found}, encodings, utterances, tier, {})


def shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def export(encodings: Path, corpus: Path, folder: Path, formats: list[str], allow_pipes: bool) -> list[Path]:
    """Writes units for other tools; returns the files."""
    opened, utterances = open_both(encodings, corpus, None, allow_pipes)
    return export_units(opened, utterances, folder_for_results(folder), formats or tuple(FORMATS)).files


def open_both(
    folder: Path, corpus: Path, frame_rate: float | None, allow_pipes: bool
) -> tuple[Encodings, list[Utterance]]:
    """Encodings, and the utterances of the corpus that are among them; the others are said.

    Raises EncodingsError if there is none.
    """
    utterances = read_corpus(corpus, allow_pipes)
    opened = open_encodings(folder, utterances, frame_rate)
    there = [utterance for utterance in utterances if utterance.id in opened]
    if not there:
        raise EncodingsError(
            f"{folder}: holds none of the {len(utterances)} utterances of {corpus}; encode that corpus"
        )
    console.say_problems((f"{u.id} has no encoding in {folder}" for u in utterances if u.id not in opened), len(there))
    return opened, there


def open_encodings(folder: Path, utterances: list[Utterance], frame_rate: float | None) -> Encodings:
    """Opens a folder of ours, or of another tool's, whose frames come `frame_rate` times a second."""
    if frame_rate is None:
        return Encodings.open(folder)
    if not 0 < frame_rate < float("inf"):
        raise ValueError(f"--frame-rate must be a number of frames per second, not {frame_rate:g}")
    rates = {utterance.rate for utterance in utterances}
    if len(rates) > 1 or None in rates:
        raise CorpusError(f"--frame-rate needs recordings of one rate, not {sorted(map(str, rates))}")
    return Encodings.open(folder, stride=rates.pop() / frame_rate)


def keep(output: Path | None, found: dict, encodings: Path, utterances: list[Utterance], tier: str, more: dict) -> None:
    """Writes a result with all one must know to repeat it."""
    if output is not None:
        how = settings(utterances, tier, more.get("context", "triphone"), more.get("seed", 0)) | more
        write_json(output, {**found, "encodings": str(encodings), "settings": how, "versions": versions()})
