"""The characters of texts, counted as a reader counts them."""

import unicodedata

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
