"""What a model, ours or any other, says of an utterance: the one thing evaluation reads.

A folder of encodings is what the ZeroSpeech tools read, and a little more:

    UTTERANCE.npy         frames [T, D], one file per utterance
    units.jsonl           {"utterance": ..., "codes": [T] or null}, one line per utterance; last to appear
    encodings.json        what made them: probe point, model, and when each frame happens
    centres/UTTERANCE.npy only where frames are not evenly spaced: the tick in the middle of each
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.files import write_json, write_text, written_aside


class EncodingsError(ValueError):
    """A folder of encodings is not what it should be; the message names the file and the cure."""


@dataclass(frozen=True)
class Encoding:
    utterance: str
    centres: np.ndarray  # [T]    the tick in the middle of each frame, in order; may be half a tick
    frames: np.ndarray  # [T, D]
    codes: np.ndarray | None = None  # [T]


@dataclass(frozen=True)
class Encodings:
    """A folder of encodings, read one utterance at a time."""

    folder: Path
    settings: dict  # encodings.json: "point", "stride" and "offset" in ticks, ...
    codes: dict[str, list[int] | None]  # utterance -> codes, in order of utterance id

    @classmethod
    def open(cls, folder: Path, stride: float | None = None, offset: float | None = None) -> "Encodings":
        """Opens a folder of ours, or of any tool's .npy files given the time between frames, in ticks.

        stride: ticks from one frame to the next; offset: the tick in the middle of the first frame
        (default: half a stride, as in every ZeroSpeech evaluation).
        Raises EncodingsError if there is nothing to read or nothing says when frames happen.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise EncodingsError(f"{folder}: no such folder; `unitdisc encode` or `unitdisc features` makes one")
        if (folder / "encodings.json").exists():
            settings = json.loads((folder / "encodings.json").read_text(encoding="utf-8"))
        else:
            settings = {"point": folder.name}
        if stride is not None:
            settings |= {"stride": stride, "offset": stride / 2 if offset is None else offset}
        if "stride" not in settings and not (folder / "centres").is_dir():
            raise EncodingsError(f"{folder}: no encodings.json says how far apart frames are; give the frame rate")
        if (folder / "units.jsonl").exists():
            lines = (folder / "units.jsonl").read_text(encoding="utf-8").splitlines()
            codes = {entry["utterance"]: entry["codes"] for entry in map(json.loads, lines)}
        elif (folder / "units.jsonl.part").exists():
            raise EncodingsError(f"{folder}: encoding was interrupted; run the same `unitdisc encode` again")
        else:
            codes = dict.fromkeys(path.stem for path in folder.glob("*.npy"))
        if not codes:
            raise EncodingsError(f"{folder}: no .npy files in it")
        return cls(folder, settings, dict(sorted(codes.items())))

    def __len__(self) -> int:
        return len(self.codes)

    def __contains__(self, utterance: str) -> bool:
        return utterance in self.codes

    def __iter__(self) -> Iterator[Encoding]:
        return (self[utterance] for utterance in self.codes)

    def __getitem__(self, utterance: str) -> Encoding:
        path = self.folder / f"{utterance}.npy"
        try:
            frames = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise EncodingsError(f"{path}: cannot be read ({error}); encode the corpus again") from error
        if frames.ndim != 2:
            raise EncodingsError(f"{path}: has shape {frames.shape}, must be [frames, dimensions]")
        codes = self.codes[utterance]
        centres = self.centres(utterance, len(frames))
        return Encoding(utterance, centres, frames, None if codes is None else np.asarray(codes))

    def centres(self, utterance: str, frames: int) -> np.ndarray:
        """The tick in the middle of each frame, counted in the utterance's own ticks: [T]."""
        irregular = self.folder / "centres" / f"{utterance}.npy"
        if irregular.exists():
            return np.load(irregular, allow_pickle=False)
        return self.settings["offset"] + self.settings["stride"] * np.arange(frames)


class EncodingsWriter:
    """Fills a folder of encodings; one that was interrupted is completed, not begun anew.

    Raises EncodingsError if the folder holds encodings made in another way.
    """

    def __init__(self, folder: Path, settings: dict):
        self.folder = Path(folder)
        self.lines = self.finished(settings)
        write_json(self.folder / "encodings.json", settings)
        text = "".join(self.lines[utterance] + "\n" for utterance in sorted(self.lines))
        write_text(self.folder / "units.jsonl.part", text)
        self.file = (self.folder / "units.jsonl.part").open("a", encoding="utf-8")

    def __contains__(self, utterance: str) -> bool:
        return utterance in self.lines

    def write(self, encoding: Encoding, regular: bool = True) -> None:
        """Adds an utterance; regular=False keeps the centres of its frames too."""
        self.save_array(self.folder / f"{encoding.utterance}.npy", encoding.frames.astype(np.float32))
        if not regular:
            self.save_array(self.folder / "centres" / f"{encoding.utterance}.npy", encoding.centres)
        codes = None if encoding.codes is None else encoding.codes.tolist()
        line = json.dumps({"utterance": encoding.utterance, "codes": codes})
        self.lines[encoding.utterance] = line
        self.file.write(line + "\n")
        self.file.flush()

    def finish(self) -> None:
        """Declares the folder complete."""
        self.file.close()
        write_text(self.folder / "units.jsonl", "".join(self.lines[name] + "\n" for name in sorted(self.lines)))
        (self.folder / "units.jsonl.part").unlink()

    def finished(self, settings: dict) -> dict[str, str]:
        """The lines of units.jsonl of the utterances that are there already."""
        if not (self.folder / "encodings.json").exists():
            return {}
        found = json.loads((self.folder / "encodings.json").read_text(encoding="utf-8"))
        if found != json.loads(json.dumps(settings)):
            different = sorted(key for key in found.keys() | settings.keys() if found.get(key) != settings.get(key))
            raise EncodingsError(
                f"{self.folder}: holds encodings made in another way ({', '.join(different)} differ); "
                "remove it or choose another folder"
            )
        lines = {}
        for name in ("units.jsonl", "units.jsonl.part"):
            if (self.folder / name).exists():
                for line in (self.folder / name).read_text(encoding="utf-8").splitlines():
                    try:
                        utterance = json.loads(line)["utterance"]
                    except (ValueError, KeyError):  # torn by a kill
                        continue
                    if (self.folder / f"{utterance}.npy").exists():
                        lines[utterance] = line
        return lines

    @staticmethod
    def save_array(path: Path, array: np.ndarray) -> None:
        with written_aside(path) as aside, aside.open("wb") as file:
            np.save(file, array)
