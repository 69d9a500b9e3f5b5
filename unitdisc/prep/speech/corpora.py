"""Hours of sentences read aloud, in blocks, by several processes; what was made stays, and a stopped script goes on.

OUT/parts/<split>-<block>.jsonl    the utterances of a finished block
OUT/wav/<split>/<voice>-<number>.wav
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.files import take_away, write_text
from unitdisc.media.audio import write_audio
from unitdisc.prep.notes import Notes
from unitdisc.prep.speech.phonemes import LANGUAGES
from unitdisc.prep.speech.reading import RATE, read_apart
from unitdisc.prep.speech.voices import TEST_VOICES, TRAIN_VOICES, voice_with_manner

BLOCK = 32  # utterances
VOICES = {"train": TRAIN_VOICES.split(), "test": TEST_VOICES.split()}
PARTS = "parts"


@dataclass(frozen=True)
class Reading:
    """What is read aloud, by whom, and how much of it."""

    folder: Path
    split: str  # train or test, whose voices are not the same
    language: str
    seed: int
    sentence: Callable[[int], list[str] | None]  # by its number; None after the last one
    minutes: float
    jobs: int  # processes


@dataclass(frozen=True)
class Block:
    """Sentences that a process reads aloud: all that it needs to know."""

    folder: Path
    split: str
    number: int
    language: str
    seed: int
    sentences: list[list[str]]

    @property
    def part(self) -> Path:
        return self.folder / PARTS / f"{self.split}-{self.number:05d}.jsonl"

    @property
    def ids(self) -> list[str]:
        voices = VOICES[self.split]
        first = self.number * BLOCK
        return [f"{voices[n % len(voices)]}-{n:06d}" for n in range(first, first + len(self.sentences))]


def recording_path(folder: Path, split: str, id: str) -> Path:
    return folder / "wav" / split / f"{id}.wav"


def speak_block(block: Block) -> list[Utterance]:
    """The utterances of a block, in order, made unless they are there; sentences that eSpeak does not say are none."""
    if block.part.exists():
        made = {each.id: each for each in read_manifest(block.part)} if block.part.stat().st_size else {}
        return [
            replace(made[id], path=str(recording_path(block.folder, block.split, id))) for id in block.ids if id in made
        ]
    utterances = [each for each in map(speak, [block] * len(block.ids), range(len(block.ids))) if each]
    if utterances:
        write_manifest(block.part, utterances)
    else:
        write_text(block.part, "")
    return utterances


def speak(block: Block, place: int) -> Utterance | None:
    """A sentence of a block, read aloud and written; None if eSpeak does not say it word by word in known phones."""
    id = block.ids[place]
    name = id.rpartition("-")[0]
    voice = voice_with_manner(name, block.seed)
    rng = np.random.default_rng([block.seed, block.number * BLOCK + place, *name.encode()])
    words = block.sentences[place]
    try:
        said = read_apart(LANGUAGES[block.language], words, voice, rng)
    except CorpusError:  # a phoneme that is not known here
        said = None
    if said is None:
        return None
    path = recording_path(block.folder, block.split, id)
    write_audio(path, said.wave, RATE)
    known = {"rate": RATE, "gender": voice.gender, "text": said.text, "alignment": said.alignment}
    return Utterance(id, str(path), name, ticks=len(said.wave), **known)


def speak_all(reading: Reading, notes: Notes, advance: Callable[[int], None]) -> list[Utterance]:
    """Sentences by turns of voices, until there is enough, or no sentence more.

    advance: is told how many seconds of speech there are more. What was made beyond, by processes that were ahead, is
    removed, so that a folder holds the same however many there were.
    """
    wanted = int(reading.minutes * 60 * RATE)
    found: list[Utterance] = []
    ticks = 0
    kept = -1  # the last block of which all is wanted
    for block, utterances in finished(reading):
        missing = set(block.ids) - {each.id for each in utterances}
        for id, words in zip(block.ids, block.sentences):
            if ticks >= wanted:
                break
            if id in missing:
                notes.add(
                    f"left out of {reading.split}: a sentence that eSpeak does not say word by word", " ".join(words)
                )
        for utterance in utterances:
            if ticks < wanted:
                found.append(utterance)
                ticks += utterance.ticks
                advance(utterance.ticks)
        if ticks >= wanted:
            break
        kept = block.number
    tidy(reading, kept, {each.id for each in found})
    return found


def finished(reading: Reading) -> Iterator[tuple[Block, list[Utterance]]]:
    """Blocks in order, some of them made ahead."""
    blocks = blocks_of(reading)
    if reading.jobs == 1:
        yield from ((block, speak_block(block)) for block in blocks)
        return
    with ProcessPoolExecutor(reading.jobs, multiprocessing.get_context("spawn")) as pool:
        try:
            yield from ahead(pool, blocks, 2 * reading.jobs)
        except BrokenProcessPool as error:
            raise CorpusError(
                f"{reading.folder}: a process that speaks was ended; run the same command again, which goes on, "
                "perhaps with fewer --jobs"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def ahead(pool: Executor, blocks: Iterator[Block], most: int) -> Iterator[tuple[Block, list[Utterance]]]:
    waiting: list[tuple[Block, Future]] = []
    for block in blocks:
        waiting.append((block, pool.submit(speak_block, block)))
        if len(waiting) >= most:
            first, future = waiting.pop(0)
            yield first, future.result()
    for block, future in waiting:
        yield block, future.result()


def blocks_of(reading: Reading) -> Iterator[Block]:
    for number in count():
        sentences: list[list[str]] = []
        for place in range(number * BLOCK, (number + 1) * BLOCK):
            words = reading.sentence(place)
            if words is None:
                break
            sentences.append(words)
        if sentences:
            yield Block(reading.folder, reading.split, number, reading.language, reading.seed, sentences)
        if len(sentences) < BLOCK:
            return


def tidy(reading: Reading, kept: int, ids: Sequence[str] | set[str]) -> None:
    """Removes what was made beyond: parts after the last whole block, and recordings that are not listed."""
    for path in (reading.folder / PARTS).glob(f"{reading.split}-*.jsonl"):
        if int(path.stem.rpartition("-")[2]) > kept:
            take_away(path)
    for path in (reading.folder / "wav" / reading.split).glob("*.wav"):
        if path.stem not in ids:
            take_away(path)
