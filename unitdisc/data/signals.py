"""Signals: what turns utterances into numbers, with the statistics that this takes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch

from unitdisc.adaptation.adaptation import Adaptation, AdaptedSpeakers
from unitdisc.adaptation.places import Place, Resources, speaker_key
from unitdisc.adaptation.vtln import Warps, factors, fit_warps
from unitdisc.corpus import CorpusError, FileError, Utterance, is_pipe
from unitdisc.corpus.table import UtteranceTable
from unitdisc.data.base import Adaptable, Features, Target, Warpable
from unitdisc.data.cache import DiskCache, KeptCache
from unitdisc.data.fitted_utterances import fitted_of, fitted_places
from unitdisc.data.normalisation import Moments, Normaliser, Statistics, fit, moments
from unitdisc.media.audio import read_stretch
from unitdisc.media.image import read_line

WARP_FRAMES = 6000  # of a speaker, by which the warp is chosen, and the rest of the utterance they end in


@dataclass(frozen=True)
class Signals:
    """Everything that turns an utterance into numbers: what the encoder reads and what the decoder predicts."""

    features: Features
    target: Target | None  # None where nothing is to be predicted
    feature_normaliser: Normaliser
    target_normaliser: Normaliser
    cache: DiskCache
    allow_pipes: bool = False
    warps: Warps | None = None  # of the speakers, where features are to be warped
    adaptation: AdaptedSpeakers | None = None  # of normalised features, where they are to be adapted

    @classmethod
    def fitted(
        cls,
        features: Features,
        target: Target,
        utterances: Iterable[Utterance],
        cache: Path | None = None,
        allow_pipes: bool = False,
    ) -> "Signals":
        """Gathers the statistics that the normalisations need from these utterances, one at a time.

        Of more than `ALL_ARE_FITTED`, a sample is taken, always the same: see `fitted_of`.
        """
        raw = cls(features, target, Normaliser("none", {}), Normaliser("none", {}), DiskCache(cache), allow_pipes)
        table = UtteranceTable.of(utterances)
        raw = raw.with_warps(table).keeping_features()
        of_features, of_target = Statistics(features.normalise), Statistics(target.normalise)
        tell_features, tell_target = (
            set(fitted_places(table, statistics.kind).tolist()) if statistics.are_needed else set()
            for statistics in (of_features, of_target)
        )
        for place in sorted(tell_features | tell_target):
            utterance = table[place]
            frames, predicted = raw.both_of(utterance)  # which reads the file once
            if place in tell_features:
                of_features.add(utterance.speaker, frames)
            if place in tell_target:
                of_target.add(utterance.speaker, predicted)
        normalised = replace(raw, feature_normaliser=of_features.normaliser(), target_normaliser=of_target.normaliser())
        return replace(normalised.with_adaptation(table), cache=DiskCache(cache))

    def with_target(self, target: Target, utterances: Iterable[Utterance]) -> "Signals":
        """The same features, and another target, with the statistics that it needs of these utterances."""
        signals, kind = replace(self, target=target), target.normalise
        some = fitted_of(UtteranceTable.of(utterances), kind)
        return replace(signals, target_normaliser=fit(kind, ((u.speaker, signals.raw_both(u)[1]) for u in some)))

    def with_speakers_of(self, utterances: Iterable[Utterance]) -> "Signals":
        """The same, with statistics for the speakers among these utterances that are new to it.

        What cannot be read counts for nothing here: whoever wants its features finds out why.
        """
        table = UtteranceTable.of(utterances)
        signals = self if self.warps is None else self.with_warps_of(table)
        signals = signals.keeping_features().with_moments_of(table)
        if self.adaptation is not None:
            signals = signals.with_adaptation_of(table)
        return replace(signals, cache=self.cache)

    def with_moments_of(self, table: UtteranceTable) -> "Signals":
        """The same, with mean and variance of the speakers among these utterances that are new to it."""
        knows, kind = self.feature_normaliser.knows, self.features.normalise
        new = table.by_speakers(speaker for speaker in table.speakers() if not knows(speaker))
        if not len(new):
            return self
        raw = replace(self, feature_normaliser=Normaliser("none", {}), adaptation=None)  # which comes afterwards
        more = fit(kind, raw.readable(fitted_of(new, kind)))
        return replace(self, feature_normaliser=self.feature_normaliser.with_groups_of(more))

    @property
    def warps_differ(self) -> bool:
        """Whether every speaker has a warp of an own."""
        return isinstance(self.features, Warpable) and self.features.vtln > 0

    def with_warps(self, table: UtteranceTable, seed: int = 0) -> "Signals":
        """The same, with the warps of all speakers of these utterances, and what tells those of others; if needed."""
        if not self.warps_differ:
            return self
        spoken = spoken_by(table)
        views = lambda speaker: self.views_of(spoken[speaker])  # noqa: E731
        return replace(self, warps=fit_warps([*spoken], views, seed, threads=torch.get_num_threads()))

    def with_warps_of(self, table: UtteranceTable) -> "Signals":
        """The same, with the warps of the speakers among these utterances that are new to it."""
        spoken = spoken_by(table)
        new = sorted(spoken.keys() - self.warps.of_speakers.keys())
        views = lambda speaker: self.views_of(spoken[speaker])  # noqa: E731
        return replace(self, warps=self.warps.with_speakers(new, views, torch.get_num_threads()))

    @property
    def is_adapted(self) -> bool:
        """Whether features go through steps that are fitted to them."""
        return isinstance(self.features, Adaptable) and self.features.adaptation != ""

    def keeping_features(self) -> "Signals":
        """The same, to be fitted: what adaptation will ask for more than once is kept in memory as far as it goes."""
        return replace(self, cache=KeptCache(self.cache.folder, type(self.features))) if self.is_adapted else self

    def with_adaptation(self, table: UtteranceTable) -> "Signals":
        """The same, with the steps of the features fitted to these utterances, and all that it takes; if needed.

        Raises AdaptationError if the steps cannot be taken with these features.
        """
        if not self.is_adapted:
            return self
        there, dim = [], 0
        for utterance in fitted_of(table, "speaker") or fitted_of(table, "global"):
            for _, frames in self.readable([utterance]):
                there.append(utterance)
                dim = frames.shape[1]
        keys = {utterance.id: speaker_key(utterance.id, utterance.speaker) for utterance in there}
        frames = FeatureFrames(self, there, dim, Path("features"))
        place = Place(frames, keys, Resources(threads=torch.get_num_threads()))
        fitted = Adaptation.fitted(self.features.adaptation, place, {})
        return replace(self, adaptation=AdaptedSpeakers(fitted, {})).with_adaptation_of(table)

    def with_adaptation_of(self, table: UtteranceTable) -> "Signals":
        """The same, with what the steps have to know of the speakers among these utterances that are new to it."""
        plain = replace(self, adaptation=None)
        spoken = {
            key: said for key, said in spoken_by(fitted_of(table, "speaker")).items() if said[0].speaker is not None
        }
        frames = {key: (values for _, values in plain.readable(said)) for key, said in spoken.items()}
        return replace(self, adaptation=self.adaptation.with_speakers(frames))

    def views_of(self, utterances: Iterable[Utterance]) -> dict[float, np.ndarray]:
        """What warps are told apart by, of as many of a speaker's utterances as it takes: [T, D] at every factor."""
        tried = factors(self.features.vtln)
        views = {factor: [np.zeros((0, 39), np.float32)] for factor in tried}
        for utterance in utterances:
            try:
                found = self.features.mfcc_at(self.signal(utterance), tried)
            except CorpusError:  # whoever wants its features finds out why
                continue
            for factor, frames in found.items():
                views[factor].append(frames)
            if sum(map(len, views[1.0])) >= WARP_FRAMES:
                break
        return {factor: np.concatenate(frames) for factor, frames in views.items()}

    def features_for(self, utterance: Utterance) -> Features:
        """The features, warped as its speaker wants it; an utterance whose speaker is unknown, as itself does."""
        if not self.warps_differ:
            return self.features
        key = speaker_key(utterance.id, utterance.speaker)
        factor = self.warps.of_speakers.get(key)
        if factor is None:
            factor = self.warps.factor_of(self.views_of([utterance])) or 1.0  # 1: it cannot be read, which will be said
        return self.features.warped(factor)

    def readable(self, utterances: Iterable[Utterance]) -> Iterator[tuple[str | None, np.ndarray]]:
        """The speaker and the features of every utterance that can be read."""
        for utterance in utterances:
            try:
                features = self.features_of(utterance)
            except CorpusError:
                continue
            yield utterance.speaker, features

    def features_of(self, utterance: Utterance) -> np.ndarray:
        """[T, C] float32, normalised. Raises FileError if they are no numbers, be it that they were kept so."""
        return self.numbers(utterance, self.alike(utterance, self.raw_features(utterance)))

    def alike(self, utterance: Utterance, features: np.ndarray) -> np.ndarray:
        """Features normalised, and adapted to what all speakers have in common."""
        frames = self.feature_normaliser(features, utterance.speaker)
        if self.adaptation is None:
            return frames
        return self.adaptation(frames, speaker_key(utterance.id, utterance.speaker))

    def raw_features(self, utterance: Utterance) -> np.ndarray:
        """[T, C], not normalised."""
        features = self.features_for(utterance)
        return self.cache.get(utterance, features, lambda: features(self.signal(utterance)))

    def target_of(self, utterance: Utterance) -> np.ndarray:
        """[T * steps_per_frame, ...], normalised."""
        if self.target.of_frames:
            return self.target(self.raw_features(utterance))
        target = self.cache.get(utterance, self.target, lambda: self.target(self.signal(utterance)))
        target = target[: self.steps_in(utterance)]
        return self.numbers(utterance, self.normalised_target(target, utterance.speaker), "target")

    def steps_in(self, utterance: Utterance) -> int:
        """How many steps of the target there are features of, which may end before the signal does."""
        return self.frames_in(utterance) * self.target.steps_per_frame

    def both_of(self, utterance: Utterance) -> tuple[np.ndarray, np.ndarray]:
        """Features and target as above; the file is read once."""
        return self.normalised(utterance, *self.raw_both(utterance))

    def raw_both(self, utterance: Utterance, part: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Features and target, not normalised; part: of which only a part will be looked at."""
        signal, own = cache(lambda: self.signal(utterance)), self.features_for(utterance)
        features = self.cache.get(utterance, own, lambda: own(signal()), part)
        if self.target.of_frames:
            return features, self.target(features)
        target = self.cache.get(utterance, self.target, lambda: self.target(signal()), part)
        return features, target[: len(features) * self.target.steps_per_frame]

    def normalised(
        self, utterance: Utterance, features: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        features = self.alike(utterance, features)
        target = self.normalised_target(target, utterance.speaker)
        return self.numbers(utterance, features), self.numbers(utterance, target, "target")

    def numbers(self, utterance: Utterance, frames: np.ndarray, what: str = "features") -> np.ndarray:
        """The same frames. Raises FileError if any is NaN or infinite."""
        if frames.dtype.kind == "f" and not np.isfinite(frames).all():
            count = int((~np.isfinite(frames)).reshape(len(frames), -1).any(1).sum())
            cure = "look at the file, and take it off the list"
            if self.cache.folder is not None:
                cure += f"; if it is good, remove {self.cache.folder}, which keeps what an older version made of it"
            raise FileError.at(
                utterance.path, f"the {what} of {utterance.id} hold NaN or infinity ({count} frames)", cure
            )
        return frames

    def normalised_target(self, target: np.ndarray, speaker: str | None) -> np.ndarray:
        return target if self.target_normaliser.kind == "none" else self.target_normaliser(target, speaker)

    def can_be_cut(self, utterance: Utterance) -> bool:
        """Whether a stretch of an utterance can be read without all of it."""
        whole = self.feature_normaliser.kind == "utterance" or (
            self.feature_normaliser.kind == "speaker" and utterance.speaker not in self.feature_normaliser.groups
        )
        if self.is_adapted:  # steps look at the frames around a frame
            return False
        if self.warps_differ and speaker_key(utterance.id, utterance.speaker) not in self.warps.of_speakers:
            return False
        if whole or self.features.margin is None or is_pipe(utterance.path):
            return False
        return utterance.rate == self.features.rate

    def stretch_of(self, utterance: Utterance, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The same of frames [first, last) alone, to rounding, where `can_be_cut`: of the cache, or the file itself."""
        steps = self.target.steps_per_frame
        if self.cache.folder is not None:
            features, target = self.raw_both(utterance, part=True)
            return self.normalised(utterance, features[first:last], target[first * steps : last * steps])
        hop, margin, frames = self.features.hop, self.features.margin, self.frames_in(utterance)
        begin, end = max(0, first - margin), min(frames, last + margin)
        wave = self.stretch_of_signal(utterance, begin, end)
        features = self.features_for(utterance)(wave, begin * hop)[first - begin : last - begin]
        target = self.target(wave, begin * hop)[(first - begin) * steps : (last - begin) * steps]
        return self.normalised(utterance, features, target)

    def changed_stretch(
        self,
        utterance: Utterance,
        first: int,
        last: int,
        change: Callable[[np.ndarray], np.ndarray],
        moments: Moments,
    ) -> np.ndarray:
        """The features of frames [first, last) of a signal that is changed before they are computed.

        Of lines, what is changed is all of the line as it was scanned, before it is cleaned. moments: those of the
        unchanged utterance, by which features are normalised.
        """
        frames, margin = self.frames_in(utterance), self.features.margin
        if self.features.images:
            line = self.features.cleaned(change(read_line(utterance)), frames)
            return self.numbers(utterance, moments.apply(self.features(line)[first:last]))
        begin, end = (0, frames) if margin is None else (max(0, first - margin), min(frames, last + margin))
        signal = self.stretch_of_signal(utterance, begin, end)
        features = self.features_for(utterance)(change(signal), begin * self.features.hop)[first - begin : last - begin]
        return self.numbers(utterance, moments.apply(features))

    def stretch_of_signal(self, utterance: Utterance, first: int, last: int) -> np.ndarray:
        """The samples behind frames [first, last) of a recording, of which no others are read if it `can_be_cut`."""
        hop, to_the_end = self.features.hop, last == self.frames_in(utterance)
        if self.can_be_cut(utterance):
            stop = utterance.ticks if to_the_end else last * hop
            return read_stretch(utterance, first * hop, stop, rate=self.features.rate)
        return self.signal(utterance)[first * hop : None if to_the_end else last * hop]

    def moments_of(self, utterance: Utterance) -> Moments:
        """By which the features of an utterance are normalised."""
        if self.feature_normaliser.kind == "none":
            return Moments(np.zeros(self.features.dim), np.ones(self.features.dim))
        group = self.feature_normaliser.group_of(utterance.speaker)
        return moments([self.raw_features(utterance)]) if group is None else group

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


class FeatureFrames:
    """The features of utterances, normalised: a source of frames. folder: the one that messages name."""

    def __init__(self, signals: Signals, utterances: Iterable[Utterance], dim: int, folder: Path):
        self.signals, self.dim, self.folder = signals, dim, folder
        self.utterances = {utterance.id: utterance for utterance in utterances}
        self.names = sorted(self.utterances)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.signals.features_of(self.utterances[name])


def spoken_by(table: UtteranceTable) -> dict[str, list[Utterance]]:
    """The utterances of every speaker, by key."""
    found: defaultdict[str, list[Utterance]] = defaultdict(list)
    for utterance in table:
        found[speaker_key(utterance.id, utterance.speaker)].append(utterance)
    return dict(found)
