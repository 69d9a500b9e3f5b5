"""unitdisc convert: lines in another hand and utterances in another voice, by a network that was shown no pairs."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unitdisc.api.changed_corpus import Changed, Version, begin, made_of, refuse_own, write_versions, written
from unitdisc.api.encode import say_left_out
from unitdisc.api.paths import takes_paths
from unitdisc.api.resynthesise import file_name, refuse_unknown
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.validation.usable_corpus import usable_utterances
from unitdisc.encoders.conv2d import Conv2dEncoder
from unitdisc.experiment import Experiment, ExperimentError, load, weights_checksum
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.inference.textures import TextureOptions, restyled, texture_of
from unitdisc.model import UnitModel
from unitdisc.objectives import Conversion
from unitdisc.training.devices import usable_device

FACTS, MANIFEST = "conversion.json", "converted.jsonl"
IMAGES, RECORDINGS = "images", "recordings"


@takes_paths
@filling(lambda given: [given["folder"]])
def convert(
    experiment_folder: Path,
    corpus: Path,
    folder: Path,
    *,
    speakers: Sequence[str],
    texture: Path | None = None,
    options: TextureOptions = TextureOptions(),
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> Changed:
    """Writes every line of a corpus in the hand of each of these scribes: folder/images/ID--SCRIBE.png, and a manifest;
    or every utterance in the voice of each of these speakers: folder/recordings/ID--SPEAKER.wav, by Griffin-Lim.

    experiment_folder: of the objective "convert", as the presets convert-handwriting and convert-speech make. speakers:
    scribes or speakers of its training corpus; whose lines they were before may be unknown. Lines get the height of its
    features, and the width that they have there; texts and tiers stay, the latter at the new columns, and so do lengths
    of utterances. folder/converted.jsonl lists the lines or utterances of those asked for, whose they are there; ids
    are ID--SPEAKER. An interrupted run is completed.
    texture: a corpus with lines by these scribes, whose texture the lines take on by optimising their pixels (Gatys et
    al., 2016); the experiment is then one whose encoder is of the kind "conv2d", whatever it learned. options: of that.
    access: how the corpus is read, but for the shard. device: cpu, cuda, cuda:1 (default: a GPU if there is one).

    Raises ExperimentError where there is no such model, or it knows a speaker not, CorpusError if nothing (or, if
    `access` is strict, not all) can be read, ValueError for no speakers, for a folder that holds the lines themselves,
    or converted ones of another model or corpus, and LockedError while another run fills it.

    >>> unitdisc.convert("exp/converter", "data/test.jsonl", "data/as-gus", speakers=["gus"]).manifest
    """
    folder, speakers = folder_for_results(folder), [*dict.fromkeys(speakers)]
    experiment, model = load(experiment_folder, usable_device(device))
    files = folder_for_results(folder / (IMAGES if experiment.features().images else RECORDINGS))
    if not speakers:
        where = texture or f"`unitdisc inspect {experiment_folder} --speakers`"
        raise ValueError(f"`speakers` is missing: name a scribe or speaker; {where} lists them")
    looked_at = None
    if texture is None:
        makers = by_network(model, experiment, experiment_folder, speakers)
    else:
        makers, looked_at = by_texture(model, experiment, experiment_folder, speakers, corpus=texture, options=options)
    utterances = usable_utterances(corpus, experiment.features(), replace(access, trust=False))
    versions = [
        Version(make, partial(path_of, files, speaker), f"converted to {speaker}")
        for speaker, make in zip(speakers, makers, strict=True)
    ]
    paths = [version.path(each) for version in versions for each in utterances]
    manifest = folder / MANIFEST
    refuse_own(folder, corpus, manifest, kind="original", utterances=utterances, written=paths)
    facts = {"model": weights_checksum(experiment_folder), "corpus": str(corpus.resolve())}
    facts |= {"texture": str(texture.resolve()), "looked_at": looked_at, **asdict(options)} if texture else {}
    begin(folder, FACTS, facts, experiment_folder)
    signals = experiment.signals(experiment_folder, cache=access.cache, allow_pipes=access.allow_pipes)
    problems = write_versions(utterances, signals, versions, "converting")
    converted = [
        replace(again, id=version.path(each).stem, speaker=speaker, gender=None)  # which the experiment does not know
        for speaker, version in zip(speakers, versions, strict=True)
        for each in utterances
        if (again := written(version.path(each), each, signals)) is not None
    ]
    say_left_out(problems, len(utterances) * len(speakers), access.strict)
    write_manifest(manifest, converted)
    return Changed(manifest, len(converted), problems)


Make = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


def by_network(model: UnitModel, experiment: Experiment, folder: Path, speakers: Sequence[str]) -> list[Make]:
    """What converts lines to each of these. Raises ExperimentError if this is not what was learned, or not of them."""
    if not isinstance(model.objective, Conversion):
        kind = experiment.options["objective"]["kind"]
        raise ExperimentError(
            f"{folder}: learned by {kind!r}, not to convert; train by convert-handwriting or "
            "convert-speech, or give a `texture`"
        )
    refuse_unknown(speakers, folder, experiment)
    return [partial(converted_inks, model, experiment.speakers.index(speaker)) for speaker in speakers]


def by_texture(
    model: UnitModel,
    experiment: Experiment,
    folder: Path,
    speakers: Sequence[str],
    *,
    corpus: Path,
    options: TextureOptions,
) -> tuple[list[Make], str]:
    """The same by the texture of their lines in a corpus, and a checksum of these.

    Raises CorpusError if there are none, ExperimentError if the experiment tells no textures.
    """
    features = experiment.features()
    if not isinstance(model.encoder, Conv2dEncoder) or features.normalise != "none" or features.adaptation:
        raise ExperimentError(
            f"{folder}: textures are told by an encoder of the kind 'conv2d' that reads ink (features.normalise 'none')"
        )
    model.requires_grad_(False)
    table, signals = usable_utterances(corpus, features, CorpusAccess()), experiment.signals(folder)
    makers, seen = [], hashlib.sha256()
    for speaker in speakers:
        lines = [line for line in table if line.speaker == speaker]
        if not lines:
            known = sorted({line.speaker for line in table if line.speaker is not None})
            raise CorpusError(f"{corpus}: has no line by {speaker!r}, whose texture is wanted; it has {known}")
        number = min(options.lines, len(lines))
        inks = [signals.features_of(lines[place * len(lines) // number]) for place in range(number)]
        for ink in inks:
            seen.update(ink.tobytes())
        makers.append(partial(restyled, model.encoder, texture_of(model.encoder, inks), options))
    return makers, seen.hexdigest()


def path_of(files: Path, speaker: str, utterance: Utterance) -> Path:
    return files / file_name(utterance, speaker, "")


def converted_inks(model: UnitModel, speaker: int, features: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Features in [0, 1], [T, C] each, as those of a speaker, by number."""

    def make(lines: Tensor, lengths: Tensor, mask: Tensor) -> Tensor:
        return model.objective.converted(lines, torch.full_like(lengths, speaker), mask)

    return made_of(model, features, make)
