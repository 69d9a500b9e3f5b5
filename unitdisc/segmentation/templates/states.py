"""Units by the posteriors of a network that was taught them: each in three states, one after the other.

Hybrid decoding (Bourlard & Morgan, 1994): of the logarithm of a posterior that of how frequent the state is, in part,
is taken away, and what is left stands for the likelihood of the frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from unitdisc.segmentation.templates.durations import Durations, arrays_of_durations, durations_of_arrays
from unitdisc.segmentation.templates.lattice import NO_BLANK, Lattice, Segments

STATES = 3  # of a unit
SMALLEST = 1e-8  # probability


@dataclass(frozen=True)
class StateScores:
    """What segments cost by posteriors of states [T, K * STATES], and one more where there are blanks.

    log_priors: [K * STATES (+ 1)], of states in what the network was taught. prior_power: how much of them is taken
    away; scale: the power of the likelihoods, for neighbouring frames are alike.
    """

    durations: Durations
    log_priors: np.ndarray
    price: float
    prior_power: float = 0.7
    scale: float = 0.5
    duration_weight: float = 1.0
    prior_weight: float = 0.3

    @property
    def units(self) -> int:
        return len(self.durations.means)

    @property
    def has_blank(self) -> bool:
        return len(self.log_priors) > STATES * self.units

    def costs(self, posteriors: np.ndarray) -> np.ndarray:
        """Of frames in each state: [T, N] -> [T, N]."""
        return -self.scale * (np.log(np.maximum(posteriors, SMALLEST)) - self.prior_power * self.log_priors)

    def lattice(self, posteriors: np.ndarray, finer: int = 1) -> Lattice:
        """What segments cost: [T, N]. finer: of frames between which there are so many, by interpolation: [T F]."""
        costs = finer_costs(self.costs(posteriors.astype(np.float64)), finer)
        frames, units = len(costs), self.units
        widths = self.durations.widths(frames, finer)
        lasting = self.durations.costs(self.duration_weight, self.prior_weight, widths / finer)
        of_states = costs[:, : STATES * units].reshape(frames, units, STATES)
        sums = np.concatenate([np.zeros((1, units, STATES)), np.cumsum(of_states, 0)])

        def costs_of(index: int, width: int) -> np.ndarray:
            starts, ends = np.arange(frames - width + 1), state_ends(width)
            total = sum(
                sums[starts + ends[state + 1], :, state] - sums[starts + ends[state], :, state]
                for state in range(STATES)
            )
            return total + lasting[index]

        blank = costs[:, -1] if self.has_blank else np.full(frames, NO_BLANK)
        return Lattice.filled(frames, widths, costs_of, blank=blank)

    def cut(self, posteriors: np.ndarray, finer: int = 1) -> Segments:
        """The cheapest segments, as of `lattice`."""
        return self.lattice(posteriors, finer).cut(self.price)


def finer_costs(costs: np.ndarray, finer: int) -> np.ndarray:
    """Costs of frames, each divided into some, which lie between: [T, N] -> [T F, N]; all cost the same together."""
    if finer == 1:
        return costs
    places = np.clip((np.arange(len(costs) * finer) + 0.5) / finer - 0.5, 0, len(costs) - 1)
    before = np.floor(places).astype(int)
    after, share = np.minimum(before + 1, len(costs) - 1), (places - before)[:, None]
    return (costs[before] + share * (costs[after] - costs[before])) / finer


def state_ends(width: int) -> np.ndarray:
    """Where the states of a unit of so many frames end, and the first begins: [STATES + 1]."""
    return -(-np.arange(STATES + 1) * width // STATES)


def states_of(segments: Segments, frames: int, blank: int | None) -> np.ndarray:
    """The state of every frame: unit * STATES + which of its states, `blank` between units; None: as `codes` has it."""
    found = np.full(frames, -1, np.int64)
    for start, end, unit in zip(segments.starts, segments.ends, segments.units):
        ends = state_ends(end - start)
        found[start:end] = unit * STATES + np.repeat(np.arange(STATES), np.diff(ends))
    if blank is not None:
        return np.where(found < 0, blank, found)
    last = np.maximum.accumulate(np.where(found < 0, -1, np.arange(frames)))
    return found[np.maximum(last, int(np.argmax(found >= 0)))]


SCALARS = ("price", "prior_power", "scale", "duration_weight", "prior_weight")


def arrays_of(scores: StateScores) -> dict[str, np.ndarray]:
    own = {name: np.asarray(getattr(scores, name)) for name in (*SCALARS, "log_priors")}
    return own | arrays_of_durations(scores.durations)


def scores_of(arrays: Mapping[str, np.ndarray]) -> StateScores:
    """Of what `arrays_of` gives. Raises KeyError where one is missing, ValueError where they do not fit each other."""
    durations, log_priors = durations_of_arrays(arrays), arrays["log_priors"]
    if log_priors.shape not in ((STATES * len(durations.means),), (STATES * len(durations.means) + 1,)):
        raise ValueError(f"there are {len(log_priors)} states of {len(durations.means)} units")
    return StateScores(durations, log_priors, **{name: float(arrays[name]) for name in SCALARS})
