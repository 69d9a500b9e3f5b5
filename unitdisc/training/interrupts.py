"""Stopping when asked to, at the end of a step and not in it."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from unitdisc.training.distributed import is_launched

STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Lets the step in hand be finished on Ctrl-C, SIGTERM or SIGUSR1 (of a scheduler); gives "was it asked?".

    The second time it is over at once. Not so where a launcher started it, be it alone: that passes on what it is told,
    so that a signal comes twice; and several processes stop when all have agreed to.
    """
    asked = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = {number: signal.getsignal(number) for number in STOPS}

    def ask(number: int, frame: object) -> None:
        asked.append(number)
        if not is_launched():
            signal.signal(number, previous[number])

    try:
        for number in previous:
            signal.signal(number, ask)
        yield lambda: bool(asked)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
