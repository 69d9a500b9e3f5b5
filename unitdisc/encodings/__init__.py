"""Folders of encodings: what a model, ours or any other, says of every utterance; read, and filled by one or many."""

from unitdisc.encodings.reading import (
    Encoding,
    Encodings,
    EncodingsError,
    centres_in_ticks,
    is_number,
    is_regular,
    load_array,
    read_settings,
    why_no_codes,
)
from unitdisc.encodings.writing import EncodingsWriter

__all__ = [
    "Encoding",
    "Encodings",
    "EncodingsError",
    "EncodingsWriter",
    "centres_in_ticks",
    "is_number",
    "is_regular",
    "load_array",
    "read_settings",
    "why_no_codes",
]
