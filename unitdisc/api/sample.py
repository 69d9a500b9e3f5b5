"""unitdisc sample: new speech, or new writing, of units that a language model makes up."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unitdisc import console
from unitdisc.api.encode import say_left_out
from unitdisc.api.paths import takes_paths
from unitdisc.api.resynthesise import refuse_unknown
from unitdisc.bottlenecks import FollowsCodes
from unitdisc.bottlenecks.codes.quantiser import codebook_waits
from unitdisc.corpus import Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.validation.usable_corpus import usable_table
from unitdisc.data.signals import Signals
from unitdisc.evaluation.settings import versions
from unitdisc.experiment import Experiment, ExperimentError, load, weights_checksum
from unitdisc.files import take_away, write_json, write_text
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.files.made_of import CURE, facts_in, refuse_other
from unitdisc.generation.drawing import as_utterance, draw
from unitdisc.generation.page import write_page
from unitdisc.generation.prompts import Beginnings, Prompt, read_prompts
from unitdisc.generation.samples import ContinuationOptions, lengths_of, made_up, mean_bits
from unitdisc.language.errors import LanguageError
from unitdisc.language.origin import refuse_others
from unitdisc.language.storage import Stored, model_checksum, open_language_model
from unitdisc.model import UnitModel
from unitdisc.training.devices import usable_device

FACTS, LISTED, CORPUS, PAGE = "sample.json", "samples.jsonl", "corpus.jsonl", "index.html"
LONGEST = {False: 10.0, True: 25.0}  # seconds, or heights of a line


@takes_paths
@filling(lambda given: [given["folder"]])
def sample(
    experiment_folder: Path,
    model: Path,
    folder: Path,
    options: ContinuationOptions = ContinuationOptions(),
    *,
    prompts: Path | None = None,
    limit: int | None = None,
    speaker: str | None = None,
    units: Path | None = None,
    symbols: str | None = None,
    allow_pipes: bool = False,
    device: str | None = None,
) -> list[Path]:
    """Has a language model make up units of an experiment, whose decoder says or writes them; returns the files.

    model: a folder of `unitdisc.lm_train` of the codes of this experiment, or an ARPA file of `symbols`. folder: to
    create or to go on with. prompts: a corpus whose beginnings are gone on with, of `limit` utterances; without, all is
    made up. speaker: of the training corpus, whose voice (hand) all get (default: the prompt's own, if it is known,
    else the first). units: encodings that say how long units last, where the model does not (default: those that it was
    made of).

    Beside the files lie samples.jsonl, with units, durations and bits of each, corpus.jsonl, sample.json and
    index.html, where what really followed stands beside what was made up. The same seed gives the same bytes.
    Raises LanguageError for a model of other units than the experiment's, and where nothing says how long they last,
    ExperimentError if there is no such speaker, no decoder, or nothing that codes alone could be decoded from.

    >>> files = unitdisc.sample("exp/vq", "exp/lm", "exp/new", prompts="data/test.jsonl", limit=5, speaker="p239")
    """
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be 1 or more, not {limit}")
    folder = folder_for_results(folder)
    experiment, network = load(experiment_folder, usable_device(device))
    refuse_experiment(experiment_folder, experiment, network, speaker)
    stored = open_language_model(model, symbols)
    checksum, codes = weights_checksum(experiment_folder), network.bottleneck.num_codes
    if unchecked := refuse_others(model, stored.card, experiment_folder, model=checksum, codes=codes):
        console.say(unchecked)
    stored.model.to(device)
    lengths = lengths_of(stored, model, options.lengths, units=units, checksum=checksum)
    signals = experiment.signals(experiment_folder, allow_pipes=allow_pipes)
    found: list[Prompt] = []
    if prompts is not None:
        found = prompts_of(prompts, limit, network, signals, stored, options=options, allow_pipes=allow_pipes)
    made_of = {
        "experiment": {"name": experiment_folder.resolve().name, "model": checksum},
        "lm": {
            "name": model.resolve().name,
            "checksum": model_checksum(model),
            "symbols": stored.card.symbols,
            "made_of": stored.card.made_of,
        },
        "options": asdict(options),
        "speaker": speaker,
        "prompts": [prompt.utterance.id for prompt in found],
        "lengths": lengths and lengths.facts(),
    }
    refuse_folder(folder, made_of)
    most = most_frames(options, network, signals)
    voices = [voice_of(prompt and prompt.utterance, experiment, speaker) for prompt in found or [None]]
    samples = made_up(stored, lengths, found, options=options, most=most, voices=voices)
    write_json(folder / FACTS, {"made_of": made_of})
    temperature = options.decoder_temperature
    files = draw(
        folder, samples, network, signals=signals, experiment=experiment, seed=options.seed, temperature=temperature
    )
    listed = [one.entry(file, options.seed) for one, file in zip(samples, files)]
    write_text(folder / LISTED, "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in listed))
    grid = signals.features.grid(network.encoder.stride, network.encoder.offset)
    heard = [as_utterance(one, file, grid) for one, file in zip(samples, files)]
    write_manifest(folder / CORPUS, heard)
    figures = {"followed": mean_bits(samples, False), "made_up": mean_bits(samples, True)}
    write_page(
        folder / PAGE, samples, heard, grid=grid, features=signals.features, figures=figures, lm=model, facts=made_of
    )
    write_json(folder / FACTS, {"made_of": made_of, "figures": figures, "versions": versions()})
    return files


def refuse_experiment(folder: Path, experiment: Experiment, model: UnitModel, speaker: str | None) -> None:
    """Raises ExperimentError if its units cannot be decoded by themselves, or not in this voice."""
    if model.decoder is None:
        raise ExperimentError(f"{folder}: has no decoder to draw with; give one that has")
    if not isinstance(model.bottleneck, FollowsCodes):
        kind = experiment.options["bottleneck"]["kind"]
        raise ExperimentError(
            f"{folder}: its decoder does not decode codes, for the bottleneck {kind!r} gives it more than "
            "these, or none; give one with codes alone, such as vq, piecewise-vq or discovered"
        )
    if waits := codebook_waits(model.bottleneck):
        raise ExperimentError(
            f"{folder}: its codebook has not been started yet: the model was trained for {waits[0]} steps, and codes "
            f"are placed after {waits[1]}; train on"
        )
    refuse_unknown([] if speaker is None else [speaker], folder, experiment)


def prompts_of(
    corpus: Path,
    limit: int | None,
    network: UnitModel,
    signals: Signals,
    stored: Stored,
    *,
    options: ContinuationOptions,
    allow_pipes: bool,
) -> list[Prompt]:
    """Beginnings of the first utterances; says what is left out. Raises CorpusError if that is all."""
    usable = usable_table(corpus, signals.features, CorpusAccess(allow_pipes=allow_pipes))
    utterances = usable[:limit]
    heard = usable.by_speakers(utterances.speakers())  # with all they say, or their units would be others
    signals = signals.with_speakers_of(heard)
    with console.progress("encoding prompts", len(utterances)) as advance:
        found, problems, moved = read_prompts(
            utterances,
            network,
            signals,
            card=stored.card,
            place=corpus,
            beginnings=Beginnings(options.prompt_seconds, options.prompt_share),
            advance=advance,
        )
    say_left_out(problems, len(utterances))
    if moved:
        console.say(f"{moved} units of prompts last as long as the model has never seen, and count as of the nearest")
    return found


def refuse_folder(folder: Path, made_of: dict[str, Any]) -> None:
    """Raises LanguageError if a folder holds other samples, or something else; removes what a killed run left."""
    facts = facts_in(folder / FACTS, LanguageError)
    if facts is None:
        if folder.is_dir() and any(path.suffix in (".wav", ".png") or path.name == CORPUS for path in folder.iterdir()):
            raise LanguageError(f"{folder}: holds something else, for it has no {FACTS}; choose another folder")
        return
    there = facts.get("made_of")
    if not isinstance(there, dict):
        raise LanguageError(f"{folder / FACTS}: damaged (no `made_of`); {CURE}")
    refuse_other(folder, "samples", there=there, asked=made_of, error=LanguageError)
    for leftover in folder.glob(".*.tmp"):
        take_away(leftover)


def most_frames(options: ContinuationOptions, model: UnitModel, signals: Signals) -> int:
    """How many frames may be made up."""
    grid = signals.features.grid(model.encoder.stride)
    longest = options.longest or LONGEST[signals.features.images]
    ticks = longest * (grid["height"] if signals.features.images else grid["rate"])
    return max(1, round(ticks / grid["stride"]))


def voice_of(utterance: Utterance | None, experiment: Experiment, speaker: str | None) -> str:
    """The voice, or hand, that is asked for, else a prompt's own if it is known, else the first."""
    own = None if utterance is None else utterance.speaker
    return speaker or (own if own in experiment.speakers else experiment.speakers[0])
