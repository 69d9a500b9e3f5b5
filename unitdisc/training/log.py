"""log.jsonl: the history of a training, every loss and metric by name."""

import importlib.util
import json
import os
from pathlib import Path

from unitdisc.files import write_text, writing
from unitdisc.files.text import json_in, read_lines
from unitdisc.training.distributed import rank


class Log:
    """One line for every logged step; after a resume, nothing from steps that are trained again.

    Where TensorBoard is installed (extra `tensorboard`), the same curves go to tensorboard/ beside it.
    """

    def __init__(self, path: Path, step: int):
        self.path, self.silent = path, rank() > 0
        if self.silent:
            return
        self.curves = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self.curves = SummaryWriter(path.parent / "tensorboard", purge_step=step + 1)
        kept = []
        if path.exists():
            kept = [line for _, line in read_lines(path, loose=True) if is_before(line, step)]
        write_text(path, "".join(f"{line}\n" for line in kept))
        with writing(path):
            self.file = path.open("a", encoding="utf-8")

    def write(self, **entry) -> None:
        if self.silent:
            return
        with writing(self.path):
            self.file.write(json.dumps(entry) + "\n")
            self.file.flush()
        if self.curves:
            for name, value in {**entry["losses"], **entry["metrics"]}.items():
                self.curves.add_scalar(f"{name}/{entry['split']}", value, entry["step"])

    def flush(self) -> None:
        if not self.silent:
            with writing(self.path):
                os.fsync(self.file.fileno())


def is_before(line: str, step: int) -> bool:
    try:
        return json_in(line)["step"] <= step
    except (ValueError, KeyError, TypeError):  # torn by a kill
        return False
