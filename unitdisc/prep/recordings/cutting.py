"""A recording becomes utterances: whole if it is short, else cut at pauses, by channel and by turn where there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance, short_name
from unitdisc.media.audio import AudioInfo, info_of
from unitdisc.media.decoding import open_audio
from unitdisc.prep.notes import Notes
from unitdisc.prep.recordings.fitting import fitted, within
from unitdisc.prep.recordings.hearing import HeardRecording, hear
from unitdisc.prep.recordings.label_tiers import Labels
from unitdisc.prep.recordings.pauses import FRAMES, Track, even_spans, utterance_spans
from unitdisc.prep.recordings.tier_kinds import is_silence, told_apart
from unitdisc.prep.recordings.turns import FittedTier, Turn, speakers_of, turns
from unitdisc.prep.utterances import SLACK

CHANNELS = ("auto", "average", "each")
VADS = ("energy", "silero")
FAINTEST = -80.0  # dB; of a channel that nothing is on
MOSTLY = 0.8  # of the time of a text that is in the stretch it is said in


@dataclass(frozen=True)
class CutOptions:
    """How recordings are cut.

    longest: seconds of an utterance; longer recordings are cut. pause: seconds that part two utterances of one.
    channels: auto (each by itself where they differ), average, each, or the number of one, from 0. vad: the voice
    activity detector, energy or silero, which needs the package silero-vad.
    """

    longest: float = 20.0
    pause: float = 0.5
    channels: str = "auto"
    vad: str = "energy"

    def __post_init__(self):
        if self.vad not in VADS:
            raise ValueError(f"`vad` {self.vad}: must be one of {', '.join(VADS)}")
        if not (self.longest >= 1 and np.isfinite(self.longest)):
            raise ValueError(f"`longest` {self.longest}: must be a second or more; 20 is usual")
        if not 0.05 <= self.pause <= self.longest:
            raise ValueError(f"`pause` {self.pause}: must be from 0.05 seconds to `longest`; 0.5 is usual")
        if self.channels not in CHANNELS and not self.channels.isdigit():
            raise ValueError(f"`channels` {self.channels}: must be auto, average, each, or a number from 0")


@dataclass(frozen=True)
class Material:
    """All that is known of a recording. there: how many channels it has; told: the turns that tiers tell."""

    whole: Utterance
    text: str | None
    tiers: Sequence[FittedTier]
    there: int
    heard: HeardRecording | None = None
    told: Sequence[Turn] = ()

    @property
    def hop(self) -> int:
        return self.heard.hop if self.heard else max(self.whole.rate // FRAMES, 1)


def utterances_in(
    whole: Utterance, read: Callable[[AudioInfo], Labels], options: CutOptions, notes: Notes
) -> list[Utterance]:
    """The utterances of a recording, each with its part of the labels.

    whole: all of it, with what is known. read: its labels, of which nothing need fit. Only what is long, or has several
    channels, is listened to. Raises CorpusError if it cannot be used.
    """
    path = Path(whole.path)
    with open_audio(path) as file:
        info, there = info_of(file), file.channels
    labels = read(info)
    tiers = [
        FittedTier(tier.name, tier.speaker, fitted(tier.rows, info.ticks, info.rate, tier.name, whole.id, notes))
        for tier in told_apart(labels.tiers)
    ]
    tiers = [tier for tier in tiers if tier.intervals]
    is_long = info.ticks > options.longest * info.rate
    heard = hear(path, options.vad) if is_long or (there > 1 and not options.channels.isdigit()) else None
    told = turns(tiers, round(options.pause * info.rate))
    material = Material(whole, whole.text or labels.text, tiers, there=there, heard=heard, told=told)
    several = len({turn.speaker for turn in told if turn.speaker}) > 1
    found = (cut if is_long or several else kept_whole)(material, options, notes)
    if not found:
        what = "nobody speaks in it, as far as can be told"
        raise CorpusError(f"{path}: {what}; take it out, or give a --longest above its {info.ticks / info.rate:.0f} s")
    return found


def chosen_channels(material: Material, options: CutOptions, notes: Notes) -> list[int | None]:
    """Which channels are utterances of their own; None for the average of all. Raises CorpusError for none that is."""
    path, there, heard = Path(material.whole.path), material.there, material.heard
    if options.channels.isdigit():
        channel = int(options.channels)
        if channel >= there:
            what = f"has {there} channel{'s' * (there > 1)}, and --channels asks for {channel}"
            raise CorpusError(f"{path}: {what}; the first is 0")
        return [channel if there > 1 else None]
    if there == 1 or options.channels == "average" or heard is None:
        return [None]
    if options.channels == "auto" and not heard.differ:
        return [None]
    loud = [channel for channel in range(there) if heard.levels[channel].max() > FAINTEST]
    for channel in sorted({*range(there)} - {*loud}):
        notes.add("channels in which nothing can be heard, left out", f"{path.name} {letter(channel)}")
    if options.channels == "auto":
        notes.add("recordings whose channels differ, so that each is a speaker of its own", path.name)
    return list(loud)


def letter(channel: int) -> str:
    """How a channel is called in names: A, B, ..."""
    return chr(ord("A") + channel) if channel < 26 else f"c{channel}"


def of_channel(whole: Utterance, channel: int | None, several: bool) -> Utterance:
    """All of a channel. Where several are apart, each is said by somebody else."""
    if channel is None or not several:
        return replace(whole, channel=channel)
    speaker = f"{whole.speaker or Path(whole.path).stem}-{letter(channel)}"
    return replace(whole, channel=channel, id=short_name(f"{whole.id}-{letter(channel)}"), speaker=speaker, gender=None)


def kept_whole(material: Material, options: CutOptions, notes: Notes) -> list[Utterance]:
    """A short recording by one speaker, or one for each channel."""
    whole, channels = material.whole, chosen_channels(material, options, notes)
    named = speakers_of(material.tiers) or [turn.speaker for turn in material.told if turn.speaker][:1]
    if len(named) == 1:
        whole = replace(whole, speaker=named[0], gender=whole.gender if whole.speaker == named[0] else None)
    text = material.text or said_in(material.tiers, 0, whole.ticks)
    alignment = tiers_within(material.tiers, 0, whole.ticks)
    if len(channels) > 1 and (text or alignment):
        notes.add("recordings of several channels whose labels are those of all of them", whole.id)
    return [
        replace(of_channel(whole, channel, len(channels) > 1), text=text, alignment=alignment) for channel in channels
    ]


def cut(material: Material, options: CutOptions, notes: Notes) -> list[Utterance]:
    """A long recording, or one of several speakers."""
    channels = chosen_channels(material, options, notes)
    if material.text and not material.told:
        notes.add("texts of recordings that are cut, left out, for nobody knows what is said where", material.whole.id)
    whole = replace(material.whole, text=None)
    if material.told and len(channels) > 1:
        channels = [None]  # tiers do not say which
    found: list[Utterance] = []
    for channel in channels:
        own = of_channel(whole, channel, len(channels) > 1)
        track = material.heard.track(channel, len(channels) > 1) if material.heard else None
        if material.told:
            pieces = by_turns(own, material, track, options, notes)
        else:
            pieces = by_pauses(own, track, material.hop, options, notes)
        found += [named_piece(own, piece, material.tiers) for piece in pieces]
    return found


def by_pauses(own: Utterance, track: Track, hop: int, options: CutOptions, notes: Notes) -> list[Turn]:
    spans = utterance_spans(track, options.longest, options.pause)
    if spans is None:
        notes.add("recordings without pauses that can be told, cut where they are faintest", own.id)
        spans = even_spans(track.levels, options.longest)
    return [Turn(first * hop, min(last * hop, own.ticks), own.speaker) for first, last in spans]


def by_turns(own: Utterance, material: Material, track: Track | None, options: CutOptions, notes: Notes) -> list[Turn]:
    """Turns, of which long ones are cut at pauses; what overlaps is noted, and said by all who speak."""
    found, latest, hop = [], 0, material.hop
    for told in material.told:
        if told.start < latest - SLACK * own.rate:
            notes.add("turns that overlap one before, so that both are heard", own.id)
        latest = max(latest, told.end)
        turn = told._replace(speaker=told.speaker or own.speaker)
        if turn.end - turn.start <= options.longest * own.rate or track is None:
            found.append(turn)
            continue
        if turn.text:
            notes.add("texts of turns that are cut, left out, for nobody knows what is said where", own.id)
        first = turn.start // hop
        some = track.part(first, turn.end // hop)
        spans = utterance_spans(some, options.longest, options.pause)
        spans = even_spans(some.levels, options.longest) if spans is None else spans
        found += [Turn((first + a) * hop, min((first + b) * hop, turn.end), turn.speaker) for a, b in spans]
    return found


def named_piece(own: Utterance, piece: Turn, tiers: Sequence[FittedTier]) -> Utterance:
    """The utterance of a stretch, called after its recording and the time at which it begins, in centiseconds."""
    begun = round(100 * piece.start / own.rate)
    whose = (
        f"-{'_'.join(piece.speaker.replace('/', '_').split())}"
        if piece.speaker and piece.speaker != own.speaker
        else ""
    )
    return replace(
        own,
        id=short_name(f"{own.id}{whose}-{begun:07d}"),
        start=piece.start,
        ticks=piece.end - piece.start,
        speaker=piece.speaker,
        gender=own.gender if piece.speaker == own.speaker else None,
        text=piece.text or said_in(tiers, piece.start, piece.end, piece.speaker),
        alignment=tiers_within(tiers, piece.start, piece.end, piece.speaker),
    )


def tiers_within(
    tiers: Sequence[FittedTier], start: int, end: int, speaker: str | None = None
) -> dict[str, list[Interval]]:
    """Tier -> intervals of a stretch, those of its speaker before those of nobody; others' are left out.

    Where no speaker is given, tiers of several are called after them.
    """
    found: dict[str, list[Interval]] = {}
    several = len(speakers_of(tiers)) > 1
    for tier in sorted(tiers, key=lambda tier: not tier.speaker):
        if tier.name == "speaker" or (speaker is not None and tier.speaker and several and tier.speaker != speaker):
            continue
        name = f"{tier.name}@{tier.speaker}" if several and tier.speaker and speaker is None else tier.name
        whole = [each for each in tier.intervals if tier.name != "utterance" or mostly_in(each, start, end)]
        intervals = within(whole, start, end)
        if intervals and name not in found:
            found[name] = intervals
    return found


def mostly_in(label: Interval, start: int, end: int) -> bool:
    """Whether a text is that of a stretch, and not of more than it."""
    return min(label.end, end) - max(label.start, start) >= MOSTLY * (label.end - label.start)


def said_in(tiers: Sequence[FittedTier], start: int, end: int, speaker: str | None = None) -> str | None:
    """The words of a stretch, as tiers of utterances or of words tell them."""
    for name in ("utterance", "word"):
        labels = tiers_within([tier for tier in tiers if tier.name == name], start, end, speaker).get(name, [])
        words = [each.label for each in labels if not is_silence(each.label)]
        if words:
            return " ".join(words)
    return None
