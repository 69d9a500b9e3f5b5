"""The cheapest codes for sequences when the duration of every run has a price: explicit-duration Viterbi, exact.

A hidden semi-Markov model (Ferguson, 1980) told as costs; with `distinct=False` the duration-penalised dynamic
programme of Kamper and van Niekerk (2021).
"""

from dataclasses import dataclass

import numpy as np

from unitdisc.segmentation.semi_markov_kernels import cheapest_linked_runs, cheapest_runs
from unitdisc.segmentation.viterbi import Path, packed, price_of


@dataclass(frozen=True)
class RunPath:
    """The runs of one or several sequences, one after the other; every sequence begins a new one."""

    starts: np.ndarray  # [S] first frame, int64
    codes: np.ndarray  # [S] int64


def semi_markov_path(
    costs: np.ndarray,
    durations: np.ndarray,
    shortest: int = 1,
    switch_cost: float = 0.0,
    transitions: np.ndarray | None = None,
    initial: np.ndarray | None = None,
    distinct: bool = True,
    lengths: np.ndarray | None = None,
    tail: float = np.inf,
) -> Path:
    """The codes whose costs, plus those of durations and changes, are the least: see `semi_markov_runs`.

    `segments` counts runs; with `distinct=False` they can be more than the codes show.
    """
    runs = semi_markov_runs(costs, durations, shortest, switch_cost, transitions, initial, distinct, lengths, tail)
    codes = np.repeat(runs.codes, np.diff(runs.starts, append=len(costs)))
    return Path(codes, price_of(packed(costs, lengths)[0], codes), len(runs.codes))


def semi_markov_runs(
    costs: np.ndarray,
    durations: np.ndarray,
    shortest: int = 1,
    switch_cost: float = 0.0,
    transitions: np.ndarray | None = None,
    initial: np.ndarray | None = None,
    distinct: bool = True,
    lengths: np.ndarray | None = None,
    tail: float = np.inf,
) -> RunPath:
    """The runs whose costs, plus those of their durations and of the changes between them, are the least.

    costs: [N, K], what each code costs at each frame; lengths: [B], of the sequences that the frames are of, one
    after the other (default: one sequence).
    durations: [D] or [K, D], what a run of d frames costs at index d - 1; tail: what every frame beyond D adds to
    that, infinity if no run shall be longer. A table as short as `shortest` and a tail of 0 set no other bound.
    shortest: frames in a run at least, except that a sequence of fewer is one run. The first and last run of a
    sequence cost what others do, though the recording may have cut them.
    switch_cost: of every change, and transitions: [K, K], of a change from one code (row) to another, on top of it;
    both may be negative.
    initial: [K], of the first code of every sequence.
    distinct: neighbouring runs differ in code (the diagonal of `transitions` is not read); otherwise they may share
    one, and long runs be made of several.
    Of what costs the same, the longer run before the code that is lower; sums are in double precision.

    Time is O(N K D) and memory O(N + K D); with transitions O(N K (D + K)) and O(N K).
    Raises ValueError for what does not fit or is not a number, and for sequences that cannot be cut into such runs.
    """
    costs, lengths = packed(costs, lengths)
    num_codes = costs.shape[1]
    table = checked_durations(durations, num_codes)
    longest = len(table)
    if not 1 <= shortest <= longest:
        raise ValueError(f"the shortest run is {shortest} frames; it must be 1 to {longest}, the longest")
    if not np.isfinite(switch_cost):
        raise ValueError(f"the switch cost is {switch_cost}; it must be finite")
    if not tail > -np.inf:
        raise ValueError(f"the tail of the durations is {tail}; it must be a number, or infinity for no longer runs")
    initial = np.zeros(num_codes) if initial is None else checked("initial costs", initial, (num_codes,))
    refuse_nan(costs)
    if transitions is not None:
        between = checked("transitions", transitions, (num_codes, num_codes)) + switch_cost
        if distinct:
            np.fill_diagonal(between, np.inf)
    starts, codes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    first = 0
    for length in lengths.tolist():
        frames = costs[first : first + length]
        if transitions is None:
            found = cheapest_runs(frames, table, min(shortest, length), tail, switch_cost, initial, distinct)
        else:
            found = cheapest_linked_runs(frames, table, min(shortest, length), tail, between, initial)
        if length and not len(found[0]):
            raise ValueError(
                cannot_be_cut(length, shortest, longest if tail == np.inf else length, num_codes, distinct)
            )
        starts.append(first + found[0])
        codes.append(found[1])
        first += length
    return RunPath(np.concatenate(starts), np.concatenate(codes))


def refuse_nan(costs: np.ndarray) -> None:
    if costs.size and not costs.min() > -np.inf:
        raise ValueError(f"a cost is {costs.min()}; look for what is not finite in the frames or the codebook")


def checked_durations(durations: np.ndarray, num_codes: int) -> np.ndarray:
    """[D] or [K, D] -> [D, 1] or [D, K], contiguous."""
    durations = np.asarray(durations, np.float64)
    if durations.ndim == 1:
        durations = durations[None]
    elif durations.ndim == 2 and len(durations) != num_codes:
        raise ValueError(f"durations of {len(durations)} codes do not fit costs of {num_codes}")
    checked("durations", durations, durations.shape)
    if durations.ndim != 2 or not durations.shape[1]:
        raise ValueError(f"durations have shape {durations.shape}; they must be [longest] or [codes, longest]")
    return np.ascontiguousarray(durations.T)


def checked(name: str, table: np.ndarray, shape: tuple) -> np.ndarray:
    """A copy in double precision.

    Raises ValueError if it has another shape, or holds anything but numbers and infinity.
    """
    table = np.array(table, np.float64)
    if table.shape != shape:
        raise ValueError(f"{name} of shape {table.shape} do not fit; they must be {shape}")
    if not (table > -np.inf).all():
        raise ValueError(f"{name} hold {table[~(table > -np.inf)][0]}; costs are numbers, or infinity for never")
    return table


def cannot_be_cut(length: int, shortest: int, longest: int, num_codes: int, distinct: bool) -> str:
    runs = f"{length} frames cannot be cut into runs of {shortest} to {longest} frames"
    if distinct and num_codes == 1 and length > longest:
        return f"{runs} that differ in code, for there is one code; allow runs of {length}, or neighbours that share it"
    if -(-length // longest) * shortest > length:
        return f"{runs}; allow runs of {2 * shortest - 1}, or shorter ones"
    return f"{runs} at a finite cost; smooth the durations and transitions, so that fewer are impossible"


def cannot_be_coded(length: int) -> str:
    return f"{length} frames have no codes of a finite cost; smooth the transitions, so that fewer are impossible"
