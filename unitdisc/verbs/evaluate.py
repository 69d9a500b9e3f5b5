"""unitdisc abx, probe, score and export: encodings in, numbers and files out."""

from dataclasses import asdict
from pathlib import Path

import typer

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation import abx as engine
from unitdisc.evaluation.probes import probe_points
from unitdisc.evaluation.scores import score_units, settings, versions
from unitdisc.files import write_json
from unitdisc.kaldi import read_corpus
from unitdisc.units import FORMATS
from unitdisc.units import export as export_units


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
    """ABX within and across speakers; prints the errors in percent."""
    utterances = read_corpus(corpus, allow_pipes)
    opened = open_encodings(encodings, utterances, frame_rate)
    if context not in ("triphone", "any"):
        raise ValueError(f"--context must be triphone or any, not {context!r}")
    make = engine.triphone_items if context == "triphone" else engine.label_items
    items = make(utterances, tier)
    results = {speaker: engine.abx(items, opened, speaker, average) for speaker in ("within", "across")}
    for speaker, result in results.items():
        typer.echo(f"{speaker:8}{100 * result.error:7.2f} %   {result.items} items, {result.triplets} triplets")
    numbers = {
        speaker: {key: value for key, value in asdict(result).items() if key != "pairs"}
        for speaker, result in results.items()
    }
    keep(output, {"abx": numbers}, encodings, utterances, tier, {"context": context, "average": average})


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
    utterances = read_corpus(corpus, allow_pipes)
    points = {encodings.name: open_encodings(encodings, utterances, frame_rate)}
    reference = None if mel is None else Encodings.open(mel)
    (found,) = probe_points(points, utterances, reference, tier, seed).values()
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
    utterances = read_corpus(corpus, allow_pipes)
    found = score_units(open_encodings(encodings, utterances, frame_rate), utterances, tier)
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
    utterances = read_corpus(corpus, allow_pipes)
    done = export_units(Encodings.open(encodings), utterances, folder, formats or tuple(FORMATS))
    for utterance in done.missing:
        typer.echo(f"left out: {utterance} has no encoding", err=True)
    return done.files


def open_encodings(folder: Path, utterances: list[Utterance], frame_rate: float | None) -> Encodings:
    """Opens a folder of ours, or of another tool's, whose frames come `frame_rate` times a second."""
    if frame_rate is None:
        return Encodings.open(folder)
    rates = {utterance.rate for utterance in utterances}
    if len(rates) > 1 or None in rates:
        raise CorpusError(f"--frame-rate needs recordings of one rate, not {sorted(map(str, rates))}")
    return Encodings.open(folder, stride=rates.pop() / frame_rate)


def keep(output: Path | None, found: dict, encodings: Path, utterances: list[Utterance], tier: str, more: dict) -> None:
    """Writes a result with all one must know to repeat it."""
    if output is not None:
        how = settings(utterances, tier, more.get("context", "triphone"), more.get("seed", 0)) | more
        write_json(output, {**found, "encodings": str(encodings), "settings": how, "versions": versions()})
