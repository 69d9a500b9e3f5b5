"""Nothing is scored that was learned from."""

from collections.abc import Sequence

from unitdisc.corpus import CorpusError, Utterance


def refuse_common(learnt: Sequence[Utterance], scored: Sequence[Utterance], what: str = "utterances") -> None:
    """Raises CorpusError if an utterance, by its id or by where it lies, would be learned from and scored.

    what: how the message calls utterances.
    """

    def place(utterance: Utterance) -> tuple:
        return utterance.path, utterance.start, utterance.channel

    ids, places = {utterance.id for utterance in learnt}, {place(utterance) for utterance in learnt}
    if common := [utterance.id for utterance in scored if utterance.id in ids or place(utterance) in places]:
        raise CorpusError(
            f"{min(common)}: is in the corpus to learn from and in the one to score, like {len(common) - 1} more; "
            f"give two without common {what}, or one alone, which is scored by folds"
        )
