"""unitdisc align: where the characters of texts are, on lines and in recordings that nobody put boxes on."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from unitdisc import __version__, console
from unitdisc.alignment import (
    LEAST,
    Aligner,
    AlignerError,
    AlignOptions,
    Worth,
    compare_tiers,
    load,
    save,
    trained,
    worth_of,
)
from unitdisc.alignment.checking import TierCheck
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import CorpusError, Utterance, corpus_checksum
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.kaldi.ctm import ctm_lines
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.corpus.validation.usable_corpus import usable_utterances
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.base import Features
from unitdisc.data.cache import DiskCache
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.normalisation import Normaliser
from unitdisc.data.signals import Signals
from unitdisc.evaluation.units.boundaries import utterance_segmentation
from unitdisc.files import take_away, write_json, write_text
from unitdisc.files.folders import filling, folder_for_results

ALIGNER = "aligner"  # folder of the model in that of the results
STATE = "training.pt"  # of a training that goes on


@dataclass(frozen=True)
class AlignResult:
    """What was written, and how good it is.

    manifests: with the new tier, by the names of the corpora. checks: agreement with the tier to compare with.
    error_rate: of characters in texts that were not learned from, 0 to 1; None if there were none, or nothing was
    learned. worthless: why the alignments of some corpora should not be used.
    """

    manifests: dict[str, Path]
    checks: dict[str, TierCheck]
    error_rate: float | None
    worthless: list[str]


@takes_paths
@filling(lambda given: [given["folder"]])
def align(
    corpora: Sequence[Path],
    folder: Path,
    options: AlignOptions = AlignOptions(),
    *,
    tier: str = "character",
    check: str | None = None,
    model: Path | None = None,
    height: int = 32,
    access: CorpusAccess = CorpusAccess(),
) -> AlignResult:
    """Finds where the characters of texts are, and writes manifests with a new tier, CTM and JSON lines.

    corpora: manifests or Kaldi data directories with texts, the first of which is learned from; or one of them.
    folder: to create. tier: what the new one is called. check: a tier that is there already, to compare with.
    model: the `aligner` folder of an earlier run: nothing is learned. height: rows of pixels of line images.
    access: but for `trust`, and all of the corpora, whatever the shard.

    Raises ValueError for options that cannot be, CorpusError for corpora that cannot be used, AlignerError where
    there is nothing to learn or to align, and, after all is written, if `access` is strict, where an alignment is
    worthless.

    >>> options = unitdisc.AlignOptions(epochs=1)
    >>> aligned = unitdisc.align(["lines/train.jsonl"], "aligned", options, tier="found", check="character")
    >>> aligned.checks["train"].alike, aligned.manifests["train"]
    """
    corpora = [corpora] if isinstance(corpora, Path) else corpora
    folder = folder_for_results(folder)
    names = names_of(corpora, folder)
    aligner = None if model is None else load(model)
    features = aligner.features if aligner else features_for(read_corpus(corpora[0], access.allow_pipes), height)
    listed = {name: usable_utterances(path, features, replace(access, trust=False)) for name, path in names.items()}
    for name, path in names.items():
        refuse_tiers(path, listed[name], tier, check)
    signals = signals_of(features, access.cache, access.allow_pipes)
    result: dict = {"corpora": {}, "settings": {"tier": tier, "check": check, "model": str(model)}}
    unseen, worthless, checks = [], [], {}
    if aligner is None:
        aligner, result["training"], unseen = learned(features, listed[next(iter(names))], signals, options, folder)
    for name, path in names.items():
        judged = worth_of(aligner, unseen if len(unseen) >= LEAST else listed[name], Remembered(signals))
        unseen = []
        aligned = aligned_corpus(aligner, listed[name], signals, tier, name)
        write_manifest(folder / f"{name}.jsonl", [utterance for utterance, _ in aligned])
        write_timings(folder / name, aligned, tier)
        made = [utterance for utterance, score in aligned if score is not None]
        found = {"corpus": str(path), "checksum": corpus_checksum(listed[name]), "aligned": len(made)}
        found["not_aligned"] = len(aligned) - len(made)
        found["order"] = None if judged is None else asdict(judged)
        if judged is None:
            console.say(f"{name}: fewer than {LEAST} texts that could tell whether its alignment is worth anything")
        elif judged.is_worthless:
            worthless.append(why_worthless(name, judged))
        if check:
            checks[name] = compare_tiers(made, tier, check)
            found["check"] = asdict(checks[name])
        result["corpora"][name] = found
    result["aligner"] = aligner.options
    write_json(folder / "alignment.json", result | {"versions": {"unitdisc": __version__, "numpy": np.__version__}})
    if worthless and access.strict:
        raise AlignerError(" ".join(worthless))
    for why in worthless:
        console.say(f"WARNING: {why}")
    manifests = {name: folder / f"{name}.jsonl" for name in names}
    return AlignResult(manifests, checks, result.get("training", {}).get("held_out_error_rate"), worthless)


def why_worthless(name: str, judged: Worth) -> str:
    """What is wrong with an alignment that is written, but should not be used."""
    beside = f"in {100 * judged.forwards:.0f} % of comparisons (by chance: 50 %, {judged.utterances} utterances)"
    what = (
        f"{name}: its alignment is worthless: texts are more probable than their characters in another order {beside}"
    )
    if judged.backwards > 0.5:
        return (
            f"{what}, and most are more probable from their end to their beginning; are they written down as they are "
            "shown, not as they are read, or are the images mirrored?"
        )
    return f"{what}; are these the texts of these utterances? Learn from more of them, or for more `epochs`."


def names_of(corpora: Sequence[Path], folder: Path) -> dict[str, Path]:
    """Corpora by the names of their new manifests. Raises ValueError if two are called alike, or would be lost."""
    names: dict[str, Path] = {}
    for path in corpora:
        name = path.stem if path.suffix == ".jsonl" else path.name
        if name in names or name == ALIGNER:
            raise ValueError(f"{path}: its alignment would be called {name}.jsonl like another; rename one of them")
        if (folder / f"{name}.jsonl").resolve() == path.resolve():
            raise ValueError(f"{path}: would be overwritten by its alignment; choose another `folder`")
        names[name] = path
    return names


def features_for(utterances: Sequence[Utterance], height: int) -> Features:
    """Columns of line images, log-mel frames of recordings. Raises CorpusError where both are mixed."""
    kinds = {utterance.is_image for utterance in utterances}
    if len(kinds) > 1:
        raise CorpusError("the corpus has line images and recordings; align them apart")
    if kinds.pop():
        return ColumnFeatures(height=height)
    return AcousticFeatures("log-mel", normalise="utterance", resample=True)


def refuse_tiers(path: Path, utterances: Sequence[Utterance], new: str, check: str | None) -> None:
    """Raises CorpusError if the new tier is there already, or the one to check with is not."""
    there = {tier for utterance in utterances for tier in utterance.alignment}
    if new in there:
        raise CorpusError(f"{path}: has a tier {new!r} already; give the new one another name with `tier`")
    if check is not None and check not in there:
        raise CorpusError(f"{path}: has no tier {check!r} to check with, only {sorted(there) or 'none'}")
    aligned = (utterance for utterance in utterances if check in utterance.alignment)
    if check is not None and not any(utterance_segmentation(u, check).boundaries.size for u in aligned):
        raise CorpusError(f"{path}: tier {check!r} has no boundary inside of any utterance; check with one that has")


def signals_of(features: Features, cache: Path | None, allow_pipes: bool) -> Signals:
    none = Normaliser("none", {})
    return Signals(
        features,
        None,
        Normaliser(features.normalise, {}),
        target_normaliser=none,
        cache=DiskCache(cache),
        allow_pipes=allow_pipes,
    )


class Remembered:
    """Features of utterances, kept in memory while there is room."""

    ROOM = 2**30  # bytes

    def __init__(self, signals: Signals):
        self.signals = signals
        self.kept: dict[str, np.ndarray] = {}
        self.bytes = 0

    def __call__(self, utterance: Utterance) -> np.ndarray:
        if utterance.id not in self.kept:
            features = self.signals.features_of(utterance)
            if self.bytes + features.nbytes > self.ROOM:
                return features
            self.kept[utterance.id] = features
            self.bytes += features.nbytes
        return self.kept[utterance.id]


def learned(
    features: Features,
    utterances: Sequence[Utterance],
    signals: Signals,
    options: AlignOptions,
    folder: Path,
) -> tuple[Aligner, dict, list[Utterance]]:
    """A trained aligner, saved in the folder, how well it writes, and what it did not learn from."""
    console.say(f"learning to write the texts of {len(utterances)} utterances")
    state = folder / ALIGNER / STATE
    try:
        with console.progress("training", options.epochs, "epochs") as advance:
            told = Told(advance)
            found = trained(features, utterances, Remembered(signals), options=options, state=state, tell=told)
            advance(options.epochs - told.epochs)
    except KeyboardInterrupt:
        console.say(f"Stopped after epoch {told.epochs}; the same command goes on from there.")
        raise
    for utterance in found.too_long:
        console.say(f"not learned from: {utterance}: its text has more characters than its frames can hold")
    save(found.aligner, folder / ALIGNER)
    take_away(state)
    return found.aligner, {"held_out_error_rate": found.error_rate, "too_long": len(found.too_long)}, found.unseen


class Told:
    """Moves the bar, and shows the loss and the error rate."""

    def __init__(self, advance):
        self.advance = advance
        self.epochs = 0
        self.error = ""

    def __call__(self, epoch: int, batch: int, loss: float, error: float | None) -> None:
        finished = batch == 0
        if error is not None:
            self.error = f"  {100 * error:.1f} % of held-out characters wrong"
        count = epoch + finished - self.epochs
        self.epochs += count
        self.advance(count, f"loss {loss:.3f}{self.error}")


def aligned_corpus(
    aligner: Aligner, utterances: Sequence[Utterance], signals: Signals, tier: str, name: str
) -> list[tuple[Utterance, float | None]]:
    """All utterances, those that can be aligned with the new tier and a score; what is wrong with the others is said.

    Raises AlignerError if not one can be aligned.
    """
    found, problems = [], []
    with console.progress(f"aligning {name}", len(utterances)) as advance:
        for utterance in utterances:
            try:
                aligned = aligner.align(utterance, signals.features_of(utterance))
                tiers = {**utterance.alignment, tier: aligned.intervals}
                found.append((replace(utterance, alignment=tiers), aligned.score))
            except (AlignerError, CorpusError) as error:
                problems.append(str(error))
                found.append((utterance, None))
            advance(1)
    for problem in problems:
        console.say(f"not aligned: {problem}")
    if len(problems) == len(utterances):
        raise AlignerError(f"{name}: not one of {len(utterances)} utterances could be aligned, see above")
    return found


def write_timings(folder: Path, aligned: Iterable[tuple[Utterance, float | None]], tier: str) -> None:
    """The new tier alone: FOLDER/TIER.ctm, in seconds or pixel columns, and FOLDER/TIER.jsonl, in ticks."""
    aligned = [(utterance, score) for utterance, score in aligned if score is not None]
    write_text(folder / f"{tier}.ctm", "".join(f"{line}\n" for line in ctm_lines((u for u, _ in aligned), tier)))
    rows = (
        {"utterance": u.id, "rate": u.rate, "score": round(score, 4), "intervals": u.alignment[tier]}
        for u, score in aligned
    )
    write_text(folder / f"{tier}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
