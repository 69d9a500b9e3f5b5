"""Submissions to ZeroSpeech 2021 and to its successor abxLS: folders in the layouts that their tools read.

ZeroSpeech 2021                                     abxLS (zrc)
    meta.yaml           who, what, how frames compare   meta.yaml
    phonetic/PART/*.txt frames, one per line            params.yaml     how frames compare
    lexical/, syntactic/ (likelier.py), semantic/       PART/*.npy      frames, double precision
    code/               only if it is open source       scores/         made by the evaluation

PART is dev-clean, dev-other, test-clean or test-other.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc.corpus import CorpusError
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation.frame_checks import usable
from unitdisc.evaluation.zerospeech.plain_yaml import as_yaml
from unitdisc.files import write_text, written_aside

PARTS = ("dev-clean", "dev-other", "test-clean", "test-other")
FEWEST = 2  # frames in a file


def write_2021(folder: Path, parts: Mapping[str, Encodings], meta: Mapping[str, Any], code: Path | None = None) -> None:
    """Writes a submission to ZeroSpeech 2021, its phonetic task alone.

    parts: dev-clean, ... -> encodings; meta: author, affiliation, description, train_set, gpu_budget,
    visually_grounded; code: folder of the source code, if the submission is open source.
    Raises EncodingsError if frames are not evenly spaced, or if a file has too few; CorpusError if the folder is not
    empty.
    """
    shift = frame_shift(parts)
    described = {key: meta[key] for key in ("author", "affiliation", "description")} | {
        "open_source": code is not None,
        "train_set": meta["train_set"],
        "visually_grounded": meta["visually_grounded"],
        "gpu_budget": float(meta["gpu_budget"]),
        "parameters": {
            "phonetic": {"metric": "cosine", "frame_shift": shift},
            "semantic": {"metric": "cosine", "pooling": "mean"},  # the challenge's tools want it said
        },
    }
    with filled(folder) as aside:
        for part, encodings in parts.items():
            write_frames(aside / "phonetic" / part, encodings, ".txt", save_text)
        if code is not None:
            shutil.copytree(code, aside / "code")
        write_text(aside / "meta.yaml", as_yaml(described))


def write_abxls(folder: Path, parts: Mapping[str, Encodings], meta: Mapping[str, Any]) -> None:
    """Writes a submission to abxLS as `zrc benchmarks:run abxLS` reads it.

    parts and meta as for `write_2021`; meta also has the year of publication. Raises what that raises.
    """
    shift = frame_shift(parts)
    described = {
        "username": "",
        "benchmark_name": "abxLS",
        "open_source": False,
        "code_url": "",
        "model_info": {
            "system_description": meta["description"],
            "train_set": meta["train_set"],
            "gpu_budget": str(meta["gpu_budget"]),
        },
        "publication": {
            "author_label": meta["author"],
            "authors": meta["author"],
            "institution": meta["affiliation"],
            "team": "",
            "publication_year": meta["year"],
            "paper_title": "",
            "paper_url": "",
        },
    }
    with filled(folder) as aside:
        for part, encodings in parts.items():
            write_frames(aside / part, encodings, ".npy", np.save)
        write_text(aside / "params.yaml", as_yaml(abxls_parameters(shift)))
        write_text(aside / "meta.yaml", as_yaml(described))


def abxls_parameters(shift: float) -> dict[str, Any]:
    return {
        "context": "all",
        "cuda": False,
        "distance_mode": "cosine",
        "feature_size": shift,
        "max_size_group": 10,
        "max_x_across": 5,
        "quiet": False,
        "result_filename": "score_all_phonetic",
        "score_file_type": ".npy",
        "seed": 3459,
        "speaker_mode": "all",
    }


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """Gives a folder beside `folder`; what was put into it is moved there if all went well.

    Raises CorpusError if the folder is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CorpusError(f"{folder}: is not empty, and a submission must hold nothing else; choose another folder")
    aside = folder.resolve().with_name(f".{folder.resolve().name}.{os.getpid()}.tmp")
    try:
        yield aside
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(aside.iterdir(), key=lambda path: (path.name == "meta.yaml", path.name)):  # it comes last
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def frame_shift(parts: Mapping[str, Encodings]) -> float:
    """Seconds from one frame to the next, the same everywhere, the first frame in the middle of the first of them."""
    shifts = {}
    for encodings in parts.values():
        stride, offset, rate = (encodings.settings.get(key) for key in ("stride", "offset", "rate"))
        if not (stride and rate) or (encodings.folder / "centres").is_dir():
            raise EncodingsError(
                f"{encodings.folder}: its frames are not evenly spaced, as they must be in ZeroSpeech 2021"
            )
        if offset != stride / 2:
            raise EncodingsError(
                f"{encodings.folder}: its first frame is centred on tick {offset:g}, but ZeroSpeech 2021 wants it "
                f"on tick {stride / 2:g}; encode with a model whose frames tile the signal"
            )
        shifts[encodings.folder] = stride / rate
    if len({*shifts.values()}) != 1:
        listed = ", ".join(f"{folder} {shift:g} s" for folder, shift in shifts.items())
        raise EncodingsError(f"frames must be as far apart in every part, but are: {listed}; encode all with one model")
    return shifts.popitem()[1]


def write_frames(folder: Path, encodings: Encodings, suffix: str, save: Callable[[Any, np.ndarray], None]) -> None:
    for utterance in encodings.codes:
        encoding = usable(encodings, utterance)
        if len(encoding.frames) < FEWEST:
            raise EncodingsError(
                f"{encodings.folder / encoding.utterance}.npy: {len(encoding.frames)} frames, but there must be "
                f"{FEWEST} or more; leave the utterance out"
            )
        with written_aside(folder / f"{encoding.utterance}{suffix}") as aside, aside.open("wb") as file:
            save(file, encoding.frames.astype(np.float64))


def save_text(file: Any, frames: np.ndarray) -> None:
    np.savetxt(file, frames, fmt="%.9g")  # tells single-precision numbers apart


def phonetic_table(errors: Mapping[str, Mapping[str, float]]) -> str:
    """score_phonetic.csv of ZeroSpeech 2021. errors: part -> within, across -> error, 0 to 1."""
    rows = ["dataset,sub-dataset,type,score"]
    for part, by_speaker in errors.items():
        for speaker, error in by_speaker.items():
            rows.append(f"{part.replace('-', ',')},{speaker},{as_score(error)}")
    return "\n".join(rows) + "\n"


def abxls_table(rows: Iterable[tuple[str, str, str, str, float | None]]) -> str:
    """score_all_phonetic.csv of abxLS, no pooling, no sampling; rows: subset, speaker, context, granularity, error."""
    lines = ["subset,speaker_mode,context_mode,granularity,score,pooling,seed"]
    lines += [f"{','.join(names)},{as_score(error)},none,none" for *names, error in rows]
    return "\n".join(lines) + "\n"


def as_score(error: float | None) -> str:
    return "" if error is None else f"{error:.4f}"
