"""Probes: what a linear reader can tell from encodings of the phone, the speaker, the gender, and the sound itself.

Probes are trained on encodings alone and scored on what they have not seen: phone, gender and sound on other
speakers, speaker on other utterances. Inputs are standardised by the training part. Phone and sound are read off
single frames, speaker and gender off the time average of an utterance (Chorowski et al., 2019).
"""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.frames import labelled_frames, stacked, usable

FRAME_FOLDS = 3
UTTERANCE_FOLDS = 5
TRAINING_FRAMES = 20_000  # of each fold, chosen at random: more changes little but the time it takes
TWO_SPEAKERS = "a probe on unseen speakers takes two known speakers or more"

Folds = Sequence[tuple[np.ndarray, np.ndarray]]  # indices to train on, indices to score
Progress = Callable[[int, int, str], None]  # jobs done, jobs in all, the job that begins


@dataclass(frozen=True)
class ProbeScore:
    accuracy: float
    majority: float  # the share of the most frequent class: the accuracy of knowing nothing
    items: int  # frames or utterances scored, each once
    classes: int
    speakers: int
    folds: int


@dataclass(frozen=True)
class ReconstructionScore:
    r2: float  # share of the variance of log-mel energies explained on unseen speakers; knowing nothing is 0
    items: int
    speakers: int
    folds: int


def probe_points(
    points: Mapping[str, Encodings],
    utterances: Iterable[Utterance],
    mel: Encodings | None,
    tier: str = "phone",
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Runs every probe at every point: {point: {"phone" | "speaker" | "gender" | "mel": scores}}, ready for JSON.

    The scores are those of ProbeScore and (for mel) ReconstructionScore; where a probe cannot be scored, its accuracy
    or r2 is None and "why" says what is missing. mel: log-mel frames of the same utterances.
    Raises EncodingsError naming the file if encodings are missing or unusable.
    """
    utterances = list(utterances)
    probes: dict[str, Callable[[Encodings], ProbeScore | ReconstructionScore]] = {
        "phone": lambda encodings: phone_probe(encodings, utterances, tier, seed),
        "speaker": lambda encodings: speaker_probe(encodings, utterances, seed),
        "gender": lambda encodings: gender_probe(encodings, utterances, seed),
        "mel": lambda encodings: mel_probe(encodings, utterances, mel, seed),
    }
    scores: dict[str, dict[str, dict[str, Any]]] = {point: {} for point in points}
    for point, encodings in points.items():
        for name, probe in probes.items():
            if progress:
                done = sum(map(len, scores.values()))
                progress(done, len(points) * len(probes), f"{name} probe, {point}")
            try:
                scores[point][name] = asdict(probe(encodings))
            except UnscorableError as error:
                scores[point][name] = {"r2" if name == "mel" else "accuracy": None, "why": str(error)}
    return scores


def phone_probe(
    encodings: Encodings, utterances: Iterable[Utterance], tier: str = "phone", seed: int = 0
) -> ProbeScore:
    """Reads the label at the centre of every frame, pauses left out, on speakers the probe has not heard."""
    known = [utterance for utterance in utterances if utterance.speaker is not None]
    if len({utterance.speaker for utterance in known}) < 2:
        raise UnscorableError(TWO_SPEAKERS)
    found = labelled_frames(encodings, known, tier)
    folds = other_speakers(found.speakers, seed)
    return classified(found.frames, found.labels, found.speakers, folds, seed)


def speaker_probe(encodings: Encodings, utterances: Iterable[Utterance], seed: int = 0) -> ProbeScore:
    """Reads who speaks off the time average of an utterance, on utterances the probe has not heard.

    Speakers with a single utterance are left out.
    """
    counts = Counter(utterance.speaker for utterance in utterances)
    chosen = [utterance for utterance in utterances if utterance.speaker is not None and counts[utterance.speaker] > 1]
    speakers = np.array([utterance.speaker for utterance in chosen])
    if len(set(speakers)) < 2:
        raise UnscorableError("a speaker probe takes two speakers with two utterances each, or more")
    splitter = StratifiedKFold(min(UTTERANCE_FOLDS, max(counts.values())), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # speakers with fewer utterances than folds
        folds = list(splitter.split(speakers, speakers))
    return classified(time_averages(encodings, chosen), speakers, speakers, folds, seed)


def gender_probe(encodings: Encodings, utterances: Iterable[Utterance], seed: int = 0) -> ProbeScore:
    """Reads the gender off the time average of an utterance, on speakers the probe has not heard."""
    chosen = [utterance for utterance in utterances if utterance.gender and utterance.speaker is not None]
    genders = np.array([utterance.gender for utterance in chosen])
    speakers = np.array([utterance.speaker for utterance in chosen])
    least = min(Counter(dict(zip(speakers, genders, strict=True)).values()).values(), default=0)
    if len(set(genders)) < 2 or least < 2:
        raise UnscorableError("a gender probe takes two speakers of each gender, or more")
    splitter = StratifiedGroupKFold(min(UTTERANCE_FOLDS, least), shuffle=True, random_state=seed)
    folds = list(splitter.split(genders, genders, speakers))
    return classified(time_averages(encodings, chosen), genders, speakers, folds, seed)


def mel_probe(
    encodings: Encodings, utterances: Iterable[Utterance], mel: Encodings | None, seed: int = 0
) -> ReconstructionScore:
    """Reads the log-mel frame nearest to every frame, pauses too, on speakers the probe has not heard."""
    if mel is None:
        raise UnscorableError("no log-mel frames to reconstruct were given")
    inputs, targets, speakers = [], [], []
    for utterance in utterances:
        encoding, sound = usable(encodings, utterance.id), usable(mel, utterance.id)
        if utterance.speaker is not None and len(encoding.frames) and len(sound.frames):
            inputs.append(encoding.frames)
            targets.append(sound.frames[nearest(sound.centres, encoding.centres)])
            speakers.append(np.full(len(encoding.frames), utterance.speaker))
    speakers = np.concatenate(speakers) if speakers else np.array([])
    folds = other_speakers(speakers, seed)
    targets = stacked(mel.folder, targets)
    inputs = stacked(encodings.folder, inputs).astype(np.float64)  # correlated channels need the precision
    predicted = predictions(Ridge(), inputs, targets, folds, seed)
    return ReconstructionScore(
        r2=float(r2_score(targets, predicted, multioutput="variance_weighted")),
        items=len(targets),
        speakers=len(np.unique(speakers)),
        folds=len(folds),
    )


def nearest(centres: np.ndarray, to: np.ndarray) -> np.ndarray:
    """The index of the centre nearest to each tick; the earlier of two as near."""
    return np.searchsorted((centres[1:] + centres[:-1]) / 2, to, side="left")


def time_averages(encodings: Encodings, utterances: Iterable[Utterance]) -> np.ndarray:
    """The mean frame of every utterance: [utterances, D]."""
    frames = [usable(encodings, utterance.id).frames for utterance in utterances]
    return stacked(encodings.folder, [array.sum(0, keepdims=True) / max(1, len(array)) for array in frames])


def other_speakers(speakers: np.ndarray, seed: int) -> Folds:
    """Folds of which no speaker is on both sides."""
    count = len(np.unique(speakers))
    if count < 2:
        raise UnscorableError(TWO_SPEAKERS)
    splitter = GroupKFold(min(FRAME_FOLDS, count), shuffle=True, random_state=seed)
    return list(splitter.split(speakers, groups=speakers))


def classified(inputs: np.ndarray, labels: np.ndarray, speakers: np.ndarray, folds: Folds, seed: int) -> ProbeScore:
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        raise UnscorableError(f"a probe needs two classes to tell apart; there is only {str(classes[0])!r}")
    # A penalty of 0.005 per item: ten times more or less is worse on held-out speakers, and less takes longer to fit.
    reader = LogisticRegression(max_iter=100, C=200 / min(len(folds[0][0]), TRAINING_FRAMES))
    predicted = predictions(reader, inputs, labels, folds, seed)
    return ProbeScore(
        accuracy=float((predicted == labels).mean()),
        majority=float(counts.max() / counts.sum()),
        items=len(labels),
        classes=len(classes),
        speakers=len(np.unique(speakers)),
        folds=len(folds),
    )


def predictions(reader: BaseEstimator, inputs: np.ndarray, targets: np.ndarray, folds: Folds, seed: int) -> np.ndarray:
    """What the reader says of every item, trained on the other folds."""
    predicted = np.empty_like(targets)
    for number, (train, test) in enumerate(folds):
        if len(train) > TRAINING_FRAMES:
            train = np.sort(np.random.default_rng([seed, number]).choice(train, TRAINING_FRAMES, replace=False))
        if targets.ndim == 1 and len(np.unique(targets[train])) == 1:
            predicted[test] = targets[train[0]]  # nothing to learn but this
            continue
        with warnings.catch_warnings(), threadpool_limits(1):  # steps this small are slower in parallel
            warnings.simplefilter("ignore", ConvergenceWarning)  # the last steps change no figure that is reported
            fitted = make_pipeline(StandardScaler(), clone(reader)).fit(inputs[train], targets[train])
        predicted[test] = fitted.predict(inputs[test])
    return predicted
