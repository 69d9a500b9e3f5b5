"""Interpolated modified Kneser-Ney, literally: every probability by its formula, from counts in dictionaries.

Chen & Goodman (1999), equations of their section 3, with the conventions of KenLM's lmplz: n-grams that begin with <s>
keep their counts in the lower orders; <s> is never predicted; unigrams are interpolated with one over the number of
symbols, </s> and <unk> among them.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

FALLBACK = (0.5, 1.0, 1.5)


class KneserNey:
    def __init__(self, sentences: Sequence[Sequence[str]], order: int):
        self.order = order
        padded = [("<s>", *sentence, "</s>") for sentence in sentences]
        raw = {n: Counter() for n in range(1, order + 1)}
        for words in padded:
            for n in raw:
                raw[n].update(words[i : i + n] for i in range(len(words) - n + 1))
        self.symbols = sorted({word for words in padded for word in words} - {"<s>"} | {"<unk>"})
        self.counts = {order: dict(raw[order])}
        for n in range(1, order):
            before = defaultdict(set)
            for gram in raw[n + 1]:
                before[gram[1:]].add(gram[0])
            self.counts[n] = {g: raw[n][g] if g[0] == "<s>" else len(before[g]) for g in raw[n]}
        self.counts[1].pop(("<s>",), None)
        self.discounts = {n: self.estimated(n) for n in raw}

    def estimated(self, n: int) -> Sequence[float]:
        t = Counter(self.counts[n].values())
        if not (t[1] and t[2] and t[3]):
            return FALLBACK
        y = t[1] / (t[1] + 2 * t[2])
        found = [k - (k + 1) * y * t[k + 1] / t[k] for k in (1, 2, 3)]
        return found if all(0 <= d <= k for k, d in enumerate(found, 1)) else FALLBACK

    def probability(self, word: str, history: Sequence[str]) -> float:
        """Of a word after all before it in its sentence, <s> first."""
        history = tuple(history)[max(len(history) - self.order + 1, 0) :]
        return self.of(word if word in self.symbols else "<unk>", history)

    def of(self, word: str, history: tuple[str, ...]) -> float:
        lower = self.of(word, history[1:]) if history else 1 / len(self.symbols)
        n = len(history) + 1
        follow = {gram[-1]: count for gram, count in self.counts[n].items() if gram[:-1] == history}
        if not follow:
            return lower
        taken = {w: self.discounts[n][min(count, 3) - 1] for w, count in follow.items()}
        total = sum(follow.values())
        here = (follow[word] - taken[word]) / total if word in follow else 0.0
        return here + sum(taken.values()) / total * lower
