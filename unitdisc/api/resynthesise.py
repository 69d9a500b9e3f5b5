"""unitdisc resynthesise: units back to sound or to handwriting, in any voice or hand the decoder knows."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from unitdisc import console
from unitdisc.api.encode import say_left_out
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import LONGEST_NAME, CorpusError, Utterance, short_name
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.validation.usable_corpus import usable_table
from unitdisc.data.loader import whole_utterances
from unitdisc.data.signals import Signals
from unitdisc.decoders import Continues, DrawsInSteps
from unitdisc.decoders.sampling.batched import (
    FRAMES_IN_A_GROUP,
    ITEMS_IN_A_GROUP,
    DrawsOnCpu,
    SampleRequest,
    sample_several,
)
from unitdisc.experiment import Experiment, ExperimentError, load
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.media.audio import write_audio
from unitdisc.media.image import write_image
from unitdisc.model import UnitModel
from unitdisc.training.devices import usable_device


@dataclass(frozen=True)
class Drawing:
    """How the decoder's random choices are made, and the share of every line that it is given to begin with.

    sampler, steps: of decoders that draw in steps, by diffusion; None: as the experiment says.
    """

    seed: int = 0
    temperature: float = 1.0
    given: float = 0.0
    sampler: str | None = None
    steps: int | None = None

    def __post_init__(self):
        if not 0 <= self.given < 1:
            raise ValueError(f"`given` is a share of every line, from 0 to less than 1, not {self.given:g}")
        if abs(self.seed) >= 2**63:
            raise ValueError(f"`seed` must be below 2^63, not {self.seed}")


@takes_paths
@filling(lambda given: [Path(given["folder"])])
def resynthesise(
    experiment_folder: Path,
    corpus: Path,
    folder: Path,
    *,
    speakers: Sequence[str] = (),
    limit: int | None = None,
    drawing: Drawing = Drawing(),
    allow_pipes: bool = False,
    device: str | None = None,
) -> list[Path]:
    """Writes folder/UTTERANCE--SPEAKER.wav (or .png) for every utterance and voice (or hand); returns what it wrote.

    speakers: voices of the training corpus (default: the utterance's own if it is known, else the first known).
    Lines of which a part was given are called UTTERANCE--SPEAKER--given-PERCENT.png, or --given-last-PERCENT.png if the
    decoder writes from right to left.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be 1 or more, not {limit}")
    folder = folder_for_results(folder)
    experiment, model = load(experiment_folder, usable_device(device))
    if model.decoder is None:
        raise ExperimentError(f"{experiment_folder}: has no decoder to draw with; give one that has")
    draw_by(model, drawing, experiment_folder)
    features = experiment.features()
    if drawing.given and not features.images:
        raise ValueError("`given` completes lines of handwriting; leave it out for recordings")
    refuse_unknown(speakers, experiment_folder, experiment)
    usable = usable_table(corpus, features, CorpusAccess(allow_pipes=allow_pipes))
    utterances = usable[:limit]
    heard = usable.by_speakers(utterances.speakers())  # with all they say, or their units would be others
    signals = experiment.signals(experiment_folder, allow_pipes=allow_pipes).with_speakers_of(heard)
    part = part_given(drawing.given, writes_leftwards(model))
    if isinstance(model.decoder, DrawsOnCpu) and next(model.parameters()).device.type != "cpu":
        console.say("lines are drawn on the CPU: pixel by pixel, a GPU would mostly wait for its next order")
    voices = {u.id: list(dict.fromkeys(speakers)) or [own_voice(u, experiment)] for u in utterances}
    written, problems = {}, {}

    def finish(utterance: Utterance, voice: str, target: np.ndarray) -> None:
        written[utterance.id, voice] = write(folder / file_name(utterance, voice, part), signals, utterance, target)

    with console.progress("resynthesising", len(utterances)) as advance:
        for group in groups(utterances, signals, max(map(len, voices.values()), default=1)):
            wanted = []
            for utterance in group:
                known = [experiment.speakers.index(voice) for voice in voices[utterance.id]]
                try:
                    own = place_of(utterance, experiment)
                    items = items_of(model, signals, utterance, known, drawing, own)
                except CorpusError as error:
                    problems[utterance.id] = str(error)
                else:
                    wanted += [SpokenItem(utterance, *pair) for pair in zip(voices[utterance.id], items)]
            counted = Counted(advance, len(group), sum(one.item.size for one in wanted))
            draw(model, wanted, drawing.temperature, finish, counted)
            counted.tell(len(group))
    say_left_out([problems[u.id] for u in utterances if u.id in problems], len(utterances))
    return [written[u.id, voice] for u in utterances if u.id not in problems for voice in voices[u.id]]


def draw_by(model: UnitModel, drawing: Drawing, folder: Path) -> None:
    """Has the decoder draw as is asked for. Raises ExperimentError if it cannot, and ValueError as it does."""
    if drawing.sampler is None and drawing.steps is None:
        return
    if not isinstance(model.decoder, DrawsInSteps):
        raise ExperimentError(
            f"{folder}: its decoder does not draw in steps, so that `sampler` and `steps` mean nothing; leave them out"
        )
    model.decoder.draw_by(drawing.sampler, drawing.steps)


def refuse_unknown(speakers: Sequence[str], folder: Path, experiment: Experiment) -> None:
    """Raises ExperimentError if the decoder has not learned the voices of all of these, or files cannot tell them."""
    by_file: dict[str, str] = {}
    for speaker in speakers:
        if (other := by_file.setdefault(in_a_name(speaker), speaker)) != speaker:
            raise ExperimentError(
                f"{folder}: its speakers {other!r} and {speaker!r} would be written into the same files; ask for them "
                "one by one, into folders of their own"
            )
    if unknown := sorted(set(speakers) - set(experiment.speakers)):
        raise ExperimentError(
            f"{folder}: knows no speaker {unknown}; `unitdisc inspect {folder} --speakers` lists those it knows"
        )


def groups(utterances: Sequence[Utterance], signals: Signals, voices: int) -> Iterator[list[Utterance]]:
    """Utterances of like length, as many as are drawn together in so many voices each."""
    most = max(1, ITEMS_IN_A_GROUP // voices)
    for group in whole_utterances(utterances, signals, FRAMES_IN_A_GROUP // voices):
        for first in range(0, len(group), most):
            yield [utterances[index] for index in group[first : first + most]]


class SpokenItem(NamedTuple):
    """An utterance in a voice, and what it is drawn from."""

    utterance: Utterance
    voice: str
    item: SampleRequest


class Counted:
    """Tells how many of the utterances drawn together the steps of all of them come to; call it to add some steps."""

    def __init__(self, advance: Callable[[int], None], utterances: int, steps: int):
        self.advance, self.utterances, self.steps = advance, utterances, steps
        self.drawn = self.told = 0
        self.lock = threading.Lock()

    def __call__(self, steps: int) -> None:
        with self.lock:
            self.drawn += steps
            self.tell(self.utterances * self.drawn // self.steps)

    def tell(self, done: int) -> None:
        if done > self.told:
            self.advance(done - self.told)
            self.told = done


def draw(
    model: UnitModel,
    wanted: Sequence[SpokenItem],
    temperature: float,
    finish: Callable[[Utterance, str, np.ndarray], None],
    tick: Callable[[int], None],
) -> None:
    """Draws all that is wanted, together; calls finish(utterance, voice, target [S, ...]) for each."""

    def finish_item(index: int, target: torch.Tensor) -> None:
        finish(wanted[index].utterance, wanted[index].voice, target.cpu().numpy())

    if wanted:
        sample_several(model.decoder, [one.item for one in wanted], temperature, finish=finish_item, tick=tick)


def part_given(share: float, leftwards: bool) -> str:
    """How the name of a file says what was given of a line."""
    return f"--given-{'last-' if leftwards else ''}{100 * share:.0f}" if share else ""


def file_name(utterance: Utterance, voice: str, part: str) -> str:
    beginning, ending = f"{utterance.id}--", f"{part}.{'png' if utterance.is_image else 'wav'}"
    room = LONGEST_NAME - len(f"{beginning}{ending}".encode())
    return beginning + short_name(in_a_name(voice), room) + ending


def in_a_name(voice: str) -> str:
    """What a speaker is called in the name of a file."""
    return voice.replace("/", "_")


def write(path: Path, signals: Signals, utterance: Utterance, target: np.ndarray) -> Path:
    """Writes what the decoder made of an utterance, as long as the utterance is; returns the file."""
    frames = signals.frames_in(utterance)
    if utterance.is_image:
        write_image(path, signals.to_image(target)[:frames])
    else:
        write_audio(path, signals.to_audio(target)[: frames * signals.features.hop], signals.features.rate)
    return path


def writes_leftwards(model: UnitModel) -> bool:
    return isinstance(model.decoder, Continues) and model.decoder.sample_direction == "right-to-left"


def own_voice(utterance: Utterance, experiment: Experiment) -> str:
    return utterance.speaker if utterance.speaker in experiment.speakers else experiment.speakers[0]


def place_of(utterance: Utterance, experiment: Experiment) -> int:
    """Of who speaks among those that a model knows; -1: unknown."""
    return experiment.speakers.index(utterance.speaker) if utterance.speaker in experiment.speakers else -1


@torch.inference_mode()
def items_of(
    model: UnitModel,
    signals: Signals,
    utterance: Utterance,
    speakers: Sequence[int],
    drawing: Drawing,
    own: int = -1,
) -> list[SampleRequest]:
    """What the decoder draws the units of an utterance from, in the voice or hand of each of these speakers.

    own: the speaker that it is by, for an encoder that is told; -1: unknown.

    Every one begins with the random numbers of the seed: what is drawn does not depend on what is drawn beside it.
    """
    device = next(model.parameters()).device
    features = signals.features_of(utterance)
    lengths = torch.tensor([len(features)], device=device)
    of_speaker = torch.tensor([own], device=device)
    units, lengths = model.encode(torch.from_numpy(features)[None].to(device), lengths, of_speaker)
    steps = units.latents.shape[1] * model.encoder.stride * signals.target.steps_per_frame
    given = columns_given(signals, utterance, drawing.given, steps, writes_leftwards(model))
    voices = torch.tensor(speakers, device=device).split(1)
    return [
        SampleRequest(
            condition=model.conditioner(model.as_told(units.latents, lengths, voice), lengths, voice)[0],
            size=steps,
            generator=torch.Generator().manual_seed(drawing.seed),
            given=given if given is None else given.to(device),
        )
        for voice in voices
    ]


def columns_given(
    signals: Signals, utterance: Utterance, share: float, steps: int, leftwards: bool
) -> torch.Tensor | None:
    """The columns of a line that the decoder begins with, int64 [P, H]: the first ones; None if there are none.

    A decoder that writes leftwards begins with the last ones, and with paper from there on up to `steps`, or it would
    take the padding of the last latent for the end of the line.
    """
    columns = signals.frames_in(utterance)
    size, padding = round(share * columns), steps - columns if leftwards else 0
    if not size + padding:
        return None
    target = signals.target_of(utterance)
    kept = target[columns - size :] if leftwards else target[:size]
    return torch.from_numpy(np.pad(kept, ((0, padding), (0, 0))).astype(np.int64))
