"""A corpus as an experiment hears it: the utterances that can be used, and what reads them."""

from pathlib import Path

from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.usable_corpus import usable_table
from unitdisc.data.signals import Signals
from unitdisc.experiment import Experiment


def heard_corpus(
    experiment: Experiment, folder: Path, corpus: Path, access: CorpusAccess, *, limit: int | None = None
) -> tuple[UtteranceTable, Signals]:
    """The utterances of a corpus, the first `limit` of them, and signals that know their speakers.

    folder: of the experiment. Raises CorpusError if none can be used.
    """
    table = usable_table(corpus, experiment.features(), access)[:limit]
    signals = experiment.signals(folder, cache=access.cache, allow_pipes=access.allow_pipes)
    return table, signals.with_speakers_of(table)
