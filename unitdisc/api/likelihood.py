"""unitdisc likelihood: how well the decoder predicts a corpus, in bits."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from unitdisc import console
from unitdisc.api.encode import say_left_out
from unitdisc.corpus.access import CorpusAccess
from unitdisc.experiment import load, weights_checksum
from unitdisc.files import write_json
from unitdisc.files.folders import file_for_results
from unitdisc.inference.likelihood import check_likelihoods
from unitdisc.inference.likelihood import likelihood as measured
from unitdisc.training.devices import usable_device
from unitdisc.validation.usable_corpus import usable_table

VALUES = {"grey": "pixel", "mu-law": "sample", "log-mel": "mel bin"}


def likelihood(
    experiment_folder: Path,
    corpus: Path,
    *,
    limit: int | None = None,
    output: Path | None = None,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> Iterator[str]:
    """Gives the lines of a table; writes the same as JSON."""
    if limit is not None and limit < 1:
        raise ValueError(f"--limit must be 1 or more, not {limit}")
    file_for_results(output, "--output")
    experiment, model = load(experiment_folder, usable_device(device))
    check_likelihoods(model, experiment_folder)
    utterances = usable_table(corpus, experiment.features(), access)[:limit]
    signals = experiment.signals(experiment_folder, cache=access.cache, allow_pipes=access.allow_pipes)
    signals = signals.with_speakers_of(utterances)
    with console.progress("predicting", len(utterances)) as advance:
        found, problems = measured(model, signals, utterances, experiment.speakers, advance)
    say_left_out(problems, len(utterances))
    value = VALUES[model.decoder.target]
    gap = found.bits_with_wrong_latents - found.bits
    yield f"{found.bits:.4f} bits per {value} ({found.values:,} of {found.utterances} utterances)"
    whose = "of another utterance" if found.utterances > 1 else "of another time"
    yield f"{found.bits_with_wrong_latents:.4f} with the latents {whose}: they are worth {gap:.4f}"
    if output is not None:
        source = {"experiment": str(experiment_folder), "model": weights_checksum(experiment_folder)}
        write_json(output, {**asdict(found), "per": value, **source, "corpus": str(corpus)})
