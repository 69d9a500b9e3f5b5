"""What was found out about recordings, line by line as it is found out, so that a run that ends early is completed."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import parse_utterance
from unitdisc.files import writing
from unitdisc.files.text import json_in, read_lines
from unitdisc.prep.notes import Notes
from unitdisc.prep.recordings.folder import Planned, Prepared


class Journal:
    """A file of JSON lines, each of a recording as it was and of the options under which it was looked at.

    A line that is not all there, of a run that was killed, counts for nothing.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]):
        self.path, self.settings = path, dict(settings)
        self.found: dict[str, dict] = {}
        if path.exists():
            for _, text in read_lines(path, OSError, loose=True):
                try:
                    entry = json_in(text)
                    self.found[entry["key"]] = entry
                except (ValueError, TypeError, KeyError):
                    continue

    def key(self, planned: Planned) -> str:
        """Names a recording, what lies beside it and the options: another one as soon as anything changes."""
        files = [state(path) for path in (planned.path, *planned.labels)]
        rows = [repr(row) for row in planned.rows]
        facts = [planned.id, planned.speaker, files, rows, self.settings]
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()

    def look_up(self, planned: Planned, notes: Notes) -> list[Prepared] | None:
        """What a run before found, if all of it is still there."""
        entry = self.found.get(self.key(planned))
        if entry is None:
            return None
        try:
            found = [Prepared(parse_utterance(values, Path()), split) for values, split in entry["utterances"]]
            before = Notes()
            before.counts, before.names = dict(entry["counts"]), dict(entry["names"])
        except (ValueError, TypeError, KeyError):
            return None
        if not all(Path(each.utterance.path).exists() for each in found):
            return None
        notes.take(before)
        return found

    def add(self, planned: Planned, found: Sequence[Prepared], notes: Notes) -> None:
        listed = [(plain(each.utterance), each.split) for each in found]
        entry = {"key": self.key(planned), "utterances": listed, "counts": notes.counts, "names": notes.names}
        with writing(self.path), self.path.open("ab") as file:
            if file.tell() and not ends_whole(self.path):  # a killed run wrote half a line
                file.truncate(self.path.read_bytes().rfind(b"\n") + 1)
            file.write(json.dumps(entry).encode() + b"\n")


def plain(utterance: Utterance) -> dict[str, Any]:
    return {key: value for key, value in asdict(utterance).items() if value is not None}


def state(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return os.path.abspath(path), status.st_size, status.st_mtime_ns  # noqa: PTH100 (links stay)


def ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
