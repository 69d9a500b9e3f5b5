"""Signals: what turns utterances into numbers, with the statistics that this takes."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance, is_pipe
from unitdisc.data.audio import read_stretch
from unitdisc.data.cache import DiskCache
from unitdisc.data.columns import Columns
from unitdisc.data.features import Features
from unitdisc.data.normalisation import Normaliser, fit
from unitdisc.data.table import UtteranceTable
from unitdisc.data.targets import GreyTarget, LogMelTarget, MuLawTarget

ALL_ARE_FITTED = 1 << 17  # utterances; of more, some tell the statistics as well
FITTED, FITTED_OF_A_SPEAKER = 1 << 14, 64  # utterances, then


@dataclass(frozen=True)
class Signals:
    """Everything that turns an utterance into numbers: what the encoder reads and what the decoder predicts."""

    features: Features | Columns
    target: LogMelTarget | MuLawTarget | GreyTarget | None  # None where nothing is to be predicted
    feature_normaliser: Normaliser
    target_normaliser: Normaliser
    cache: DiskCache
    allow_pipes: bool = False

    @classmethod
    def fitted(
        cls,
        features: Features | Columns,
        target: LogMelTarget | MuLawTarget | GreyTarget,
        utterances: Sequence[Utterance],
        cache: Path | None = None,
        allow_pipes: bool = False,
    ) -> "Signals":
        """Gathers the statistics that the normalisations need from these utterances, one at a time.

        Of more than `ALL_ARE_FITTED`, a sample is taken, always the same: see `fitted_of`.
        """
        raw = cls(features, target, Normaliser("none", {}), Normaliser("none", {}), DiskCache(cache), allow_pipes)
        some = {kind: fitted_of(utterances, kind) for kind in {features.normalise, target.normalise}}
        feature_normaliser = fit(
            features.normalise, ((u.speaker, raw.features_of(u)) for u in some[features.normalise])
        )
        target_normaliser = fit(target.normalise, ((u.speaker, raw.target_of(u)) for u in some[target.normalise]))
        return replace(raw, feature_normaliser=feature_normaliser, target_normaliser=target_normaliser)

    def with_speakers_of(self, utterances: Sequence[Utterance]) -> "Signals":
        """The same, with statistics for the speakers among these utterances that are new to it.

        What cannot be read counts for nothing here: whoever wants its features finds out why.
        """
        knows = self.feature_normaliser.knows
        if isinstance(utterances, UtteranceTable) and all(map(knows, utterances.speakers())):
            return self
        new = some_of(utterances, [place for place, u in enumerate(utterances) if not knows(u.speaker)])
        if not new:
            return self
        raw = replace(self, feature_normaliser=Normaliser("none", {}))
        more = fit(self.features.normalise, raw.readable(fitted_of(new, self.features.normalise)))
        return replace(self, feature_normaliser=self.feature_normaliser.with_groups_of(more))

    def readable(self, utterances: Sequence[Utterance]) -> Iterator[tuple[str | None, np.ndarray]]:
        """The speaker and the features of every utterance that can be read."""
        for utterance in utterances:
            try:
                features = self.features_of(utterance)
            except CorpusError:
                continue
            yield utterance.speaker, features

    def features_of(self, utterance: Utterance) -> np.ndarray:
        """[T, C] float32, normalised."""
        return self.feature_normaliser(self.raw_features(utterance), utterance.speaker)

    def raw_features(self, utterance: Utterance) -> np.ndarray:
        """[T, C], not normalised."""
        return self.cache.get(utterance, self.features, lambda: self.features(self.signal(utterance)))

    def target_of(self, utterance: Utterance) -> np.ndarray:
        """[T * steps_per_frame, ...], normalised."""
        if isinstance(self.target, GreyTarget):  # levels of the very columns that the encoder reads
            return self.target(self.raw_features(utterance))
        target = self.cache.get(utterance, self.target, lambda: self.target(self.signal(utterance)))
        if self.target_normaliser.kind == "none":
            return target
        return self.target_normaliser(target, utterance.speaker)

    def both_of(self, utterance: Utterance) -> tuple[np.ndarray, np.ndarray]:
        """Features and target as above; the file is read once."""
        if isinstance(self.target, GreyTarget):
            return self.features_of(utterance), self.target_of(utterance)
        return self.normalised(utterance, *self.raw_both(utterance))

    def raw_both(self, utterance: Utterance, part: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Features and target of a recording, not normalised; part: of which only a part will be looked at."""
        signal = cache(lambda: self.signal(utterance))
        features = self.cache.get(utterance, self.features, lambda: self.features(signal()), part)
        target = self.cache.get(utterance, self.target, lambda: self.target(signal()), part)
        return features, target

    def normalised(
        self, utterance: Utterance, features: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.target_normaliser.kind != "none":
            target = self.target_normaliser(target, utterance.speaker)
        return self.feature_normaliser(features, utterance.speaker), target

    def can_be_cut(self, utterance: Utterance) -> bool:
        """Whether a stretch of an utterance can be read without all of it."""
        whole = self.feature_normaliser.kind == "utterance" or (
            self.feature_normaliser.kind == "speaker" and utterance.speaker not in self.feature_normaliser.groups
        )
        return not (whole or self.features.images or is_pipe(utterance.path)) and utterance.rate == self.features.rate

    def stretch_of(self, utterance: Utterance, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The same of frames [first, last) alone, to rounding, where `can_be_cut`: of the cache, or the file itself."""
        steps = self.target.steps_per_frame
        if self.cache.folder is not None:
            features, target = self.raw_both(utterance, part=True)
            return self.normalised(utterance, features[first:last], target[first * steps : last * steps])
        hop, margin, frames = self.features.hop, self.features.margin, self.frames_in(utterance)
        begin, end = max(0, first - margin), min(frames, last + margin)
        stop = utterance.ticks if end == frames else end * hop
        wave = read_stretch(utterance, begin * hop, stop, self.features.rate)
        features = self.features(wave, begin * hop)[first - begin : last - begin]
        target = self.target(wave, begin * hop)[(first - begin) * steps : (last - begin) * steps]
        return self.normalised(utterance, features, target)

    def bytes_of(self, frames: int) -> int:
        """How much memory so many frames take with their target."""
        return frames * (4 * self.features.dim + self.target.bytes_per_frame)

    def to_audio(self, target: np.ndarray) -> np.ndarray:
        """Makes a target heard: [S, ...] -> [ticks] in [-1, 1]."""
        kind = self.target_normaliser.kind
        if kind == "global":
            target = self.target_normaliser.groups[""].undo(target)
        return self.target.to_audio(target)

    def to_image(self, target: np.ndarray) -> np.ndarray:
        """Makes a target of line images seen: [S, height] -> ink in [0, 1], [columns, height]."""
        return self.target.to_image(target)

    def signal(self, utterance: Utterance) -> np.ndarray:
        """The samples [ticks], or the line [columns, height], that features and target are made of."""
        return self.features.signal(utterance, self.allow_pipes)

    def frames_in(self, utterance: Utterance) -> int:
        """How many feature frames an utterance has, without reading it."""
        return self.features.frames_in(utterance)


def fitted_of(utterances: Sequence[Utterance], kind: str) -> Sequence[Utterance]:
    """The utterances whose frames tell the statistics of a normalisation: all, or some of each speaker, or some."""
    if len(utterances) <= ALL_ARE_FITTED or kind not in ("speaker", "global"):
        return utterances
    order = np.random.default_rng(0).permutation(len(utterances))
    if kind == "global":
        order = order[:FITTED]
    else:
        left: defaultdict[str | None, int] = defaultdict(lambda: FITTED_OF_A_SPEAKER)
        speakers, chosen = [utterance.speaker for utterance in utterances], []
        for place in order.tolist():
            speaker = speakers[place]
            if speaker is not None and left[speaker]:
                left[speaker] -= 1
                chosen.append(place)
        order = np.array(chosen, dtype=np.int64)
    return some_of(utterances, np.sort(order).tolist())


def some_of(utterances: Sequence[Utterance], places: Sequence[int]) -> Sequence[Utterance]:
    if isinstance(utterances, UtteranceTable):
        return utterances.take(np.array(places, dtype=np.int64))
    return [utterances[place] for place in places]


def frames_of(utterances: Sequence[Utterance], features: Features | Columns) -> np.ndarray:
    """How many feature frames every utterance has, without reading it: [N]."""
    if isinstance(utterances, UtteranceTable):
        return utterances.measured(features.frames_in)
    return np.array([features.frames_in(utterance) for utterance in utterances], dtype=np.int64)
