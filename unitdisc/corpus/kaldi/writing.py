"""Writing a Kaldi data directory."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from unitdisc.corpus.kaldi.ctm import clock, ctm_files, ctm_lines
from unitdisc.corpus.utterance import CorpusError, Utterance, is_pipe
from unitdisc.files import write_text
from unitdisc.media.audio import audio_info
from unitdisc.media.image import image_info


def write_kaldi(folder: str | Path, utterances: Iterable[Utterance]) -> None:
    """Writes a Kaldi data directory, sorted as Kaldi wants it (LC_ALL=C); paths become absolute.

    There are no segments if every utterance is the whole of its file. A channel is the fifth column of its line there,
    as extract-segments wants it. A speaker that is not known is called like
    the utterance, as Kaldi has it. Ids are kept: where they do not begin with the speaker, Kaldi's own validation
    has to be run with --no-spk-sort. Line images are listed in images.scp, and their times are pixel columns.

    Raises CorpusError for what the format cannot hold (recordings and images, spaces in names and labels, two
    genders of one speaker), and if the folder already holds files of another corpus that would mix with this one.
    """
    folder = Path(folder)
    utterances = sorted(utterances, key=lambda utterance: utterance.id)  # by code point: the order of UTF-8 bytes
    for utterance in utterances:
        check_writable(utterance)
    if len({utterance.is_image for utterance in utterances}) > 1:
        raise CorpusError(f"{folder}: cannot hold recordings and line images; write them to folders of their own")
    tables = {name: lines for name, lines in tables_of(utterances).items() if lines}
    known = {
        "wav.scp",
        "images.scp",
        "segments",
        "spk2gender",
        "text",
        "reco2file_and_channel",
        *(file.name for file in ctm_files(folder)),
    }
    if stale := sorted(name for name in known - tables.keys() if (folder / name).exists()):
        raise CorpusError(f"{folder}: already holds {stale} of another corpus; remove them, or choose another folder")
    for name, lines in tables.items():
        write_text(folder / name, "".join(f"{line}\n" for line in lines))


def check_writable(utterance: Utterance) -> None:
    if (utterance.rate is None and not utterance.is_image) or not utterance.ticks:
        raise CorpusError(f"{utterance.id}: has no rate or no samples; leave it out")
    if utterance.speaker is not None and utterance.speaker.split() != [utterance.speaker]:
        raise CorpusError(f"{utterance.id}: the speaker {utterance.speaker!r} has a space in it; rename the speaker")
    for tier in utterance.alignment:
        if tier != Path(tier).name:
            raise CorpusError(f"{utterance.id}: the tier {tier!r} cannot name a file; rename it")


def tables_of(utterances: list[Utterance]) -> dict[str, list[str]]:
    """File name -> sorted lines; a file that is not needed has none."""
    speakers = speaker_tables(utterances)
    whole = all(is_whole(utterance) for utterance in utterances)
    names = {} if whole else recording_ids(utterances)
    wavs = {names.get(u.path, u.id): u.path if is_pipe(u.path) else str(Path(u.path).resolve()) for u in utterances}
    tiers = sorted({tier for utterance in utterances for tier in utterance.alignment})
    scp = "images.scp" if any(utterance.is_image for utterance in utterances) else "wav.scp"
    return {
        scp: [f"{id} {path}" for id, path in sorted(wavs.items())],
        "segments": [] if whole else [segment(utterance, names[utterance.path]) for utterance in utterances],
        **speakers,
        "text": text_lines(utterances),
        **{f"{tier}.ctm": list(ctm_lines(utterances, tier)) for tier in tiers},
    }


def speaker_tables(utterances: list[Utterance]) -> dict[str, list[str]]:
    speakers, genders = defaultdict(list), {}
    for utterance in utterances:
        speaker = utterance.speaker or utterance.id
        speakers[speaker].append(utterance.id)
        if utterance.gender and utterance.gender != genders.setdefault(speaker, utterance.gender):
            raise CorpusError(
                f"{utterance.id}: is {utterance.gender}, but {speaker} was {genders[speaker]}; correct one"
            )
    return {
        "utt2spk": [f"{utterance.id} {utterance.speaker or utterance.id}" for utterance in utterances],
        "spk2utt": [f"{speaker} {' '.join(ids)}" for speaker, ids in sorted(speakers.items())],
        "spk2gender": [f"{speaker} {gender}" for speaker, gender in sorted(genders.items())],
    }


def text_lines(utterances: list[Utterance]) -> list[str]:
    """One line for every utterance if any has a text; white space of any kind becomes one space."""
    if all(utterance.text is None for utterance in utterances):
        return []
    return [" ".join([utterance.id, *(utterance.text or "").split()]) for utterance in utterances]


def is_whole(utterance: Utterance) -> bool:
    """Whether the utterance is all of its file; where that is not known, no."""
    if utterance.start or utterance.channel is not None or is_pipe(utterance.path):
        return False
    try:
        if utterance.is_image:
            return image_info(utterance.path) == (utterance.ticks, utterance.height)
        return audio_info(utterance.path) == (utterance.ticks, utterance.rate)
    except CorpusError:
        return False


def recording_ids(utterances: list[Utterance]) -> dict[str, str]:
    """Path -> recording id: the name of the file, or where another has it, that of the first utterance."""
    ids, taken = {}, set()
    for utterance in utterances:
        if utterance.path not in ids:
            ids[utterance.path] = next(name for name in candidates(utterance) if name not in taken)
            taken.add(ids[utterance.path])
    return ids


def candidates(utterance: Utterance) -> Iterator[str]:
    stem = Path(utterance.path).stem
    if stem.split() == [stem] and not is_pipe(utterance.path):
        yield stem
    name = utterance.id
    while True:
        yield name
        name += "-recording"


def segment(utterance: Utterance, recording: str) -> str:
    start, end = (clock(utterance, tick) for tick in (utterance.start, utterance.start + utterance.ticks))
    channel = "" if utterance.channel is None else f" {utterance.channel}"
    return f"{utterance.id} {recording} {start} {end}{channel}"
