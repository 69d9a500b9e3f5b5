"""How a probe is made: all that one must know, beside corpus and encodings, to repeat its figures."""

from dataclasses import dataclass
from typing import Literal, get_args

Reader = Literal["linear", "mlp"]
SequenceReader = Literal["linear", "mlp", "conv"]
TRAINING_FRAMES = 50_000


@dataclass(frozen=True)
class ProbeOptions:
    """Raises ValueError naming the option that cannot be."""

    reader: Reader = "linear"
    context_frames: int = 1  # frames that a reader of frames sees at once, centred on the one it names
    balanced: bool = False  # every class weighs the same in training, however frequent it is
    controls: bool = True  # the same readers trained on labels that mean nothing
    training_frames: int = TRAINING_FRAMES  # of each fold at most, chosen at random; 0 for all
    labelled: int = 0  # utterances learned from in each fold, drawn by seed and the number of the draw; 0 for all
    draw: int = 0
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self):
        if self.reader not in get_args(Reader):
            raise ValueError(f"a probe cannot read with {self.reader!r}; the readers are {list(get_args(Reader))}")
        if self.context_frames < 1 or self.context_frames % 2 == 0:
            raise ValueError(
                f"a context of {self.context_frames} frames has no centre; give an odd number: 1, 3, 5, ..."
            )
        if self.training_frames < 0:
            raise ValueError(f"{self.training_frames} frames cannot be trained on; give 0 for all, or more than 0")
        if self.labelled < 0 or self.draw < 0:
            raise ValueError(f"{self.labelled} labelled utterances, draw {self.draw}; give 0 or more of both")
        if self.seed < 0:
            raise ValueError(f"the seed is {self.seed}; give 0 or more")
