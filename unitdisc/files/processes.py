"""Which processes of this machine are there?"""

import os
from contextlib import suppress
from pathlib import Path

from unitdisc.files.text import read_text


def boot() -> str:
    """What tells one start of this machine from the next; "" where that is not to be known."""
    with suppress(OSError):
        return read_text(Path("/proc/sys/kernel/random/boot_id"), OSError).strip()
    return ""


def started(process: int) -> str:
    """When a process began, in clock ticks since the machine did; "" where that is not to be known."""
    with suppress(OSError, IndexError):
        facts = read_text(Path(f"/proc/{process}/stat"), OSError, loose=True).rpartition(")")[2].split()
        return "ended" if facts[0] in "ZX" else facts[19]  # dead, but nobody has asked how it ended
    return ""


def is_running(process: int, since: str = "") -> bool:
    """Whether there is a process of this number, that began then if that is known."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError, ValueError):  # it is somebody else's
        pass
    now = started(process)
    return not (since and now) or since == now
