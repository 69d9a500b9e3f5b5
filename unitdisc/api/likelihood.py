"""unitdisc likelihood: how well the decoder predicts a corpus, in bits."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from unitdisc import console
from unitdisc.api.encode import say_left_out
from unitdisc.api.heard_corpus import heard_corpus
from unitdisc.api.paths import takes_paths
from unitdisc.corpus.access import CorpusAccess
from unitdisc.experiment import load, weights_checksum
from unitdisc.files import write_json
from unitdisc.inference.likelihood import Likelihood, check_likelihoods, check_posterior
from unitdisc.inference.likelihood import likelihood as measured
from unitdisc.training.devices import usable_device

VALUES = {"grey": "pixel", "mu-law": "sample", "log-mel": "mel bin"}


@dataclass(frozen=True)
class LikelihoodScore:
    """Bits per value (pixel, sample or mel bin), with the units of the utterance and with wrong ones, or a bound."""

    found: Likelihood
    per: str  # value
    source: dict[str, str]  # experiment, its weights, and corpus

    def write(self, path: Path) -> None:
        """Writes a JSON file."""
        write_json(Path(path), {**asdict(self.found), "per": self.per, **self.source})


@takes_paths
def likelihood(
    experiment_folder: Path,
    corpus: Path,
    *,
    limit: int | None = None,
    importance: Sequence[int] = (),
    seed: int = 0,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> LikelihoodScore:
    """How well the decoder of an experiment predicts a corpus. limit: only the first so many utterances.

    importance: numbers of draws. Of a variational autoencoder, what an utterance takes together with its latents is
    bounded from above, the more tightly the more latents are drawn (Burda, Grosse & Salakhutdinov, 2016); 1 is the
    evidence lower bound. seed: of these draws.

    Raises LikelihoodError where there is no likelihood, or no posterior to draw from, ExperimentError where there is no
    such model, CorpusError for a corpus that cannot be used, and ValueError for a limit, or draws, below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be 1 or more, not {limit}")
    experiment, model = load(experiment_folder, usable_device(device))
    check_likelihoods(model, experiment_folder)
    if importance:
        check_posterior(model, experiment_folder, importance)
    utterances, signals = heard_corpus(experiment, experiment_folder, corpus, access, limit=limit)
    with console.progress("predicting", len(utterances)) as advance:
        found, problems = measured(
            model,
            signals,
            utterances,
            speakers=experiment.speakers,
            advance=advance,
            importance=importance,
            seed=seed,
        )
    say_left_out(problems, len(utterances))
    source = {"experiment": str(experiment_folder), "model": weights_checksum(experiment_folder)}
    return LikelihoodScore(found, VALUES[model.decoder.target], {**source, "corpus": str(corpus)})
