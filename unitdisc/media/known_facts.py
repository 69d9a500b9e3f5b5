"""What was found out about files, remembered."""

import os
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from threading import Lock
from typing import Any, ClassVar

from unitdisc.media.open import state_of

REMEMBERED = 512  # facts about files


class Known:
    """What was found out about a file, for as long as it stays as it is; of one without a name, as a pipe's, nothing.

    The facts about the last files are kept for the whole process.
    """

    kept: ClassVar[OrderedDict[tuple, Any]] = OrderedDict()
    lock: ClassVar[Lock] = Lock()

    def __init__(self, path: str):
        self.path = path

    @cached_property
    def file(self) -> tuple | None:
        state = state_of(self.path)
        if state is None:
            return None
        return self.path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns

    def of(self, what: str, find_out: Callable[[], Any]) -> Any:
        if self.file is None:
            return find_out()
        key = (*self.file, what)
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
                return self.kept[key]
        found = find_out()
        with self.lock:
            self.kept[key] = found
            while len(self.kept) > REMEMBERED:
                self.kept.popitem(last=False)
        return found


def forget() -> None:
    """In a child process, whose parent may have been within at that moment."""
    Known.lock = Lock()
    Known.kept.clear()


os.register_at_fork(after_in_child=forget)
