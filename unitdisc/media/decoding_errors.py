"""What is wrong with a recording, told without its name, which those who open it know."""

AGAIN = "copy it again, for it was cut off or damaged"
CONVERT = "convert it to WAV, FLAC, OGG or MP3"


class DecodingError(Exception):
    """A recording cannot be decoded, or not all of it: what is wrong, and the cure."""

    def __init__(self, what: str, cure: str):
        super().__init__(what, cure)
        self.what, self.cure = what, cure
