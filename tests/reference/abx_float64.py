"""ABX literally, in double precision: nothing rounded on purpose, ties where numbers are equal but for rounding."""

from collections import defaultdict

import numpy as np

EPSILON = 1e-6  # added to probabilities
TIE = 1e-12  # below, a difference is rounding


def frame_distances(x: np.ndarray, y: np.ndarray, distance: str) -> np.ndarray:
    """[N, D], [M, D] -> [N, M]"""
    x, y = x.astype(np.float64), y.astype(np.float64)
    if distance == "angular":
        long_x, long_y = (np.linalg.norm(frames, axis=1, keepdims=True) for frames in (x, y))
        u, v = x / np.where(long_x, long_x, 1), y / np.where(long_y, long_y, 1)
        chords = (np.linalg.norm(u[:, None] + sign * v, axis=-1) for sign in (-1, 1))
        apart = 2 * np.arctan2(*chords) / np.pi  # right for the smallest angles too
        null_x, null_y = long_x == 0, long_y.T == 0
        return np.where(null_x & null_y, 0.0, np.where(null_x | null_y, 1.0, apart))
    if distance == "euclidean":
        return np.linalg.norm(x[:, None] - y, axis=-1)
    forth = (x[:, None] * np.log((x[:, None] + EPSILON) / (y + EPSILON))).sum(-1)
    back = (y * np.log((y + EPSILON) / (x[:, None] + EPSILON))).sum(-1)
    return forth if distance == "kl" else (forth + back) / 2


def warped(apart: np.ndarray, tie: float) -> float:
    """The cost of the cheapest path over its length; of equal ones that which came over the diagonal, then the left."""
    rows, columns = apart.shape
    cost, length = np.full((rows + 1, columns + 1), np.inf), np.zeros((rows + 1, columns + 1), int)
    cost[0, 0] = 0.0
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            before = ((i - 1, j - 1), (i, j - 1), (i - 1, j))
            least = min(cost[each] for each in before)
            chosen = next(each for each in before if cost[each] <= least + tie)
            cost[i, j], length[i, j] = least + apart[i - 1, j - 1], length[chosen] + 1
    return cost[rows, columns] / length[rows, columns]


def abx_error(tokens: list[tuple], across: bool, distance: str, tie: float = TIE) -> float:
    """tokens: (context, speaker, label, frames) of every item; averaged as Libri-Light does."""
    known: dict[tuple[int, int], float] = {}

    def apart(i: int, j: int) -> float:
        if (i, j) not in known:
            known[i, j] = warped(frame_distances(tokens[i][3], tokens[j][3], distance), tie)
        return known[i, j]

    cells = defaultdict(list)
    for x, (context, speaker_x, label, _) in enumerate(tokens):
        for a, (context_a, speaker, label_a, _) in enumerate(tokens):
            if x == a or (context_a, label_a) != (context, label) or (speaker == speaker_x) == across:
                continue
            for b, (context_b, speaker_b, label_b, _) in enumerate(tokens):
                if (context_b, speaker_b) == (context, speaker) and label_b != label:
                    lead = apart(x, a) - apart(x, b)
                    cells[speaker, speaker_x, label, label_b].append(0.5 if abs(lead) <= tie else float(lead > 0))
    by_speaker, by_pair = defaultdict(list), defaultdict(list)
    for (speaker, _, label, other), errors in cells.items():
        by_speaker[label, other, speaker].append(np.mean(errors))
    for (label, other, _), errors in by_speaker.items():
        by_pair[label, other].append(np.mean(errors))
    return float(np.mean([np.mean(errors) for errors in by_pair.values()]))
