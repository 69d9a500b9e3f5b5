"""A process that is forked and kills itself at the worst moment."""

import multiprocessing
import signal
from collections.abc import Callable

import pytest

PATIENCE = 60  # seconds; what is killed takes one or two
FORKS = 3


def run_until_killed(work: Callable[..., None], *arguments: object) -> None:
    """Does work in a fork of this process, which must end by SIGKILL of its own.

    A fork may find the memory of MKL as a thread of its parent was changing it, and then looks for ever through a list
    without end, before it has written anything: it is given up, and another one is forked.
    """
    for _ in range(FORKS):
        process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
        process.start()
        process.join(PATIENCE)
        if process.exitcode is not None:
            assert process.exitcode == -signal.SIGKILL
            return
        process.kill()
        process.join()
    pytest.fail(f"{FORKS} forks did not end within {PATIENCE} seconds each")
