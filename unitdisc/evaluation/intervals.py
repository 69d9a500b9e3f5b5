"""How sure a figure is: percentile bootstrap (Efron and Tibshirani, 1993) over whole utterances, or whole speakers.

Frames of one utterance stand or fall together, and so do utterances of one speaker, so these are drawn, not frames.
The interval over utterances says how the figure would vary had these speakers said other things; the one over
speakers, had others spoken. Training is not repeated: what another training corpus would change is not in them.
"""

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95


def interval(parts: np.ndarray, wholes: np.ndarray, groups: np.ndarray, seed: int) -> list[float] | None:
    """The 95 % interval of sum(parts) / sum(wholes), groups drawn with replacement: [M], [M], [M] -> [low, high].

    None where there is only one group, which tells nothing of others.
    """
    names, owner = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return None
    part, whole = np.bincount(owner, parts), np.bincount(owner, wholes)
    rng = np.random.default_rng([seed, len(names)])
    tails = 50 * (1 - LEVEL), 50 * (1 + LEVEL)
    figures = []
    for _ in range(RESAMPLES):
        drawn = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        if (drawn @ whole) > 0:
            figures.append((drawn @ part) / (drawn @ whole))
    return [float(figure) for figure in np.percentile(figures, tails)] if figures else None


def intervals(
    parts: np.ndarray, wholes: np.ndarray, utterances: np.ndarray, speakers: np.ndarray, seed: int
) -> dict[str, list[float]]:
    """Over "utterances", and over "speakers" where all are known; whichever there are two or more of."""
    found = {"utterances": interval(parts, wholes, utterances, seed)}
    if (speakers != "").all():
        found["speakers"] = interval(parts, wholes, speakers, seed)
    return {over: bounds for over, bounds in found.items() if bounds}
