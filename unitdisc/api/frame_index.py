"""The index that `unitdisc find` and `unitdisc terms` share."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from unitdisc import console
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.evaluation.frame_checks import usable
from unitdisc.evaluation.settings import extent
from unitdisc.retrieval.index import Index, IndexOptions, index_of, options_in
from unitdisc.retrieval.materials import Collection
from unitdisc.retrieval.search import FindOptions
from unitdisc.term_discovery.options import TermOptions, lengths_of


def index_for(folder: Path, corpus: Path, searched: Collection, options: FindOptions) -> Index:
    """The index in a folder, with the windows that it has, or a new one, with the usual ones of `terms`."""
    chosen = options_in(folder, options.how)
    if chosen is None:
        utterances = searched.utterances
        with console.progress("counting frames", len(utterances)) as advance:
            frames = 0
            for utterance in utterances:
                frames += len(usable(searched.encodings, utterance.id).centres)
                advance(1)
        lengths = lengths_of(TermOptions(), 1 / frame_length(corpus, utterances, frames), images=utterances[0].is_image)
        chosen = IndexOptions(**asdict(options.how), window=lengths.window, hop=lengths.hop)
    return index_of(folder, searched, chosen, threads=options.threads, progress=console.progress)


def frame_length(corpus: Path, utterances: Sequence[Utterance], frames: int) -> float:
    """Of a frame, the mean, in ms or columns. Raises CorpusError where there are both, or no rates."""
    of_images = {utterance.is_image for utterance in utterances}
    if len(of_images) > 1:
        raise CorpusError(f"{corpus}: has recordings and images; search them one after the other")
    if of_images == {False} and not all(utterance.rate for utterance in utterances):
        raise CorpusError(f"{corpus}: has recordings without a rate, so that durations mean nothing; list their rates")
    whole = extent(utterances)
    return whole["columns"] / frames if of_images == {True} else 1000 * whole["seconds"] / frames
