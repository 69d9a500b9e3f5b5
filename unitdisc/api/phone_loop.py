"""unitdisc phone-loop: units with states and durations, learned together from any system's frames."""

from dataclasses import asdict
from pathlib import Path

from unitdisc import console
from unitdisc.api.kmeans import ANY_RATE
from unitdisc.api.normalised import TIME
from unitdisc.api.paths import takes_paths
from unitdisc.api.resources import check_resources, cores
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.encodings.folders import refuse_among
from unitdisc.evaluation.foreign import open_encodings
from unitdisc.evaluation.settings import versions
from unitdisc.files import take_away
from unitdisc.files.folders import file_for_results
from unitdisc.files.locks import locked_file
from unitdisc.segmentation.phone_loop.learning import learn
from unitdisc.segmentation.phone_loop.options import PhoneLoopOptions
from unitdisc.segmentation.phone_loop.storage import write_phone_loop


@takes_paths
def phone_loop(
    encodings: Path,
    file: Path,
    options: PhoneLoopOptions,
    *,
    memory: float = 2.0,
    threads: int | None = None,
    times: str | None = None,
) -> dict:
    """Learns a phone loop of any system's frames, however many, for `unitdisc.segment`; an interrupted run goes on.

    encodings: one file of frames [T, D] per utterance. file: NAME.safetensors to write.
    memory: GiB for the sample and for frames that are not read again. threads: all cores by default.
    times: of other tools' .txt: "regular", or "column": the first is time.

    Returns the card: "used", units that are expected to begin once at least; "duration" of the mean unit, in frames;
    "bounds" on the evidence, in nats per frame; "passes", "converged" and others.
    Raises EncodingsError for frames that cannot be read or differ in width, ValueError for options that cannot be,
    and for a sample that needs more memory, LockedError while another run makes the same file.

    >>> mfcc, corpus = "exp/vq/encodings/test/mfcc", "data/test.jsonl"
    >>> card = unitdisc.phone_loop(mfcc, "loop.safetensors", unitdisc.PhoneLoopOptions(units=5))
    >>> codes, options = unitdisc.Codes(phone_loop="loop.safetensors"), unitdisc.SegmentOptions(8, "phone-loop")
    >>> unitdisc.segment(mfcc, corpus, "loop-units", codes, options).units
    """
    if file.suffix != ".safetensors":
        raise ValueError(f"{file}: must end in .safetensors, the format in which the phone loop is written")
    check_resources(memory=memory, threads=threads)
    file_for_results(file, "PHONE-LOOP")
    refuse_among(file, encodings)
    with locked_file(file):
        return make(encodings, file, options, memory=memory, threads=cores(threads), times=times)


def make(
    encodings: Path, file: Path, options: PhoneLoopOptions, *, memory: float, threads: int, times: str | None
) -> dict:
    """As `phone_loop`, where no other run makes this one."""
    opened = open_encodings(encodings, frame_rate=None if times == "column" else ANY_RATE, times=times)
    frames = StoredFrames(opened, opened.codes)
    unfinished = file.with_name(file.name + ".part")
    found = learn(frames, options, memory, threads=threads, state_file=unfinished, progress=console.progress)
    card = {
        "frames_of": {name: value for name, value in opened.settings.items() if name not in TIME},
        "encodings": str(encodings),
        "utterances": len(frames.names),
        "frames": found.frames,
        "frames_checksum": found.frames_checksum,
        "used": int((found.entries >= 1).sum()),
        "duration": found.frames / float(found.entries.sum()),
        "bounds": list(found.bounds),
        "passes": len(found.bounds),
        "converged": found.converged,
        "options": asdict(options),
        "versions": versions(),
    }
    write_phone_loop(file, found.loop, card)
    take_away(unfinished)
    return card
