"""What one can ask of words, and what does not go together."""

from dataclasses import dataclass

ON_UNITS = ("tp", "entropy", "unigram", "bpe", "dp-unigram", "dp-bigram", "dpdp")  # methods that read strings of units
ON_FRAMES = ("prominence", "dips", "es-kmeans")
BY_PROMINENCE = ("prominence", "dips")  # which can do without a rate
ON_EITHER = ("even", "random", "given")
METHODS = (*ON_UNITS, *ON_FRAMES, *ON_EITHER)
TYPES_BY = ("string", "kmeans", "warping", "graph")
BY_FRAMES = ("kmeans", "warping")  # types that are made of frames, as many as are asked for
DEPENDENCIES = ("ftp", "btp", "mi")
THRESHOLDS = ("relative", "absolute")
SPELLINGS = ("learned", "uniform")
SAMPLED = ("dp-unigram", "dp-bigram")
BY_LEXICON = ("unigram", "bpe")
NEED_RATE = ("even", "random", "dpdp")
# Where nothing else is asked.
ITERATIONS = {"unigram": 2, "dp-unigram": 1000, "dp-bigram": 1000, "dpdp": 10, "es-kmeans": 5}


@dataclass(frozen=True)
class WordOptions:
    """How words are found; raises ValueError saying which options do not go together.

    rate: words per second of speech, or per 100 columns; None where the method settles it.
    method: one of METHODS. On strings of units: "tp", transitional probabilities; "entropy", of what comes next;
    "unigram", a lexicon that makes the corpus likely; "bpe", pairs merged; "dp-unigram" and "dp-bigram", Dirichlet
    processes; "dpdp", strings that a network says again at least cost. On frames: "prominence", peaks of change;
    "dips", of loudness, where frames are log-mel; "es-kmeans", the cheapest choice among peaks. On either: "even" and
    "random", to compare with; "given", the boundaries of a tier.
    types_by: what makes two segments one type: "string", "kmeans" of their mean frames, "warping": average linkage of
    the warping distances of their frames, or "graph": strings that are alike, and what is like those. None: string on
    units, kmeans on frames.
    """

    method: str = "dp-unigram"
    rate: float | None = None
    dependency: str = "ftp"  # of tp
    threshold: str = "relative"  # of tp and entropy, where no rate is asked: a trough, or below the mean
    context: int = 2  # of entropy: units that are known
    longest: int = 12  # units in a word
    lexicon: int | None = None  # of unigram and bpe: how many words they may know
    iterations: int | None = None  # None: see ITERATIONS
    concentration: float | None = None  # of the Dirichlet process: how ready it is for new words; None: learned
    bigram_concentration: float | None = None  # of dp-bigram: and for new pairs of words; None: learned
    boundary_probability: float | None = None  # after every unit of a new word; None: learned
    spelling: str = "learned"  # of the Dirichlet process: how probable units are in new words; or "uniform"
    prominence: float | None = None  # of peaks, where no rate is asked
    window: float = 100.0  # by which change is smoothed, in ms or columns
    min_duration: float = 80.0  # of a word on frames, in ms or columns
    candidates: float = 2.0  # of es-kmeans: possible boundaries for each word asked for
    dims: int = 50  # principal components of frames; 0: frames as they are
    types_by: str | None = None
    types: int | None = None  # of kmeans and warping
    edit_distance: float = 0.25  # of graph: up to which, for each unit of the longer one, two strings are alike
    seed: int = 0

    def __post_init__(self):
        known = {"method": METHODS, "dependency": DEPENDENCIES, "threshold": THRESHOLDS, "spelling": SPELLINGS}
        for name, choices in (known | {"types_by": (None, *TYPES_BY)}).items():
            if getattr(self, name) not in choices:
                listed = [choice for choice in choices if choice]
                raise ValueError(f"`{name}` {getattr(self, name)}: choose one of {listed}")
        for name in ("rate", "concentration", "bigram_concentration", "window", "candidates"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{NAMES.get(name, f'`{name}`')} must be above 0, not {value:g}")
        for name in ("context", "longest", "lexicon", "iterations", "types"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`{name}` must be 1 or more, not {value}")
        for name in ("prominence", "min_duration", "dims", "edit_distance", "seed"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"`{name}` must be 0 or more, not {value:g}")
        if self.boundary_probability is not None and not 0 < self.boundary_probability < 1:
            raise ValueError(f"`boundary_probability` must be between 0 and 1, not {self.boundary_probability:g}")
        for fault in self.faults():
            raise ValueError(fault)

    def faults(self):
        """What does not go together."""
        if self.method in NEED_RATE and not self.rate:
            yield f"`method` {self.method} knows no number of words; say how many: {NAMES['rate']}"
        if self.method == "given" and self.rate:
            yield "the boundaries of a tier are as they are; leave `words_per_second` out"
        if self.lexicon is not None and self.method not in BY_LEXICON:
            yield f"`lexicon` is of `method` unigram and bpe, not {self.method}; leave it out"
        if self.lexicon is not None and self.rate:
            yield "`lexicon` and `words_per_second` both settle how many words there are; give one"
        if self.prominence is not None and (self.method not in BY_PROMINENCE or self.rate):
            yield "`prominence` is of `method` prominence and dips, where no rate is asked; leave it out"
        if self.method in ON_FRAMES and not self.rate and self.prominence is None:
            yield f"`method` {self.method} takes as many words as are asked for; give {NAMES['rate']}"
        if self.method in ON_FRAMES and self.named_by not in BY_FRAMES:
            yield f"`method` {self.method} reads frames, which spell no strings; give `types_by` kmeans or warping"
        if self.named_by in BY_FRAMES and self.types is None:
            yield f"say how many types {self.named_by} is to make: `types`"
        if self.named_by not in BY_FRAMES and self.types is not None:
            by = " or ".join(BY_FRAMES)
            yield f"`types` is how many {by} makes, but types are made by {self.named_by}; give `types_by` {by}"

    @property
    def named_by(self) -> str:
        """What makes types."""
        return self.types_by or ("kmeans" if self.method in ON_FRAMES else "string")

    @property
    def rounds(self) -> int:
        """How often the method goes over the corpus."""
        return self.iterations or ITERATIONS.get(self.method, 1)


NAMES = {"rate": "`words_per_second` (or `words_per_100_columns`)"}
