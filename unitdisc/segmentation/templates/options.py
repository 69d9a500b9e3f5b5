"""What decides about the templates that are learned."""

from dataclasses import dataclass

# options that are counted, and the least that each can be
LEAST = {"units": 1, "points": 1, "dims": 1, "pool": 1, "passes": 0, "starts": 1, "seed": 0}
BLANKS = ("auto", "zero", "none")
STARTS = ("auto", "ink", "change")
SHORTEST, LONGEST = 0.4, 2.2  # of a unit, in mean units, unless said otherwise
FRAMES_PER_UNIT = 10  # at most, that frames are averaged to, unless said otherwise


@dataclass(frozen=True)
class TemplateOptions:
    """What decides about the result.

    units: K; None: as many as describe held-out utterances in the fewest nats (`number.py`).
    rate: units per second, or per 100 columns; blank frames belong to none. None: 10 a second; of lines, as
    many as there are characters if each has one and a half upright strokes.
    points: frames of a template, to which every stretch is resampled. dims: principal components of the frames.
    pool: how many frames are averaged to one; None: so many that a mean unit has five to ten.
    min_duration, max_duration: of a unit, in ms, or in columns; None: 0.4 and 2.2 mean units.
    blank: "zero", frames near 0 (paper) belong to no unit; "none", all frames do; "auto": "zero" for line images.
    start: where the first segments end: at minima of "ink", the distance from the blank; or at peaks of "change".
    starts: the likeliest of so many is kept. passes: over the corpus.
    prior_weight: of how frequent units are. duration_weight: of how long they last.
    """

    units: int | None = None
    rate: float | None = None
    points: int = 8
    dims: int = 24
    pool: int | None = None
    min_duration: float | None = None
    max_duration: float | None = None
    blank: str = "auto"
    start: str = "auto"
    starts: int = 1
    passes: int = 10
    prior_weight: float = 0.3
    duration_weight: float = 1.0
    seed: int = 0

    def __post_init__(self):
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"`{name}` must be {least} or more, not {value}")
        for name in ("rate", "min_duration", "max_duration"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"`{name}` must be above 0, not {value:g}")
        for name in ("prior_weight", "duration_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"`{name}` must be 0 or more, not {getattr(self, name):g}")
        for name, known in (("blank", BLANKS), ("start", STARTS)):
            if getattr(self, name) not in known:
                raise ValueError(f"`{name}` {getattr(self, name)}: choose one of {list(known)}")
        if self.min_duration and self.max_duration and self.min_duration > self.max_duration:
            raise ValueError(f"`min_duration` {self.min_duration:g} is above `max_duration` {self.max_duration:g}")
