"""Where the codes of a segmentation come from: a codebook, a model, or k-means of the frames themselves."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.bottlenecks.codes.quantiser import codebook_waits
from unitdisc.clustering import KMeansOptions, kmeans
from unitdisc.clustering.codebook_files import Codebook, CodebookError, codebook_of_model, read_codebook
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.encodings import is_number
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.experiment import WEIGHTS, load, weights_checksum
from unitdisc.segmentation.corpora.costs import Costs
from unitdisc.segmentation.corpora.learning import Workplace
from unitdisc.segmentation.corpora.options import SegmentOptions
from unitdisc.segmentation.corpora.segmenting import PooledFrames
from unitdisc.segmentation.corpora.timing import Timing

LOOKED_AT, FAR = 20, 4.0  # utterances, and by what factor their distances to codes may be greater


@dataclass(frozen=True)
class Codes:
    """Where codes come from: one of the five."""

    codebook: Path | None = None  # NAME.npy [K, D]
    num_codes: int | None = None  # of k-means of these frames
    experiment: Path | None = None  # with a vq, for its `projection`
    seed: int = 0
    phone_loop: Path | None = None  # NAME.safetensors, made by `unitdisc phone-loop`
    templates: Path | None = None  # NAME.safetensors, made by `unitdisc templates`

    def __post_init__(self):
        for name in ("codebook", "experiment", "phone_loop", "templates"):
            if isinstance(getattr(self, name), str):
                object.__setattr__(self, name, Path(getattr(self, name)))
        places = (self.codebook, self.num_codes, self.experiment, self.phone_loop, self.templates)
        given = sum(one is not None for one in places)
        if given > 1:
            raise ValueError(
                "`codebook`, `codes`, `experiment`, `phone_loop` and `templates` exclude each other; give one of them"
            )
        if not given:
            raise ValueError(
                "give codes: one of `codebook`, `codes` (k-means of these frames), `experiment`, `phone_loop` and "
                "`templates`"
            )


def chosen_codebook(codes: Codes) -> Codebook | None:
    """The codebook that was asked for; None where k-means is yet to make it."""
    if codes.codebook:
        return read_codebook(codes.codebook)
    if codes.experiment is None:
        return None
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = codes.experiment / WEIGHTS
    if not path.exists():
        raise CodebookError(f"{path}: not there; is {codes.experiment} a folder made by `unitdisc train`?")
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise CodebookError(f"{path}: damaged ({error}); train again, or give another `experiment`") from error
    card = {"frames_of": {"model": weights_checksum(codes.experiment), "point": "projection"}}
    found = codebook_of_model(weights, card, str(codes.experiment))
    refuse_waiting(codes.experiment)
    return found


def refuse_waiting(experiment: Path) -> None:
    """Raises CodebookError if the codes of an experiment are still those by lot that it began with."""
    if waits := codebook_waits(load(experiment)[1].bottleneck):
        raise CodebookError(
            f"{experiment}: its codebook has not been started yet: it was trained for {waits[0]} steps, and codes are "
            f"placed after {waits[1]} (bottleneck.warmup_steps); train on"
        )


def codebook_of(
    place: Workplace, timing: Timing, codes: Codes, options: SegmentOptions, state: Path, opened: AnyEncodings
) -> Codebook:
    """k-means of the frames, or of the means of segments, that are to be named.

    state: file from which an interrupted run goes on.
    """
    spherical = options.distance == "cosine"
    wanted = KMeansOptions(codes.num_codes, spherical, codes.seed)
    frames = place.frames if options.method == "units" else PooledFrames(place, timing, options)
    if options.method != "units":
        refuse_few_segments(frames, codes.num_codes)
    found = kmeans(frames, wanted, place.memory, threads=place.threads, state_file=state, progress=console.progress)
    card = {"spherical": spherical, "frames_of": opened.settings, "options": asdict(wanted)}
    return Codebook(found.vectors, card, f"k-means of {opened.folder}")


def refuse_few_segments(frames: PooledFrames, codes: int) -> None:
    segments = sum(len(peaks.above(frames.strength)) + 1 for peaks in frames.found.values())
    if segments < codes:
        raise ValueError(
            f"{frames.folder}: falls into {segments} segments, but {codes} codes are wanted to name them; ask for "
            "fewer codes, or more segments"
        )


def unit_codes(codebook: Codebook) -> np.ndarray:
    lengths = np.linalg.norm(codebook.vectors, axis=1, keepdims=True)
    if not lengths.all():
        code = int(np.argmin(lengths))
        raise CodebookError(f"{codebook.source}: code {code} is all zeros and has no angle; use `distance` squared")
    return codebook.vectors / lengths


def far_away(codebook: Codebook, frames: StoredFrames) -> str | None:
    """A message, if frames are far from the codes, as where those of another layer or system are as wide."""
    inertia, number = (codebook.card.get(name) for name in ("inertia", "frames"))
    if not (is_number(inertia) and is_number(number) and inertia > 0 and number > 0):
        return None
    if frames.spherical != codebook.spherical:
        return None
    costs = Costs(frames, codebook.vectors, "squared")
    nearest = np.concatenate([costs[name].min(1) for name in frames.names[:LOOKED_AT]])
    ratio = float(nearest.mean(dtype=np.float64)) * number / inertia
    if ratio <= FAR:
        return None
    return (
        f"{codebook.source}: the frames of {frames.folder} are {ratio:.3g} times as far from its codes as those that "
        "it was made from (mean squared distance), so it may be of another layer or system"
    )
