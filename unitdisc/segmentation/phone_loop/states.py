"""How far learning is: written aside after every pass, so that a killed run goes on."""

from dataclasses import dataclass, fields
from pathlib import Path

from unitdisc.clustering.states import read_pass, write_pass
from unitdisc.segmentation.phone_loop.variational import Statistics


@dataclass(frozen=True)
class State:
    """What the last pass has found."""

    seen: Statistics
    bounds: tuple[float, ...] = ()  # evidence lower bound of every pass, in nats per frame
    converged: bool = False


ARRAYS = tuple(field.name for field in fields(Statistics))


def write_state(path: Path | None, state: State, settings: dict) -> None:
    plain = {"bounds": state.bounds, "converged": state.converged}
    write_pass(path, plain, {name: getattr(state.seen, name) for name in ARRAYS}, settings=settings)


def read_state(path: Path | None, settings: dict) -> State | None:
    """As `read_pass`."""
    return read_pass(
        path,
        ARRAYS,
        settings,
        made=lambda plain, arrays: State(Statistics(**arrays), tuple(plain["bounds"]), plain["converged"]),
    )
