"""What encodings carry: ABX, probes, units against phones, bitrate. Reads corpora and encodings; knows no models."""

SILENCES = frozenset({"SIL", "sil", "sp", "spn", "SPN", "", "_", "pau"})  # labels that are not speech: left out


class UnscorableError(ValueError):
    """A corpus has nothing that a score could be counted on; the message says what is missing."""
