"""How well looking for a word finds the others: mean average precision, as in keyword and word spotting.

A query is a labelled interval; what should be found are the other intervals with its label. A hit finds one if the two
share at least half of the ticks that either covers, and each is found only once. Average precision is the mean, over
what should be found, of the share of right ones among the hits up to it; what is never hit counts nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unitdisc.corpus import Interval, Utterance
from unitdisc.evaluation import UnscorableError, labelled
from unitdisc.retrieval.hits import FrameSpan, Hit
from unitdisc.retrieval.materials import Collection, Materials
from unitdisc.retrieval.places import borders, frames_within
from unitdisc.retrieval.search import query_of, search

FIRST = 10  # hits that precision is counted among
DRAWS = 1000  # of queries, for the interval
SCOPES = ("within", "across")


@dataclass(frozen=True)
class Token:
    """A labelled interval that is looked for."""

    utterance: Utterance
    interval: Interval
    stretch: FrameSpan  # its frames


@dataclass(frozen=True)
class Ranking:
    """What a query found within the utterances of its speaker, or in all others."""

    right: np.ndarray  # [hits] of bool, from the best hit
    wanted: int  # intervals that could be found

    @property
    def average_precision(self) -> float:
        shares = np.cumsum(self.right) / np.arange(1, len(self.right) + 1)
        return float(shares[self.right].sum() / self.wanted)

    @property
    def precision(self) -> float:
        """Of the first ten hits, or of as many as there are intervals to be found."""
        first = min(FIRST, self.wanted)
        return float(self.right[:first].sum() / first)

    @property
    def recall(self) -> float:
        return float(self.right.sum() / self.wanted)


def drawn_tokens(collection: Collection, tier: str, number: int, seed: int) -> list[Token]:
    """At most `number` intervals whose label stands elsewhere too, as many of each label as can be, drawn by lot.

    Silences are left out, and intervals without a frame. Raises UnscorableError if there are none.
    """
    found: dict[str, list[Token]] = {}
    for utterance in sorted(collection.utterances, key=lambda utterance: utterance.id):
        intervals = labelled(utterance, tier) if tier in utterance.alignment else []
        centres = collection.encodings[utterance.id].centres if intervals else np.zeros(0)
        for interval in intervals:
            first, last = frames_within(centres, interval.start, interval.end)
            if first < last:
                token = Token(utterance, interval, FrameSpan(utterance.id, first, last))
                found.setdefault(interval.label, []).append(token)
    rng = np.random.default_rng(seed)
    orders = [[found[label][place] for place in rng.permutation(len(found[label]))] for label in sorted(found)]
    orders = [order for order in orders if len(order) > 1]
    rounds = max(map(len, orders), default=0)
    tokens = [order[turn] for turn in range(rounds) for order in orders if turn < len(order)][:number]
    if not tokens:
        raise UnscorableError(f"no label of tier {tier!r} occurs twice; choose another tier with `tier`")
    return tokens


def rankings(
    collection: Collection,
    materials: Materials,
    tokens: Sequence[Token],
    tier: str,
    threads: int = 1,
    advance: Callable[[int], None] = lambda done: None,
) -> dict[str, list[Ranking]]:
    """What every token finds: "within" the utterances of its speaker and "across", in those of others.

    A token that has nothing to find in one of them has no ranking there; utterances of unknown speakers are in neither.
    """
    utterances = {utterance.id: utterance for utterance in collection.utterances}
    queries = [query_of(materials, token.stretch) for token in tokens]
    judged: list[dict[str, list[tuple[Hit, bool]]]] = [{scope: [] for scope in SCOPES} for _ in tokens]
    for name, found in search(materials.searched, sorted(utterances), queries, threads):
        utterance = utterances[name]
        edges = borders(collection.encodings[name].centres, utterance.ticks)
        for token, hits, scopes in zip(tokens, found, judged, strict=True):
            scope = scope_of(token.utterance, utterance)
            if scope:
                scopes[scope] += judge(hits, wanted_in(utterance, token, tier), edges)
        advance(1)
    results: dict[str, list[Ranking]] = {scope: [] for scope in SCOPES}
    for token, scopes in zip(tokens, judged, strict=True):
        for scope, entries in scopes.items():
            there = [u for u in utterances.values() if scope_of(token.utterance, u) == scope]
            wanted = sum(len(wanted_in(utterance, token, tier)) for utterance in there)
            if wanted:
                results[scope].append(Ranking(np.array([right for _, right in sorted(entries)], dtype=bool), wanted))
    return results


def scope_of(one: Utterance, other: Utterance) -> str | None:
    if one.id == other.id:
        return "within"
    if one.speaker is None or other.speaker is None:
        return None
    return "within" if one.speaker == other.speaker else "across"


def wanted_in(utterance: Utterance, token: Token, tier: str) -> list[Interval]:
    """The intervals with the label of a token, without the token itself."""
    return [
        interval
        for interval in utterance.alignment.get(tier, [])
        if interval.label == token.interval.label and (utterance.id, interval) != (token.utterance.id, token.interval)
    ]


def judge(hits: Sequence[Hit], wanted: Sequence[Interval], edges: np.ndarray) -> list[tuple[Hit, bool]]:
    """Which hits of an utterance, from the best, find an interval that no better one has found."""
    left, judged = list(wanted), []
    for hit in hits:
        start, end = int(edges[hit.first]), int(edges[hit.last])
        found = next((each for each in left if is_found(each, start, end)), None)
        if found is not None:
            left.remove(found)
        judged.append((hit, found is not None))
    return judged


def is_found(interval: Interval, start: int, end: int) -> bool:
    shared = min(end, interval.end) - max(start, interval.start)
    return 2 * shared >= max(end, interval.end) - min(start, interval.start)


def summary(found: Mapping[str, Sequence[Ranking]], seed: int) -> dict[str, dict]:
    """Means over queries, with the 95 % interval of mean average precision by drawing queries anew.

    `chance`: mean average precision of the same hits in an order drawn by lot.
    """
    rng = np.random.default_rng(seed)
    result = {}
    for scope, ranked in found.items():
        if not ranked:
            result[scope] = {"why": "no query has anything to find there"}
            continue
        precisions = np.array([ranking.average_precision for ranking in ranked])
        means = precisions[rng.integers(len(precisions), size=(DRAWS, len(precisions)))].mean(1)
        shuffled = [Ranking(rng.permutation(ranking.right), ranking.wanted).average_precision for ranking in ranked]
        result[scope] = {
            "mean_average_precision": float(precisions.mean()),
            "interval": np.quantile(means, [0.025, 0.975]).tolist(),
            "precision_at_10": float(np.mean([ranking.precision for ranking in ranked])),
            "recall": float(np.mean([ranking.recall for ranking in ranked])),
            "chance": float(np.mean(shuffled)),
            "queries": len(ranked),
        }
    return result
