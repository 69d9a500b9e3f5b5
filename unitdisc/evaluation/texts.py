"""The characters of texts, counted as a reader counts them."""

import unicodedata

from unitdisc.corpus import Utterance
from unitdisc.corpus.bidi import visual, visual_order

SPACE = " "


def characters(text: str | None) -> list[str]:
    """The characters of a text in NFC, capitals as they are; combining marks (t̾, q̃) belong to the one before.

    White space, however much, is one blank; none begins or ends a text.
    """
    found: list[str] = []
    for symbol in unicodedata.normalize("NFC", " ".join((text or "").split())):
        if found and found[-1] != SPACE and unicodedata.category(symbol).startswith("M"):
            found[-1] += symbol
        else:
            found.append(symbol)
    return found


def met(utterance: Utterance) -> list[str]:
    """The characters of the text of an utterance in the order in which time meets them.

    That of speech is the order of reading; columns of a line image are met from left to right, in whatever script, and
    brackets as they are drawn there.
    """
    read = characters(utterance.text)
    return visual(read) if utterance.is_image else read


def met_as_read(utterance: Utterance) -> list[str]:
    """The same, but each character as the text has it: "(" where a line that runs leftwards has what looks like ")"."""
    read = characters(utterance.text)
    return [read[place] for place in visual_order(read)] if utterance.is_image else read
