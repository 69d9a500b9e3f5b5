"""How far learning is: written aside after every pass, so that a killed run goes on."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from unitdisc.files import written_aside
from unitdisc.segmentation.phone_loop.variational import Statistics


@dataclass(frozen=True)
class State:
    """What the last pass has found."""

    seen: Statistics
    bounds: tuple[float, ...] = ()  # evidence lower bound of every pass, in nats per frame
    converged: bool = False


def write_state(path: Path | None, state: State, settings: dict) -> None:
    if path is None:
        return
    said = {"settings": settings, "bounds": state.bounds, "converged": state.converged}
    arrays = {field.name: getattr(state.seen, field.name) for field in fields(Statistics)}
    with written_aside(path) as aside, aside.open("wb") as file:
        np.savez(file, said=np.array(json.dumps(said)), **arrays)


def read_state(path: Path | None, settings: dict) -> State | None:
    """Where an interrupted run was; None if there is none, or if it had other frames or options."""
    if path is None or not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            said = json.loads(str(stored["said"]))
            if said["settings"] != settings:
                return None
            seen = Statistics(*(stored[field.name] for field in fields(Statistics)))
        return State(seen, tuple(said["bounds"]), said["converged"])
    except Exception:  # torn, or of another version: it only saved time
        return None
