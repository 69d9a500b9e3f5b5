"""Looking at line images for what is wrong with them: unreadable, not of the size that is listed, blank."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, cpu_count, delayed

from unitdisc.corpus import Utterance
from unitdisc.corpus.validation.recordings import Fault
from unitdisc.media.image import BLANK, ImageError, ImageInfo, blank, check_size, read_image


@dataclass(frozen=True)
class Picture:
    """An image to look at, and its utterances as its size makes them."""

    path: str
    within: Callable[[ImageInfo], Iterable[Utterance]]


@dataclass(frozen=True)
class ImageFindings:
    """What looking at an image showed."""

    info: ImageInfo | None  # None if it cannot be read
    faults: list[Fault]


def look_at_all(pictures: Mapping[str, Picture], workers: int | None = None) -> dict[str, ImageFindings]:
    """Looks at many images at once, in threads (decoding holds no lock), one of each in memory."""
    run = Parallel(n_jobs=workers or cpu_count(), backend="threading", return_as="generator")
    return dict(zip(pictures, list(run(delayed(look)(picture) for picture in pictures.values()))))


def look(picture: Picture) -> ImageFindings:
    """Looks at all of an image: its header alone would not tell that the rest is missing."""
    try:
        grey = read_image(picture.path)
    except ImageError as error:
        return ImageFindings(None, [Fault(None, "error", error.what, error.cure)])
    info = ImageInfo(grey.shape[1], grey.shape[0])
    return ImageFindings(
        info, [fault for utterance in picture.within(info) for fault in faults_of(grey, info, utterance)]
    )


def faults_of(grey: np.ndarray, info: ImageInfo, utterance: Utterance) -> Iterator[Fault]:
    try:
        check_size(utterance, info)
        if np.ptp(grey[:, utterance.start : utterance.start + utterance.ticks]) < BLANK:
            raise blank(utterance)
    except ImageError as error:
        yield Fault(utterance.id, "error", error.what, error.cure)
