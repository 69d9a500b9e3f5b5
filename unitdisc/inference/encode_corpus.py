"""From a corpus to folders of encodings: what a trained model, or plain features, make of every utterance."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.table import UtteranceTable
from unitdisc.data.base import Features, facts_of
from unitdisc.data.cache import file_of
from unitdisc.data.loader import FRAMES_IN_A_BATCH, features_of, stacked, whole_utterances
from unitdisc.data.signals import Signals
from unitdisc.encodings import Encoding, EncodingsWriter, centres_in_ticks
from unitdisc.jobs import WHOLE, Shard
from unitdisc.model import PROBE_POINTS, UnitModel

MANY = 20  # utterances, and nothing but NaN: it is the model, and nobody need wait for the others
S, T = TypeVar("S"), TypeVar("T")


def encode(
    model: UnitModel,
    signals: Signals,
    utterances: Sequence[Utterance],
    folder: Path,
    points: Sequence[str],
    source: dict,
    advance: Callable[[int], None],
    shard: Shard = WHOLE,
    refuse: bool = True,
) -> list[str]:
    """Writes folder/POINT/ for every probe point; returns what could not be encoded, as messages.

    source: what the encodings' settings say of the model. advance(n): called as n more utterances are done.
    shard: the share of the batches that is encoded. Utterances that are there already are left alone, unless their
    recording has changed since; batches are the same however often the run was interrupted and however many shards
    there are, so the result is too. While a batch is encoded, the next is read and the one before written.
    An utterance of which the model makes anything that is no number is left out. Raises CorpusError if nothing of the
    share could be read, unless `refuse` is off, and FloatingPointError if the model makes no numbers of anything.
    """
    stride = model.encoder.stride
    grid = signals.features.grid(stride, model.encoder.offset)
    writers = {point: EncodingsWriter(folder / point, {"point": point, **grid, **source}, shard) for point in points}
    device = next(model.parameters()).device
    problems, astray, written = [], [], [0]

    def read(group: Sequence[int]) -> tuple[list[np.ndarray], list[Utterance], list[str]]:
        wanted = [utterances[i] for i in group]
        if all(is_done(writers.values(), u, -(-signals.frames_in(u) // stride)) for u in wanted):
            return [], [], []
        return features_of(signals, wanted)

    def write_all(outputs: tuple, there: Sequence[Utterance]) -> None:
        for row, utterance in enumerate(there):
            wrong = write(writers, outputs, row, utterance, grid, signals.features.scale(utterance))
            astray.extend([wrong] if wrong else [])
            written[0] += not wrong
        if len(astray) >= MANY and not written[0]:
            raise FloatingPointError(astray[0])

    groups = shares_of(utterances, signals, shard)
    with BackgroundWriter() as background:
        for group, (features, there, bad) in zip(groups, ahead(read, groups)):
            problems += bad
            if there:
                background.do(partial(write_all, encode_batch(model, features, device, points), there))
            background.do(partial(advance, len(group)))
    if refuse and astray and len(problems) + len(astray) == sum(map(len, groups)):
        raise FloatingPointError(astray[0])
    problems += astray
    if refuse:
        refuse_nothing(problems, sum(map(len, groups)))
    divided = checksum_of(utterances, shard)
    for writer in writers.values():
        writer.finish(share_of(shard, (utterances[i] for group in groups for i in group)), divided)
    return problems


def shares_of(utterances: Sequence[Utterance], signals: Signals, shard: Shard) -> list[list[int]]:
    """The batches of a shard: places of utterances of like length."""
    return shard.of(whole_utterances(utterances, signals, FRAMES_IN_A_BATCH))


def share_of(shard: Shard, utterances: Iterable[Utterance]) -> list[str] | None:
    """The utterances that a shard answers for; None if that is all there are."""
    return None if shard.is_whole else [utterance.id for utterance in utterances]


def checksum_of(utterances: Sequence[Utterance], shard: Shard) -> str:
    """Of all utterances, of which a shard takes its share; none if that is all there are."""
    return "" if shard.is_whole else UtteranceTable.of(utterances).checksum()


def ahead(read: Callable[[S], T], items: Iterable[S]) -> Iterator[T]:
    """read(item) of every item in order, that of the next in a thread while one is used."""
    with ThreadPoolExecutor(1) as pool:
        pending: deque[Future[T]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(read, item))
                if len(pending) > 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class BackgroundWriter:
    """Runs jobs in order in a thread of its own; the exception of a job is raised by a later call, or at the end."""

    MOST = 3  # jobs that may wait

    def __enter__(self) -> "BackgroundWriter":
        self.pool, self.pending = ThreadPoolExecutor(1), deque()
        return self

    def do(self, job: Callable[[], None]) -> None:
        self.pending.append(self.pool.submit(job))
        while len(self.pending) > self.MOST:
            self.pending.popleft().result()

    def __exit__(self, kind: type | None, *_: object) -> None:
        try:
            while self.pending and kind is None:
                self.pending.popleft().result()
        finally:
            self.pool.shutdown(wait=True, cancel_futures=True)


def is_done(writers: Iterable[EncodingsWriter], utterance: Utterance, frames: int) -> bool:
    return all(writer.is_current(utterance.id, frames, file_of(utterance)) for writer in writers)


@torch.inference_mode()
def encode_batch(
    model: UnitModel, features: list[np.ndarray], device: torch.device, wanted: Collection[str] = PROBE_POINTS
) -> tuple[dict, np.ndarray, np.ndarray]:
    """Probe points {name: [B, T, *]}, codes [B, T] or None, and lengths [B], as arrays.

    wanted: the points that are given back; the others would be copied from a GPU for nothing.
    """
    lengths = torch.tensor([len(frames) for frames in features])
    points, codes, lengths = model.probe_points(stacked(features).to(device), lengths.to(device))
    arrays = {name: frames.float().cpu().numpy() for name, frames in points.items() if name in wanted}
    return arrays, None if codes is None else codes.cpu().numpy(), lengths.cpu().numpy()


def write(
    writers: dict[str, EncodingsWriter], outputs: tuple, row: int, utterance: Utterance, grid: dict, scale: float
) -> str | None:
    """Writes what the model makes of an utterance at every point; at none, but says so, if it is not all numbers."""
    arrays, codes, lengths = outputs
    size = lengths[row]
    centres = centres_in_ticks(size, grid, scale)
    for point in writers:
        if not np.isfinite(arrays[point][row, :size]).all():
            return (
                f"{utterance.path}: the model makes NaN or infinity of {utterance.id} at {point}; listen to it; if "
                "there are many, training went astray: train again with a smaller training.learning_rate"
            )
    for point, writer in writers.items():
        own_codes = None if codes is None else codes[row, :size]
        writer.write(Encoding(utterance.id, centres, arrays[point][row, :size], codes=own_codes), scale == 1)
    return None


def encode_features(
    features: Features,
    signals: Signals,
    utterances: Sequence[Utterance],
    folder: Path,
    point: str,
    advance: Callable[[int], None],
    shard: Shard = WHOLE,
    refuse: bool = True,
) -> list[str]:
    """Writes plain features as encodings in `folder`; returns what could not be read, as messages.

    Raises CorpusError if nothing of the share could be read, unless `refuse` is off.
    """
    own = shard.of(utterances)
    grid = features.grid()
    writer = EncodingsWriter(folder, {"point": point, **grid, "features": facts_of(features)}, shard)
    problems = []
    for utterance in own:
        if not is_done([writer], utterance, features.frames_in(utterance)):
            try:
                frames = signals.features_of(utterance)
            except CorpusError as error:
                problems.append(str(error))
            else:
                scale = features.scale(utterance)
                writer.write(Encoding(utterance.id, centres_in_ticks(len(frames), grid, scale), frames), scale == 1)
        advance(1)
    if refuse:
        refuse_nothing(problems, len(own))
    writer.finish(share_of(shard, own), checksum_of(utterances, shard))
    return problems


def refuse_nothing(problems: Sequence[str], total: int) -> None:
    """Raises CorpusError if none of so many utterances could be read: something larger is wrong, such as a disk."""
    if problems and len(problems) == total:
        raise CorpusError(f"{total} of {total} utterances could not be used, the first: {problems[0]}")
