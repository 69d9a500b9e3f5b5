"""The cheapest codes for the utterances of a corpus, and the switch cost at which there are so many units."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from unitdisc.clustering.frame_source import FrameSource, in_order
from unitdisc.segmentation.calibration import calibrated
from unitdisc.segmentation.durations import durations_of, starts_of
from unitdisc.segmentation.exact import exact_path
from unitdisc.segmentation.greedy import merged_path
from unitdisc.segmentation.semi_markov import semi_markov_path
from unitdisc.segmentation.transitions import transition_path
from unitdisc.segmentation.viterbi import viterbi_path

WHOLE = {"greedy": merged_path, "exact": exact_path}  # solvers that need all costs at once
DOUBLINGS = 200
SMALL = 1e-3  # switch costs from this part of what is typical, to as many times, are tried
LOOKED_AT = 20  # utterances, to know what is typical


@dataclass(frozen=True)
class Priors:
    """What runs of one code cost beside their frames."""

    durations: np.ndarray | None = None  # [D], of a run of d frames at index d - 1; None: nothing, however long
    shortest: int = 1  # frames
    tail: float = np.inf  # what every frame of a run beyond D adds; infinity: no run is longer
    transitions: np.ndarray | None = None  # [K, K], of a change from one code to another


@dataclass(frozen=True)
class Solution:
    """The codes of one utterance."""

    codes: np.ndarray  # [T]
    cost: float  # of frames, durations and changes; without switch costs
    segments: int


@dataclass(frozen=True)
class Solved:
    """What a corpus costs at a switch cost."""

    switch_cost: float
    segments: int


def solve(costs: np.ndarray, priors: Priors, switch_cost: float) -> Solution:
    """The cheapest codes of one utterance: costs [T, K]. Where there are priors, the switch cost may be negative."""
    if priors.durations is None and priors.transitions is None:
        path = viterbi_path(costs, switch_cost)
        return Solution(path.codes, path.cost, path.segments)
    if priors.durations is None:
        between = priors.transitions + switch_cost * ~np.eye(costs.shape[1], dtype=bool)
        path = transition_path(costs, between)
    else:
        table = priors.durations + switch_cost  # of every run: as many as there are changes, and one
        path = semi_markov_path(costs, table, priors.shortest, transitions=priors.transitions, tail=priors.tail)
    return Solution(path.codes, path.cost + price_of(path.codes, priors), path.segments)


def price_of(codes: np.ndarray, priors: Priors) -> float:
    """What the runs of codes [T] cost by the priors."""
    price = 0.0
    if priors.durations is not None:
        longest, lasted = len(priors.durations), durations_of(codes)
        price += float(priors.durations[np.minimum(lasted, longest) - 1].sum())
        beyond = int(np.maximum(lasted - longest, 0).sum())
        price += beyond * priors.tail if beyond else 0.0
    if priors.transitions is not None:
        units = codes[starts_of(codes)]
        price += float(priors.transitions[units[:-1], units[1:]].sum())
    return price


def solutions(costs: FrameSource, priors: Priors, switch_cost: float, threads: int) -> Iterator[tuple[str, Solution]]:
    """The cheapest codes of every utterance, in order. Raises ValueError naming one for which there are none."""

    def one(name: str) -> tuple[str, Solution]:
        try:
            return name, solve(costs[name], priors, switch_cost)
        except ValueError as error:
            raise ValueError(f"{costs.folder}: {name}: {error}") from error

    return in_order(one, costs.names, threads)


def calibrate(
    costs: FrameSource, priors: Priors, segments: int, threads: int, advance: Callable[..., None] = lambda **told: None
) -> Solved:
    """The switch cost at which a corpus has so many segments, or as nearly so many as any gives.

    advance(note=...): called after every pass over the corpus. With priors it can be negative, where these alone make
    fewer segments; and where none makes so few or so many, because runs cannot be longer or shorter, it is the one
    that comes nearest.
    """

    def evaluate(switch_cost: float) -> tuple[float, int]:
        found = [(s.cost, s.segments) for _, s in solutions(costs, priors, switch_cost, threads)]
        runs = sum(count for _, count in found)
        advance(note=f"{runs} segments, {segments} wanted, at switch cost {switch_cost:.6g}")
        return math.fsum(cost for cost, _ in found), runs

    if priors.durations is None and priors.transitions is None:
        found = calibrated(evaluate, segments)
        return Solved(found.switch_cost, found.segments)
    scale = max(float(costs[name].mean(dtype=np.float64)) for name in costs.names[:LOOKED_AT])
    return with_priors(evaluate, segments, scale)


def with_priors(evaluate: Callable[[float], tuple[float, int]], segments: int, scale: float = 0.0) -> Solved:
    """As `calibrated`, for switch costs of either sign, none of which can be infinite.

    scale: what a frame costs as any code; as its nearest one it may cost nothing.

    More cost never makes more segments, whatever the priors: of two solutions the one with more segments is the
    better one below the switch cost at which both cost the same, and the worse one above.
    """
    cost, runs = evaluate(0.0)
    if runs == segments:
        return Solved(0.0, runs)
    typical, last = max(cost / max(runs, 1), scale, 1e-6), runs
    step = max(cost / max(runs, 1), SMALL * typical)
    for _ in range(DOUBLINGS):  # ever farther, until the wanted number is passed, or as near as it gets
        far = step if runs > segments else -step
        _, reached = evaluate(far)
        if (reached <= segments) if runs > segments else (reached >= segments):
            break
        if reached == last and step > typical / SMALL:
            return Solved(far, reached)
        step, last = 4 * step, reached
    floor, ceiling = min(far, 0.0), max(far, 0.0)

    def shifted(price: float) -> tuple[float, int]:
        switch_cost = min(floor + price, ceiling)
        cost, runs = evaluate(switch_cost)
        return cost + floor * runs, runs

    found = calibrated(shifted, segments)
    return Solved(min(floor + found.switch_cost, ceiling), found.segments)


def solve_whole(solver: str, costs: FrameSource, segments: int) -> dict[str, np.ndarray]:
    """The codes of all utterances by a solver that looks at all of them at once, all their costs being in memory."""
    tables = [costs[name] for name in costs.names]
    lengths = np.array([len(table) for table in tables])
    path = WHOLE[solver](np.concatenate(tables), segments, lengths)
    return dict(zip(costs.names, np.split(path.codes, np.cumsum(lengths)[:-1])))


def units_in(codes: Iterable[np.ndarray]) -> int:
    """Runs of one code over several utterances."""
    return sum(len(starts_of(utterance)) for utterance in codes)
