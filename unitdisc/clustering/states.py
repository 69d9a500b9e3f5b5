"""How far k-means is: written aside after every pass, so that a killed run goes on."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from unitdisc.files import written_aside

S = TypeVar("S")


@dataclass(frozen=True)
class State:
    """How far the passes are; written aside after each."""

    vectors: np.ndarray  # [K, D], codes whose inertia the next pass measures
    best: np.ndarray  # [K, D], the codes of the lowest inertia so far
    counts: np.ndarray  # [K], frames of each of the best codes
    moved_by: np.ndarray  # [K], frames that have moved each code, of mini-batches
    inertias: tuple[float, ...] = ()  # of every pass
    phase: str = "full"  # "mini-batch", "full" or "done"
    converged: bool = False


ARRAYS = ("vectors", "best", "counts", "moved_by")


def write_state(path: Path | None, state: State, settings: dict) -> None:
    plain = {"inertias": state.inertias, "phase": state.phase, "converged": state.converged}
    write_pass(path, plain, {name: getattr(state, name) for name in ARRAYS}, settings)


def read_state(path: Path | None, settings: dict) -> State | None:
    """As `read_pass`."""
    return read_pass(
        path, ARRAYS, settings, lambda plain, arrays: State(**arrays, **plain | {"inertias": tuple(plain["inertias"])})
    )


def write_pass(path: Path | None, plain: dict[str, Any], arrays: dict[str, np.ndarray], settings: dict) -> None:
    """Where a run over several passes is: what JSON can say, and arrays."""
    if path is None:
        return
    with written_aside(path) as aside, aside.open("wb") as file:
        np.savez(file, said=np.array(json.dumps({"settings": settings, "state": plain})), **arrays)


def read_pass(
    path: Path | None, arrays: Iterable[str], settings: dict, made: Callable[[dict, dict[str, np.ndarray]], S]
) -> S | None:
    """Where an interrupted run was; None if there is none, or if it had other frames or options."""
    if path is None or not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            said = json.loads(str(stored["said"]))
            if said["settings"] != settings:
                return None
            return made(said["state"], {name: stored[name] for name in arrays})
    except Exception:  # torn, or of another version: it only saved time
        return None
