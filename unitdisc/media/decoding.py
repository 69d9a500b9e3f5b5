"""The one way to the samples of a recording: how many can be decoded, and any stretch of them, exactly.

What a header says is believed only where it cannot be wrong unnoticed (WAV, FLAC and the like). MP3 and Ogg are gone
through from frame to frame and from page to page, without decoding; what does not tell its length is decoded to its
end. What was found out about a file is remembered, so that it need not be found out again for every utterance in it.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path

import numpy as np
import soundfile

from unitdisc.files.refusals import refuse_blameless
from unitdisc.media.codecs import flac
from unitdisc.media.codecs.decoder import Opened, open_again
from unitdisc.media.codecs.parts import parts_of, plain
from unitdisc.media.decoding_errors import AGAIN, DecodingError
from unitdisc.media.known_facts import Known
from unitdisc.media.open import AudioError, source, unreadable
from unitdisc.media.tars import TarError


class OpenAudio:
    """A recording that is open: it knows how many samples can be decoded, and reads any of them exactly.

    frames: samples of each channel.
    is_cut: whether something follows them that looks like more, but is not all there.
    The attributes `samplerate`, `channels`, `subtype` and `format` are soundfile's.
    """

    def __init__(self, parts: Sequence[Opened], facts: Known):
        self.parts, self.facts = parts, facts
        self.edges = [0, *accumulate(each.part.frames for each in parts)]
        self.frames = self.edges[-1]
        first = parts[0].part
        self.samplerate, self.channels = first.samplerate, first.channels
        self.subtype, self.format = first.subtype, first.format
        self.is_cut = parts[-1].part.is_cut

    def read(self, first: int, last: int, dtype: str = "float32") -> np.ndarray:
        """The samples [first, last), of which there must be so many: [last - first, channels].

        They are those that a reading from the beginning gives, whatever was read before: of MP3 but for the last bit
        of a float (2^-23), of Opus in its mode for speech (SILK), whose decoder never quite forgets where it began, in
        most places, elsewhere to 2e-3. Raises DecodingError if they cannot be decoded.
        """
        found = []
        for number, each in enumerate(self.parts):
            start, stop = max(first, self.edges[number]), min(last, self.edges[number + 1])
            if start < stop:
                found.append(self.read_part(number, start - self.edges[number], stop - self.edges[number], dtype))
            elif len(self.parts) > 1:
                each.close()
        return found[0] if len(found) == 1 else np.concatenate(found or [np.zeros((0, self.channels), dtype)])

    def read_part(self, number: int, first: int, last: int, dtype: str) -> np.ndarray:
        each = self.parts[number]
        samples = each.try_to_read(first, last, dtype)
        if samples is None and self.facts.of(f"count {number}", each.count) >= last:
            samples = each.try_to_read(first, last, dtype)  # now from the beginning, where seeking went wrong
        if samples is None:
            there, promised = self.facts.of(f"count {number}", each.count), self.edges[number + 1]
            what = f"can be decoded up to sample {self.edges[number] + min(there, last - 1)}"
            raise DecodingError(f"{what}, though its header promises {promised}", AGAIN)
        return samples

    def close(self) -> None:
        for each in self.parts:
            each.close()


@contextmanager
def open_audio(path: str | Path, allow_pipes: bool = False) -> Iterator[OpenAudio]:
    """Opens a file, an entry of an archive (`x.ark:123`, `x.tar:512`) or, if allowed, a command's output (`cmd |`).

    Raises AudioError as `audio_info` does, also for what goes wrong while the file is open.
    """
    try:
        with source(str(path), allow_pipes) as stream, ExitStack() as stack:
            decoder = decoder_of(stream, Known(str(path)), stack)
            if not decoder.frames:
                raise AudioError.at(path, "holds no samples", "record it again, or take it off the list")
            yield decoder
    except TarError as error:
        raise AudioError.at(error.file, error.what, error.cure) from error
    except DecodingError as error:
        raise AudioError.at(path, error.what, error.cure) from error
    except (soundfile.SoundFileError, OSError) as error:
        refuse_blameless(error, path)
        raise unreadable(path, error) from error


def decoder_of(stream: str | io.IOBase, facts: Known, stack: ExitStack) -> OpenAudio:
    """Raises DecodingError if it cannot be decoded as it should, and soundfile's errors."""
    opened = refused = None
    try:
        opened = stack.enter_context(open_again(stream))
    except soundfile.SoundFileError as error:
        refused = error
    part = None if opened is None else plain(opened)
    if part is not None and part.format != "FLAC":
        return decoder(stack, facts, [Opened(part, stream, None, opened)])
    file = stack.enter_context(open(stream, "rb")) if isinstance(stream, str) else stream  # noqa: PTH123, SIM115
    if part is not None and facts.of("ends", lambda: flac.ends_as_listed(file)):
        return decoder(stack, facts, [Opened(part, stream, None, opened if isinstance(stream, str) else None)])
    parts = facts.of("parts", lambda: parts_of(file, opened))
    if not parts:
        raise refused
    whole = opened if parts[0].pieces is None else None
    return decoder(stack, facts, [Opened(part, stream, file, whole) for part in parts])


def decoder(stack: ExitStack, facts: Known, parts: Sequence[Opened]) -> OpenAudio:
    found = OpenAudio(parts, facts)
    stack.callback(found.close)
    return found
