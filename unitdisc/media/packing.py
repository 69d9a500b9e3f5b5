"""What of a corpus goes into tars, and how: recordings as FLAC or WAV, or as they are; line images as they are."""

import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from unitdisc.corpus import Utterance
from unitdisc.media import image as images
from unitdisc.media.audio import check_channel, check_rate, check_samples, chosen, span
from unitdisc.media.decoding import open_audio
from unitdisc.media.open import AudioError
from unitdisc.media.open import source as open_source
from unitdisc.media.tars import BLOCK, in_tar

FORMATS = ("flac", "wav")
COMPRESSED = {"FLAC": "flac", "OGG": "ogg", "MP3": "mp3"}  # copied as they are where whole recordings are kept
DEPTHS = {"PCM_24": "PCM_24", "PCM_32": "PCM_24", "FLOAT": "PCM_24", "DOUBLE": "PCM_24"}  # in FLAC; all else is 16 bits
EXACT = {"PCM_S8": "int16", "PCM_U8": "int16", "PCM_16": "int16", "ULAW": "int16", "ALAW": "int16"}
EXACT |= {"PCM_24": "int32", "PCM_32": "int32", "FLOAT": "float64", "DOUBLE": "float64"}  # what holds each sample
IMAGES = {"PNG": "png", "JPEG": "jpg", "TIFF": "tif", "WEBP": "webp", "BMP": "bmp", "GIF": "gif", "JPEG2000": "jp2"}
LONGEST_KEY = 120  # bytes; longer ones end in a hash


@dataclass(frozen=True)
class PackingItem:
    """What becomes one recording or image in a tar: an utterance, or a whole file with all its utterances."""

    key: str
    utterances: tuple[Utterance, ...]

    @property
    def size(self) -> int:
        """About how many bytes it takes, at most: 16-bit samples, or pixels, and their description."""
        ticks = max(utterance.start + utterance.ticks for utterance in self.utterances)
        described = 2 * BLOCK + sum(400 + 60 * sum(map(len, u.alignment.values())) for u in self.utterances)
        return ticks * (self.utterances[0].height or 2) + described


@dataclass(frozen=True)
class PackedItem:
    """An item as it lies in a tar."""

    suffix: str
    content: bytes
    utterances: list[Utterance]  # their places in the content; the path is not known yet


def items_of(utterances: Iterable[Utterance], whole: bool) -> list[PackingItem]:
    """What is to be packed, sorted by id: an item for every utterance, or, with `whole`, for every file."""
    ordered = sorted(utterances, key=lambda utterance: utterance.id)
    if not whole:
        return [PackingItem(safe(utterance.id), (utterance,)) for utterance in ordered]
    files = defaultdict(list)
    for utterance in ordered:
        files[utterance.path].append(utterance)
    return [
        PackingItem(safe(group[0].id), tuple(group)) for group in files.values()
    ]  # ids are unique, names of files are not


def safe(name: str) -> str:
    """A name for files, without dots, at which tools cut names, and without what means something to a shell.

    Letters, digits, `_` and `-` stay; everything else becomes %XX. Different names stay different.
    """
    quoted = re.sub(r"[^\w-]|^-", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)
    if len(quoted.encode()) <= LONGEST_KEY:
        return quoted
    beginning = quoted.encode()[:LONGEST_KEY].decode(errors="ignore")
    return f"{beginning}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def shares(items: Sequence[PackingItem], most: int, seed: int | None) -> list[list[PackingItem]]:
    """The items of every shard, of about `most` bytes at most; in random order, so that each is like the corpus.

    seed=None keeps the order.
    """
    order = range(len(items)) if seed is None else np.random.default_rng(seed).permutation(len(items))
    found, used = [], most
    for index in order:
        if used + items[index].size > most:
            found.append([])
            used = 0
        found[-1].append(items[index])
        used += items[index].size
    return found


def pack(item: PackingItem, form: str, whole: bool, allow_pipes: bool = False) -> PackedItem:
    """Reads an item as it is to be kept. Raises AudioError, ImageError or CorpusError as the readers do."""
    if item.utterances[0].is_image:
        return pack_image(item.utterances, whole)
    return pack_recording(item.utterances, form, whole, allow_pipes)


def pack_recording(utterances: Sequence[Utterance], form: str, whole: bool, allow_pipes: bool) -> PackedItem:
    """Samples are kept as they are; of floating-point ones FLAC keeps 24 bits, of lossy ones 16 are kept.

    So are all channels, unless an utterance that is cut out names one. What a lossy file has beyond full scale is
    clipped. Whole ones are copied.
    """
    path = utterances[0].path
    with open_audio(path, allow_pipes) as file:
        for utterance in utterances:
            check_rate(utterance, file.samplerate, None)
            check_channel(utterance, file.channels)
        spans = [span(utterance, file.frames, file.samplerate) for utterance in utterances]
        rated = [replace(utterance, rate=file.samplerate) for utterance in utterances]
        if whole and file.format in COMPRESSED and (in_tar(path) or Path(path).is_file()):
            return PackedItem(COMPRESSED[file.format], content_of(path), rated)
        first, last = (0, file.frames) if whole else spans[0]
        samples = file.read(first, last, EXACT.get(file.subtype, "float64"))
        rate, subtype = file.samplerate, file.subtype
    if not whole:
        samples = chosen(utterances[0], samples)
        check_samples(utterances[0], as_floats(samples))
    content = encoded(path, samples, rate, subtype, form)
    return PackedItem(form, content, rated if whole else [replace(rated[0], start=0, channel=None)])


def as_floats(samples: np.ndarray) -> np.ndarray:
    return samples if samples.dtype.kind == "f" else samples / -float(np.iinfo(samples.dtype).min)


def encoded(path: str, samples: np.ndarray, rate: int, subtype: str, form: str) -> bytes:
    """Samples [ticks, channels] as a FLAC or WAV file of the depth they came with."""
    if form == "flac":
        if not np.isfinite(samples).all():
            raise AudioError.at(path, "holds NaN or infinity, which FLAC cannot hold", "convert the original again")
        if samples.dtype.kind == "f" and np.abs(samples).max(initial=0) > 1 and subtype in DEPTHS:
            raise AudioError.at(path, "is louder than full scale, which FLAC cannot hold", "pack as WAV (`format` wav)")
        subtype = DEPTHS.get(subtype, "PCM_16")
    elif subtype not in EXACT or subtype == "PCM_S8":  # lossy ones had no depth, and WAV has no such bytes
        subtype = "PCM_16"
    content = io.BytesIO()
    try:
        soundfile.write(content, samples, rate, subtype=subtype, format=form.upper())
    except soundfile.SoundFileError as error:
        what = f"{samples.shape[1]} channels at {rate} samples per second cannot be written as {form} ({error})"
        raise AudioError.at(path, what, "pack as WAV (`format` wav), or convert it") from error
    return content.getvalue()


def content_of(path: str) -> bytes:
    """The bytes of a file, be it one in a tar."""
    with open_source(path, False) as found:
        return Path(found).read_bytes() if isinstance(found, str) else found.read()


def pack_image(utterances: Sequence[Utterance], whole: bool) -> PackedItem:
    """Files are copied; a part of one is cut out as grey levels, of 8 bits if it had no more."""
    path = utterances[0].path
    grey = images.read_image(path)  # all of it: damage would show nowhere else
    for utterance in utterances:
        images.check_size(utterance, images.ImageInfo(grey.shape[1], grey.shape[0]))
    first, last = utterances[0].start, utterances[0].start + utterances[0].ticks
    with images.opened(path) as opened:
        kind = IMAGES.get(opened.format)
    if kind and (whole or last - first == grey.shape[1]):
        with images.source(path) as file:
            return PackedItem(kind, file.read(), list(utterances))
    cut = grey if whole else grey[:, first:last]
    return PackedItem("png", png(cut), list(utterances) if whole else [replace(utterances[0], start=0)])


def png(grey: np.ndarray) -> bytes:
    """Grey levels in [0, 1], [rows, columns], as a PNG of 8 bits, or of 16 where those would lose something."""
    levels = grey * 255
    if np.allclose(levels, np.round(levels), rtol=0, atol=1e-3):
        picture = Image.fromarray(np.round(levels).astype(np.uint8))
    else:
        picture = Image.fromarray(np.round(grey * 65535).astype(np.uint16))
    content = io.BytesIO()
    picture.save(content, format="PNG")
    return content.getvalue()
