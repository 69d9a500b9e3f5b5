"""unitdisc name: what units are called, asked one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from unitdisc import console
from unitdisc.api.naming_inputs import NamingInputs, opened_session
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import CorpusError, corpus_checksum, held_out
from unitdisc.evaluation.inputs import usual_labels
from unitdisc.evaluation.settings import versions
from unitdisc.files import write_json
from unitdisc.files.folders import file_for_results
from unitdisc.naming.asking import ask_all
from unitdisc.naming.halves import halves_path, write_splits
from unitdisc.naming.labels import tiers_of
from unitdisc.naming.material import Material
from unitdisc.naming.simulation import Figure, Simulation, SimulationOptions, as_json, simulated, table
from unitdisc.naming.table import Answer, NamesError, write_names

TEST_SHARE = 0.2  # of the utterances, where no test set is given


@dataclass(frozen=True)
class NameResult:
    """The answers there are now, how many of them are new, and how many units are without one."""

    answers: tuple[Answer, ...]
    new: int
    open: int


@takes_paths
def name(
    encodings: Path,
    corpus: Path,
    names: Path,
    *,
    frames: Path | None = None,
    learn: Path | None = None,
    learn_encodings: Path | None = None,
    tier: str | None = None,
    ask: Callable[[str], str] | None = None,
    say: Callable[[str], None] = print,
    most: int | None = None,
    frame_rate: float | None = None,
    allow_pipes: bool = False,
) -> NameResult:
    """Asks what units are called, one after the other; every answer is on the disk before the next question.

    encodings: with codes. names: the table, NAME.tsv, to make or to go on with; nobody else may write it meanwhile.
    frames: other encodings that say which units are alike, and in which halves they come. learn, tier: labelled
    utterances, whose units are in `learn_encodings`, or in `encodings`. ask, say: how a person is asked (default: at
    the terminal) and told. most: answers, if not all.

    Raises NamesError for a table that cannot be used, naming the line, and EncodingsError and CorpusError as `export`.

    >>> replies = iter(["m", "n", "quit"])
    >>> unitdisc.name("exp/found/units", "data/all.jsonl", "names.tsv", ask=lambda prompt: next(replies)).new
    """
    inputs = NamingInputs(
        encodings, corpus, frames, learn, learn_encodings, tier, frame_rate=frame_rate, allow_pipes=allow_pipes
    )
    with opened_session(inputs, names) as session:
        before = {(each.unit, each.when) for each in session.answers}
        try:
            ask_all(session, ask or input, say, most=most)
        finally:
            left = session.material.inventory().units
        said = {each.unit for each in session.known()}
        new = sum((each.unit, each.when) not in before for each in session.answers)
        return NameResult(session.answers, new, sum(unit not in said for unit in left))


@takes_paths
def simulate_naming(
    encodings: Path,
    corpus: Path,
    names: Path,
    options: SimulationOptions = SimulationOptions(),
    *,
    tier: str | None = None,
    frames: Path | None = None,
    test_encodings: Path | None = None,
    test_corpus: Path | None = None,
    test_frames: Path | None = None,
    output: Path | None = None,
    frame_rate: float | None = None,
    allow_pipes: bool = False,
) -> list[Figure]:
    """Lets labels answer, and counts errors of readings: edits, divided by labels, after so many questions.

    names: a table that is written with the answers of the first strategy, seed 0; it must not be there. tier: of the
    labels (default: phone; of line images, character). test_encodings, test_corpus, test_frames: what is read (default:
    a fifth of the utterances, which nothing is asked about). output: JSON.

    Raises NamesError if the table is there, CorpusError if there are no labels.

    >>> options = unitdisc.SimulationOptions(questions=20, strategies=("expected", "frequent"))
    >>> unitdisc.simulate_naming("exp/found/units", "data/train.jsonl", "simulated.tsv", options)[-1].error_rate
    """
    file_for_results(names, "NAMES")
    file_for_results(output, "`output`")
    if names.exists():
        raise NamesError(
            f"{names}: is there already, and would be overwritten by answers nobody gave; name another file"
        )
    if (test_encodings is None) != (test_corpus is None):
        raise ValueError("`test_encodings` and `test_corpus` belong together; give both, or none")
    inputs = NamingInputs(encodings, corpus, frames, frame_rate=frame_rate, allow_pipes=allow_pipes)
    tier, _ = usual_labels(corpus, tier)
    material = inputs.material({})
    tiers_of(material.utterances, tier, str(corpus))
    if test_corpus is None:
        material, test = parted(material)
    else:
        test = replace(inputs, encodings=test_encodings, corpus=test_corpus, frames=test_frames).material({})
    tiers_of(test.utterances, tier, str(test_corpus or corpus))
    simulation = Simulation(material, test, tier, options=options)
    total = len(options.strategies) * options.seeds * len(options.figures_at())
    with console.progress("simulating", total, "figures") as advance:
        figures = simulated(simulation, lambda figure: advance(1, f"{figure.strategy} {100 * figure.error_rate:.1f} %"))
    figures.append(simulation.ceiling())
    first = (options.strategies[0], 0)
    if first in simulation.answers:
        write_splits(halves_path(names), simulation.splits[first])
        write_names(names, simulation.answers[first])
    if output is not None:
        settings = {"tier": tier, "options": asdict(options), "encodings": str(encodings), "corpus": str(corpus)}
        settings |= {
            "checksum": corpus_checksum(material.utterances),
            "test_checksum": corpus_checksum(test.utterances),
        }
        write_json(output, {"figures": as_json(figures), "settings": settings, "versions": versions()})
    return figures


def parted(material: Material) -> tuple[Material, Material]:
    """Four fifths of the utterances, and one. Raises CorpusError where there are too few."""
    kept, others = held_out(material.utterances, TEST_SHARE, seed=0, most=len(material.utterances))
    if not others:
        raise CorpusError("fewer than ten utterances; give `test_encodings` and `test_corpus`, which are read")
    return material.of_utterances(kept), material.of_utterances(others)


def said(figures: Sequence[Figure]) -> str:
    """A table, and the best that can be."""
    best = figures[-1]
    return f"{table(figures)}\n\nall {best.units} units named by all of their labels: {100 * best.error_rate:.1f}"
