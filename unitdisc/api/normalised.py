"""Frames that are normalised as they are read: what `unitdisc normalise` would write, for commands that read frames."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.adaptation.adaptation import FILE, Adaptation, AdaptedSpeakers
from unitdisc.adaptation.base import AdaptationError
from unitdisc.adaptation.chain import Chain, affine_steps, mixtures
from unitdisc.adaptation.places import Place, Resources, speaker_key
from unitdisc.adaptation.steps import parse, written_out
from unitdisc.api.resources import cores
from unitdisc.clustering.expectation_maximisation import MixtureOptions
from unitdisc.clustering.frame_source import FrameSource, StoredFrames
from unitdisc.corpus import Utterance, corpus_checksum
from unitdisc.encodings import Encoding
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.settings import versions

TIME = ("stride", "offset", "rate")  # of settings: when frames happen, whatever they are


@dataclass(frozen=True)
class Normalising:
    """How frames are normalised before they are used: by steps fitted to them, or as was learnt before.

    like: a folder that `unitdisc normalise` filled, or any adaptation.safetensors. memory, threads, seed: as of
    `unitdisc.normalise`. Raises AdaptationError for steps that there are not, ValueError if both are given or neither.
    """

    steps: str | None = None
    like: Path | None = None
    memory: float = 2.0
    threads: int | None = None
    seed: int = 0

    def __post_init__(self):
        if (self.steps is None) == (self.like is None):
            raise ValueError("give either steps, or what was learnt by them before")
        if self.steps is not None:
            parse(self.steps)

    @classmethod
    def chosen(
        cls,
        steps: str | None,
        like: Path | None,
        *,
        memory: float = 2.0,
        threads: int | None = None,
        seed: int = 0,
    ) -> "Normalising | None":
        """None where neither is given. Raises ValueError if both are."""
        if steps is not None and like is not None:
            raise ValueError(
                "give either `normalise`, to fit steps to these frames, or `normalise_like`, to apply what was fitted "
                "before"
            )
        return None if steps is None and like is None else cls(steps, like, memory, threads, seed)

    @property
    def file(self) -> Path | None:
        """Where what was learnt before lies."""
        return self.like / FILE if self.like is not None and self.like.is_dir() else self.like

    def known(self) -> Adaptation | None:
        """What was learnt before. Raises AdaptationError naming the file if it is not there, or not whole."""
        return None if self.file is None else Adaptation.read(self.file)


@dataclass(frozen=True)
class NormalisedEncodings:
    """Encodings whose frames are normalised as they are read; without codes, for these were of other frames."""

    encodings: AnyEncodings
    frames: StoredFrames  # of those utterances that it was made for
    settings: dict
    speakers: AdaptedSpeakers
    keys: Mapping[str, str]  # of the speakers of utterances: see `places.speaker_key`

    @property
    def adaptation(self) -> Adaptation:
        return self.speakers.adaptation

    @property
    def folder(self) -> Path:
        return self.encodings.folder

    @cached_property
    def codes(self) -> dict[str, None]:
        """The utterances, in order of id."""
        return dict.fromkeys(self.frames.names)

    def __len__(self) -> int:
        return len(self.codes)

    def __contains__(self, utterance: str) -> bool:
        return utterance in self.codes

    def __iter__(self) -> Iterator[Encoding]:
        return (self[utterance] for utterance in self.codes)

    def __getitem__(self, utterance: str) -> Encoding:
        frames = self.speakers(self.frames[utterance], self.keys[utterance])
        return Encoding(utterance, self.encodings[utterance].centres, frames)

    def file_of(self, utterance: str) -> Path:
        return self.encodings.file_of(utterance)

    def why_missing(self, utterance: str) -> str:
        return self.encodings.why_missing(utterance)

    @cached_property
    def fellows(self) -> dict[str, list[str]]:
        """What each speaker says."""
        found: dict[str, list[str]] = {}
        for utterance in self.codes:
            found.setdefault(self.keys[utterance], []).append(utterance)
        return found

    def sources_of(self, utterance: str) -> list[Path]:
        """The files that the frames of an utterance depend on: all of its speaker."""
        return [self.encodings.file_of(fellow) for fellow in self.fellows[self.keys[utterance]]]


def normalised_for(
    opened: AnyEncodings,
    utterances: Sequence[Utterance],
    how: Normalising | None,
    *,
    strict: bool = False,
    kept: Path | None = None,
    learnt: Adaptation | None = None,
) -> AnyEncodings:
    """The encodings of these utterances, normalised; the same where nothing says how. See `normalised`."""
    if how is None:
        return opened
    speakers = {utterance.id: utterance.speaker for utterance in utterances}
    return normalised(opened, speakers, corpus_checksum(utterances), how, strict=strict, kept=kept, learnt=learnt)


def normalised(
    opened: AnyEncodings,
    speakers: Mapping[str, str | None],
    corpus: str,
    how: Normalising,
    *,
    strict: bool = False,
    kept: Path | None = None,
    learnt: Adaptation | None = None,
) -> NormalisedEncodings:
    """Encodings whose frames are those that `unitdisc.normalise` writes of these utterances, all of which they have.

    speakers: utterance -> who says it. corpus: names them all. kept: a file that may have what was learnt by an
    earlier run of the same. learnt: what was learnt of others a moment ago, instead. What is learnt of all, and of
    every speaker, is found here; frames are read again as they are asked for.
    Raises AdaptationError for steps that cannot be taken with these frames, and what does not fit them; with `strict`
    where it is not known whether it does. EncodingsError for frames that cannot be read.
    """
    known = how.known() if learnt is None else learnt
    refuse_moved_again(parse(how.steps) if known is None else known.chain, [opened])
    frames = StoredFrames(opened, speakers)
    keys = {utterance: speaker_key(utterance, speaker) for utterance, speaker in speakers.items()}
    place = Place(frames, keys, Resources(how.memory, cores(how.threads), how.seed))
    if known is None:
        known = fitted(how.steps, place, opened.settings, kept)
    else:
        refuse_or_say(known.refuse_other(how.file or Path(FILE), opened.folder, opened.settings, frames.dim), strict)
    return NormalisedEncodings(
        opened, frames, settings_after(opened.settings, known, corpus), of_speakers(known, place), keys
    )


def of_speakers(known: Adaptation, place: Place) -> AdaptedSpeakers:
    """What is known of all who have a name; of an utterance without, it is learnt whenever that is read."""
    with console.progress("learning of speakers", len(place.speakers()), "speakers") as advance:

        def read(key: str) -> Iterator[np.ndarray]:
            yield from place.of_speaker(key)
            advance(1)

        return AdaptedSpeakers(known, {}).with_speakers({key: read(key) for key in place.speakers()})


def settings_after(settings: dict, known: Adaptation, corpus: str) -> dict:
    """What is to be said of frames that were normalised. corpus: names all utterances."""
    how = {"steps": known.steps, "adaptation": known.checksum, "corpus": corpus[:16]}
    settings = settings | {"num_codes": None, "normalised": [*settings.get("normalised", []), how]}
    if "dim" in settings:  # of another tool's frames
        settings["dim"] = known.dim
    return settings


def refuse_moved_again(chain: Chain, opened: Sequence[AnyEncodings]) -> None:
    """Raises AdaptationError if frames would go through the affine step that went through it before."""
    if not affine_steps(chain):
        return
    for one in opened:
        if any(affine_steps(parse(each["steps"])) for each in one.settings.get("normalised", [])):
            raise AdaptationError(
                f"{one.folder}: its frames went through the affine step before; it is to be taken once"
            )


def refuse_or_say(doubt: str | None, strict: bool) -> None:
    if doubt and strict:
        raise AdaptationError(f"{doubt}; write an encodings.json beside the frames, or leave `strict` out")
    if doubt:
        console.say(f"{doubt}.")


def fitted(steps: str, place: Place, settings: dict, kept: Path | None) -> Adaptation:
    """The steps fitted to these frames, now or by the run that was interrupted, which left it in `kept`."""
    with console.progress("reading frames", len(place.source.names)) as advance:
        checksum = checksum_of(place.frames, advance)
    card = {
        "frames_of": {name: value for name, value in settings.items() if name not in TIME},
        "frames_checksum": checksum,
        "seed": place.resources.seed,
        "utterances": len(place.source.names),
        "versions": versions(),
    }
    card = json.loads(json.dumps(card))
    if kept is not None and kept.exists():
        found = Adaptation.read(kept)
        if (found.steps, found.card) == (written_out(steps), card):
            return found
    passes = MixtureOptions.passes * mixtures(parse(steps))
    with console.progress("fitting", passes, "passes") as advance:
        told = replace(place.resources, tell=lambda note: advance(1, note))
        return Adaptation.fitted(steps, replace(place, resources=told), card)


def checksum_of(frames: FrameSource, advance: Callable[..., None]) -> str:
    """Names all frames."""
    digest = hashlib.sha256()
    for name in frames.names:
        values = frames[name]
        digest.update(repr((name, values.shape)).encode() + values.tobytes())
        advance(1)
    return digest.hexdigest()
