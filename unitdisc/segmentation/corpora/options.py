"""What one can ask of a segmentation, and what does not go together."""

from dataclasses import dataclass, fields

from unitdisc.segmentation.corpora.costs import DISTANCES
from unitdisc.segmentation.corpora.peaks import METHODS
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.durations import DURATIONS, DurationPrior
from unitdisc.segmentation.semi_markov import cannot_be_cut

SOLVERS = ("viterbi", "greedy", "exact", "nearest")
TRANSITIONS = ("uniform", "bigram")
PHONE_LOOP, TEMPLATES, GIVEN = "phone-loop", "templates", "given"
LEARNED = {PHONE_LOOP: "a phone loop knows", TEMPLATES: "templates know"}  # models that come from a file
POSTERIORS = ("units", "states")  # of a phone loop
LONGEST_MS = 1000.0  # a run with a duration prior, unless said otherwise or five times the mean is longer


@dataclass(frozen=True)
class SegmentOptions:
    """How units are found; raises ValueError saying which options do not go together.

    rate: changes of unit per second, or per 100 columns; None where the solver is "nearest", a prominence, a model or
    other units decide.
    method: "units", cheapest codes; "phone-loop" and "templates", units of such a model; "given", the segments of other
    units; or the names in `peaks.METHODS`.
    min_duration, max_duration: of a unit, in ms, or in columns.
    """

    rate: float | None = None
    method: str = "units"
    solver: str = "viterbi"
    distance: str = "squared"
    durations: str = "none"
    min_duration: float | None = None
    max_duration: float | None = None
    transitions: str = "uniform"
    prior_weight: float = 1.0  # of durations and transitions
    iterations: int = 0  # how often the codebook is estimated again from the units
    prominence: float | None = None  # of boundaries, where no rate is given
    pool: bool = False  # the frames of the result are the means of units, not their codes
    posteriors: str | None = None  # the frames of the result are those of a phone loop: of "units" or "states"
    switch_cost: float | None = None  # of a change of unit, as found of another corpus, where no rate is given

    def __post_init__(self):
        known = {"method": ("units", *LEARNED, GIVEN, *METHODS), "solver": SOLVERS, "distance": DISTANCES}
        for name, choices in (known | {"durations": DURATIONS, "transitions": TRANSITIONS}).items():
            if getattr(self, name) not in choices:
                raise ValueError(f"`{name}` {getattr(self, name)}: choose one of {list(choices)}")
        for name in ("rate", "min_duration", "max_duration", "prior_weight"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{NAMES[name]} must be above 0, not {value:g}")
        if self.prominence is not None and not 0 <= self.prominence < float("inf"):
            raise ValueError(f"`prominence` must be 0 or more, not {self.prominence:g}")
        if self.switch_cost is not None and not 0 <= self.switch_cost < float("inf"):
            raise ValueError(f"`switch_cost` must be 0 or more, not {self.switch_cost:g}")
        if self.posteriors not in (None, *POSTERIORS):
            raise ValueError(f"`posteriors` {self.posteriors}: choose one of {list(POSTERIORS)}")
        if self.iterations < 0:
            raise ValueError(f"`iterations` must be 0 or more, not {self.iterations}")
        if self.min_duration and self.max_duration and self.min_duration > self.max_duration:
            raise ValueError(f"`min_duration` {self.min_duration:g} is above `max_duration` {self.max_duration:g}")
        for fault in self.faults():
            raise ValueError(fault)

    def faults(self):
        """What does not go together."""
        if self.posteriors and self.method != PHONE_LOOP:
            yield "`posteriors` are those of a phone loop; give `phone_loop`, made by `unitdisc phone-loop`"
        if self.posteriors and self.pool:
            yield "`posteriors` and `pool` exclude each other; give one"
        if self.method in LEARNED:
            for name in self.given_beside("rate", "method", "pool", "posteriors"):
                yield f"{LEARNED[self.method]} no `{name}`, but durations of their own; leave the option out"
            return
        if self.method == GIVEN:
            for name in self.given_beside("method", "distance", "pool"):
                yield f"the segments of other units are as they are, whatever the `{name}`; leave the option out"
            return
        if self.method != "units":
            if self.switch_cost is not None:
                yield "`switch_cost` is of `method` units; leave it out"
            if self.solver != "viterbi" or self.has_priors or self.max_duration or self.iterations:
                yield f"`method` {self.method} has no solver, priors, longest unit or iterations; leave them out"
            if self.rate and self.prominence is not None:
                yield "`prominence` and `units_per_second` exclude each other; give one"
            if METHODS[self.method].usual is None and not self.rate:
                yield f"`method` {self.method} takes the highest peaks; say how many: `units_per_second`"
            return
        if self.prominence is not None:
            yield "`prominence` is of `method` peaks and prominence; leave it out"
        if self.solver == "nearest" and self.rate:
            yield "`solver` nearest has as many units as come out; leave `units_per_second` out, or choose viterbi"
        if self.switch_cost is not None:
            if set(self.given_beside("switch_cost", "distance", "pool")):
                yield "`switch_cost` takes the place of a number of units, and knows no other options; leave them out"
            return
        if self.solver != "nearest" and not self.rate:
            yield "say how many units there are: `units_per_second`, or `units_per_100_columns` for images"
        if self.solver != "viterbi" and (self.has_priors or self.min_duration or self.max_duration or self.iterations):
            yield f"`solver` {self.solver} knows no durations, transitions or iterations; choose viterbi"

    def given_beside(self, *names: str) -> list[str]:
        """The other options that are not as they are by default."""
        others = [field for field in fields(self) if field.name not in names]
        return [field.name for field in others if getattr(self, field.name) != field.default]

    @property
    def duration_prior(self) -> DurationPrior:
        return DURATIONS[self.durations]

    @property
    def has_priors(self) -> bool:
        return self.duration_prior.costs is not None or self.transitions != "uniform"

    @property
    def learns_priors(self) -> bool:
        return self.duration_prior.learned or self.transitions == "bigram"


NAMES = {
    "rate": "`units_per_second` (or `units_per_100_columns`)",
    "min_duration": "`min_duration`",
    "max_duration": "`max_duration`",
    "prior_weight": "`prior_weight`",
}


@dataclass(frozen=True)
class FrameLimits:
    """Durations in frames."""

    shortest: int
    longest: int | None  # None: any
    mean: float  # of a unit at the rate asked for


def limits(options: SegmentOptions, timing: Timing) -> FrameLimits:
    """Durations of units in frames. Raises ValueError if the longest allowed is shorter than a frame."""
    per_ms = frames_per_ms(timing)
    shortest = max(round((options.min_duration or 0) * per_ms), 1)
    mean = timing.frames_per_unit_of_time / options.rate if options.rate else 1.0
    longest = None if options.max_duration is None else round(options.max_duration * per_ms)
    if longest is not None and longest < 1:
        raise ValueError(f"`max_duration` {options.max_duration:g} is shorter than a frame; allow longer units")
    if longest is None and options.duration_prior.costs is not None:
        default = LONGEST_MS * per_ms if timing.unit == "second" else 0
        longest = max(round(default), round(5 * mean), 2 * shortest)
    if longest is not None and longest < shortest:
        raise ValueError(f"no unit is of {shortest} to {longest} frames; allow longer or shorter ones")
    return FrameLimits(shortest, longest, max(mean, 1.0))


def frames_per_ms(timing: Timing) -> float:
    """Or per column."""
    return timing.frames_per_unit_of_time / (1000 if timing.unit == "second" else 100)


def frames_around(timing: Timing) -> int:
    """On either side of a boundary, by which change is measured: 40 ms, or four columns."""
    return max(round((40 if timing.unit == "second" else 4) * frames_per_ms(timing)), 1)


def refuse_impossible(options: SegmentOptions, timing: Timing, num_codes: int) -> None:
    """Raises ValueError if no codes could give such units: more than frames, or none of the lengths allowed."""
    highest = timing.frames_per_unit_of_time
    if options.rate and timing.span and options.rate > highest * (1 + 1e-6):
        raise ValueError(
            f"{timing.option} {options.rate:g}: there are but {highest:.4g} frames per {timing.unit}, and a unit is "
            "one at least; ask for fewer"
        )
    allowed = limits(options, timing)
    if allowed.longest is None:
        return
    for name, length in timing.lengths.items():
        fewest = -(-length // allowed.longest)
        if fewest > 1 and (fewest * allowed.shortest > length or num_codes == 1):
            told = cannot_be_cut(length, allowed.shortest, allowed.longest, num_codes, True)
            raise ValueError(f"`min_duration` and `max_duration`: {told} (the first: {name})")
