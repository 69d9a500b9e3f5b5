"""unitdisc inspect: what an experiment is, how far it got, and what its codebook looks like."""

from pathlib import Path

from unitdisc.bottlenecks import Coded
from unitdisc.bottlenecks.codes.quantiser import codebook_waits
from unitdisc.experiment import Experiment, load, weights_checksum
from unitdisc.files.text import byte_lines, json_in


def inspect(folder: Path) -> dict:
    """Options, corpus, number of weights per part, receptive field, last losses and metrics of an experiment."""
    experiment, model = load(folder)
    features, encoder = experiment.features(), model.encoder
    (latent_rate,) = features.frame_rates(encoder.stride).values()
    seen, unit = features.duration(2 * encoder.reach)
    parts = {name: sum(parameter.numel() for parameter in part.parameters()) for name, part in model.named_children()}
    summary = {
        "experiment": str(folder),
        "corpus": experiment.corpus,
        "speakers": len(experiment.speakers),
        "options": experiment.options,
        "weights": {**parts, "total": sum(parts.values())},
        "model": weights_checksum(folder),
        f"latents per {features.unit_of_time}": latent_rate,
        f"encoder sees ({unit})": seen,
        "last": last_lines(folder / "log.jsonl"),
    }
    if isinstance(model.bottleneck, Coded):
        summary["codes"] = model.bottleneck.num_codes
    if waits := codebook_waits(model.bottleneck):
        summary["codebook"] = f"not started: trained for {waits[0]} steps, codes are placed after {waits[1]}"
    return summary


def last_lines(path: Path) -> dict:
    """The newest line of each split of log.jsonl; what a kill tore is left out."""
    newest = {}
    for _, line in byte_lines(path) if path.exists() else ():
        try:
            entry = json_in(line)
            newest[entry["split"]] = entry
        except (ValueError, KeyError, TypeError):
            continue
    return newest


def known_speakers(folder: Path) -> list[str]:
    return Experiment.read(folder).speakers
