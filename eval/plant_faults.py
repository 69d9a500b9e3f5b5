"""Plants faults in a corpus, one in every fifth utterance, to find out who notices them.

python eval/plant_faults.py data/train.jsonl exp/faults --others data/french/train.jsonl
unitdisc train small exp/faults/corpus.jsonl exp/faults/model
unitdisc outliers exp/faults/model exp/faults/corpus.jsonl exp/faults/outliers --voices
python eval/outliers.py exp/faults

Writes corpus.jsonl, the files that were changed, and faults.tsv: id and fault, or "none". Of recordings: noise (white,
as loud as the speech), gap (.4 s of zeros in the middle), clipped (30 times too loud), backwards, fast (1.4 times), and
voice (another speaker's name). Of line images: noise, blot (a black square in the middle), mirrored, upside-down, half
(its right half is blank), and voice. And other: an utterance of --others, if it is given, in the place of one.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.files import write_text
from unitdisc.media.audio import read_audio, write_audio
from unitdisc.media.image import read_line, write_image

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def with_noise(wave: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    return wave + np.sqrt(np.mean(np.square(wave))) * draw.standard_normal(len(wave))


def with_gap(wave: np.ndarray, rate: int = 16_000) -> np.ndarray:
    middle, wide = len(wave) // 2, round(0.2 * rate)
    changed = wave.copy()
    changed[max(0, middle - wide) : middle + wide] = 0
    return changed


def fast(wave: np.ndarray) -> np.ndarray:
    return np.interp(np.arange(0, len(wave) - 1, 1.4), np.arange(len(wave)), wave)


def with_blot(ink: np.ndarray) -> np.ndarray:
    rows, columns = ink.shape
    changed, half = ink.copy(), rows // 3
    middle, centre = rows // 2, columns // 2
    changed[middle - half : middle + half, max(0, centre - half) : centre + half] = 1
    return changed


def half_blank(ink: np.ndarray) -> np.ndarray:
    changed = ink.copy()
    changed[:, ink.shape[1] // 2 :] = np.median(ink)
    return changed


SOUNDS: dict[str, Change] = {
    "noise": with_noise,
    "gap": lambda wave, draw: with_gap(wave),
    "clipped": lambda wave, draw: np.clip(30 * wave, -0.99, 0.99),
    "backwards": lambda wave, draw: wave[::-1],
    "fast": lambda wave, draw: fast(wave),
}
LINES: dict[str, Change] = {
    "noise": lambda ink, draw: ink + 0.25 * draw.standard_normal(ink.shape),
    "blot": lambda ink, draw: with_blot(ink),
    "mirrored": lambda ink, draw: ink[:, ::-1],
    "upside-down": lambda ink, draw: ink[::-1],
    "half": lambda ink, draw: half_blank(ink),
}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folder", type=Path, help="to write")
    parser.add_argument("--others", type=Path, help="a corpus of another language, or in other letters")
    parser.add_argument("--share", type=float, default=0.2, help="of utterances that get a fault")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    utterances = sorted(read_corpus(options.corpus), key=lambda utterance: utterance.id)
    if not utterances:
        raise CorpusError(f"{options.corpus}: has no utterance; give one that has")
    strangers = read_corpus(options.others) if options.others else []
    changes = LINES if utterances[0].is_image else SOUNDS
    kinds = [*changes, "voice", *(["other"] if strangers else [])]
    draw = np.random.default_rng(options.seed)
    faulty = draw.permutation(len(utterances))[: round(options.share * len(utterances))]
    fault_of = {int(place): kinds[number % len(kinds)] for number, place in enumerate(faulty)}
    planted, told = [], ["id\tfault\n"]
    for place, utterance in enumerate(utterances):
        fault = fault_of.get(place, "none")
        told.append(f"{utterance.id}\t{fault}\n")
        if fault == "voice":
            utterance = in_another_voice(utterance, utterances, draw)
        elif fault == "other":
            stranger = strangers[int(draw.integers(len(strangers)))]
            utterance = replace(stranger, id=utterance.id, speaker=utterance.speaker, gender=utterance.gender)
        elif fault != "none":
            utterance = changed(utterance, changes[fault], options.folder, draw)
        planted.append(utterance)
    write_manifest(options.folder / "corpus.jsonl", planted)
    write_text(options.folder / "faults.tsv", "".join(told))
    print(f"{len(fault_of)} of {len(utterances)} utterances have a fault: {', '.join(kinds)}")


def in_another_voice(utterance: Utterance, all: Sequence[Utterance], draw: np.random.Generator) -> Utterance:
    genders = {other.speaker: other.gender for other in all if other.speaker != utterance.speaker}
    others = sorted(filter(None, genders))
    if not others:
        raise CorpusError("the corpus has one speaker, and no other name can be given; take one with several")
    other = others[int(draw.integers(len(others)))]
    return replace(utterance, speaker=other, gender=genders[other])


def changed(utterance: Utterance, change: Change, folder: Path, draw: np.random.Generator) -> Utterance:
    """A changed copy in a file of its own, without labels."""
    if utterance.is_image:
        ink = np.clip(change(read_line(utterance).T, draw), 0, 1)
        path = folder / "images" / f"{utterance.id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, ink.T)
        rows, columns = ink.shape
        return Utterance(
            utterance.id, str(path.resolve()), utterance.speaker, columns, height=rows, gender=utterance.gender
        )
    wave = np.clip(change(read_audio(utterance).astype(np.float64), draw), -1, 1).astype(np.float32)
    path = folder / "audio" / f"{utterance.id}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_audio(path, wave, utterance.rate)
    return Utterance(
        utterance.id, str(path.resolve()), utterance.speaker, len(wave), utterance.rate, gender=utterance.gender
    )


if __name__ == "__main__":
    main()
