"""Filling a folder of encodings, by one run or by the shards of one."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from unitdisc.encodings.folders import refuse_other
from unitdisc.encodings.reading import Encoding, EncodingsError
from unitdisc.encodings.resumable.unit_list_writer import UnitListWriter
from unitdisc.encodings.resumable.unit_lists import disagreement
from unitdisc.files import take_away, write_json
from unitdisc.files.arrays import read_array, write_array
from unitdisc.jobs import WHOLE, Shard


class EncodingsWriter:
    """Fills a folder of encodings; one that was interrupted is completed, not begun anew.

    While something is missing there is no units.jsonl, so that nobody reads half of a corpus.
    shard: the share of a corpus that this writer has; writers of different shards may be at work at the same time.
    Raises EncodingsError if the folder holds encodings made in another way.
    """

    def __init__(self, folder: Path, settings: dict, shard: Shard = WHOLE):
        self.folder = Path(folder)
        refuse_other(self.folder, settings)
        self.units = UnitListWriter(self.folder, shard)
        write_json(self.folder / "encodings.json", settings)
        if shard.is_whole:
            for leftover in (*self.folder.glob(".*.tmp"), *self.folder.glob("centres/.*.tmp")):  # of a killed run
                take_away(leftover)
        self.units.open()

    def __contains__(self, utterance: str) -> bool:
        return self.units.keep(utterance)

    def is_current(self, utterance: str, frames: int, source: Path | None) -> bool:
        """Whether an utterance is there, as long as it must be, and not older than the file it was made from."""
        if utterance not in self:
            return False
        path = self.folder / f"{utterance}.npy"
        try:
            same = len(read_array(path, mapped=True)) == frames
            return same and (source is None or source.stat().st_mtime_ns <= path.stat().st_mtime_ns)
        except Exception:  # damaged: numpy lets through whatever its parser of headers raises
            return False

    def write(self, encoding: Encoding, regular: bool = True) -> None:
        """Adds an utterance; regular=False keeps the centres of its frames too."""
        self.units.reopen()
        codes = None if encoding.codes is None else encoding.codes.tolist()
        self.units.add(encoding.utterance, json.dumps({"utterance": encoding.utterance, "codes": codes}))
        centres = self.folder / "centres" / f"{encoding.utterance}.npy"
        if regular:
            take_away(centres)
        else:
            self.save_array(centres, encoding.centres)
        # last: were the codes written after it, those of before might pass for its own where this process is killed
        self.save_array(self.folder / f"{encoding.utterance}.npy", encoding.frames.astype(np.float32))

    def finish(self, share: Iterable[str] | None = None, divided: str = "") -> None:
        """Declares the folder complete, or the share of a shard: its utterances.

        divided: the checksum of all utterances that shards have divided. Raises EncodingsError if it was not the same
        for all, and what they have is not all there is.
        """
        self.units.finish(share, divided)
        if share is not None and (why := disagreement(self.folder, self.units.shard.count)):
            raise EncodingsError(f"{self.folder}: {why}")

    @staticmethod
    def save_array(path: Path, array: np.ndarray) -> None:
        write_array(path, array)
