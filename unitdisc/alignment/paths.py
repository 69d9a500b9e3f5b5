"""From the best path of CTC to intervals: which frames a symbol has, and where one symbol gives way to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import forced_align

from unitdisc.alignment.alphabet import BLANK
from unitdisc.corpus import Interval
from unitdisc.evaluation.texts import SPACE


@dataclass(frozen=True)
class Spans:
    """The frames of the symbols of a text, N of them, in order."""

    first: np.ndarray  # [N]
    last: np.ndarray  # [N]
    scores: np.ndarray  # [N] mean score of the symbol in its frames


def least_frames(codes: Sequence[int]) -> int:
    """What CTC takes to write a text: a frame for every symbol, and a blank between two that are the same."""
    return len(codes) + sum(code == following for code, following in pairwise(codes))


def best_spans(scores: Tensor, codes: Sequence[int]) -> Spans:
    """The frames of every symbol on the best path: [T, K], [N] -> N spans. The frames must be enough for the text.

    A code K stands for a symbol that is not known, of which every frame says as much as of the likeliest symbol.
    """
    emission = with_unknown(scores.detach())
    path, found = forced_align(emission[None].float(), torch.tensor([list(codes)], dtype=torch.int32), blank=BLANK)
    path, found = path[0].numpy(), found[0].numpy()
    first = np.flatnonzero((path != BLANK) & (np.append(BLANK, path[:-1]) != path))
    last = np.flatnonzero((path != BLANK) & (np.append(path[1:], BLANK) != path))
    means = np.array([found[start : end + 1].mean() for start, end in zip(first, last)])
    return Spans(first, last, means)


def with_unknown(scores: Tensor) -> Tensor:
    """Scores with those of a symbol that is not known, as good as the best one's in every frame: [T, K] -> [T, K+1]."""
    anything = scores.clone()
    anything[:, BLANK] = -torch.inf
    return torch.cat([scores, anything.max(1, keepdim=True).values], dim=1)


def intervals(spans: Spans, symbols: Sequence[str], centres: np.ndarray, ticks: int) -> list[Interval]:
    """The characters of a text as intervals; blanks become gaps.

    symbols: N, of which the first and the last are blanks, the margins; centres: [T] ticks. Two symbols meet halfway
    between the last frame of the one and the first of the other. What would have no length is left out.
    """
    between = (centres[spans.last[:-1]] + centres[spans.first[1:]]) / 2
    edges = np.concatenate([[0], np.clip(np.floor(between + 0.5), 0, ticks), [ticks]]).astype(int)
    return [
        Interval(start, end, symbol)
        for symbol, start, end in zip(symbols, edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        if symbol != SPACE and start < end
    ]
