"""What long work may use, refused where that cannot be."""

import os


def check_resources(*, memory: float, threads: int | None, seed: int = 0) -> None:
    """Raises ValueError naming what cannot be. memory: GiB."""
    if not 0 < memory < float("inf"):
        raise ValueError(f"`memory` must be a number of GiB above 0, not {memory:g}")
    if threads is not None and threads < 1:
        raise ValueError(f"`threads` must be 1 or more, or not given for all cores, not {threads}")
    if seed < 0:
        raise ValueError(f"`seed` must be 0 or more, not {seed}")


def cores(threads: int | None) -> int:
    """So many as were asked for, or all."""
    return threads or os.cpu_count() or 1
