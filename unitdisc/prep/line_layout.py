"""How characters stand on a composed line: how far apart, joined or not, on what baseline and paper."""

from dataclasses import dataclass, replace

from unitdisc.corpus import CorpusError


@dataclass(frozen=True)
class LineLayout:
    """How characters stand on a line, in pixels. Ranges include both ends, and what they leave open is drawn.

    As it is, characters stand apart on white paper; `joined_up` makes it harder.
    Raises CorpusError for what no line can be like, and says what to change.
    """

    height: int = 32
    gap: tuple[int, int] = (1, 3)  # between characters; below 0 they overlap, by a third of the narrower at most
    word: tuple[int, int] | None = (2, 5)  # characters of a word; None: there are no words
    blank: tuple[int, int] = (7, 11)  # between words
    margin: tuple[int, int] = (3, 8)  # before the first character, and after the last
    wobble: int = 1  # rows by which a character stands higher or lower than its baseline, at most
    joining: float = 0.0  # how many neighbours of a word, of 1, a stroke joins
    stroke: tuple[int, int] = (1, 4)  # columns between those, instead of a gap
    wander: float = 0.0  # rows by which the baseline rises and falls along the line, at most
    fading: float = 0.0  # how much of the ink, of 1, is lacking where the pen is driest
    stain: float = 0.0  # ink of the darkest paper
    noise: float = 0.0  # ink by which pixels of the paper differ, as a standard deviation

    def __post_init__(self) -> None:
        if self.height < 1:
            raise refused("height", self.height, "give 1 row or more")
        lowest = {"gap": None, "word": 1, "blank": 1, "margin": 0, "stroke": 1}
        for name, least in lowest.items():
            ends = getattr(self, name)
            if ends is None:
                continue
            if ends[0] > ends[1]:
                raise refused(name, ends, "give the smaller end first")
            if least is not None and ends[0] < least:
                raise refused(name, ends, f"give {least} or more")
        for name in ("wobble", "wander", "noise"):
            if not getattr(self, name) >= 0:  # NaN neither
                raise refused(name, getattr(self, name), "give 0 or more")
        for name, most in {"joining": 1.0, "fading": 0.9, "stain": 0.5, "noise": 0.2}.items():
            if not 0 <= getattr(self, name) <= most:  # beyond that nothing can be read
                raise refused(name, getattr(self, name), f"give 0 to {most:g}")


def refused(name: str, value: object, cure: str) -> CorpusError:
    return CorpusError(f"a line cannot be laid out with {name} = {value}; {cure}")


def joined_up(layout: LineLayout) -> LineLayout:
    """The same, harder: characters touch, overlap or are joined, on a wandering baseline and stained paper.

    Words, if there are any, are longer, because cutting at blank columns finds the ends of all of them.
    """
    return replace(
        layout,
        word=layout.word and (3, 7),
        gap=(-layout.height // 8, 1),
        joining=0.4,
        stroke=(1, layout.height // 8),
        wander=2.5,
        fading=0.35,
        stain=0.25,
        noise=0.02,
    )


def layouts(apart: LineLayout) -> dict[str, LineLayout]:
    """The layouts of --layout by name: the one given, and the same joined up."""
    return {"apart": apart, "joined": joined_up(apart)}
