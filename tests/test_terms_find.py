"""unitdisc find with an index: what it keeps of all hits, at which cost, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from planted import HOP, RATE, Planted, planted, write_planted

from unitdisc.api.find import find
from unitdisc.api.terms import terms
from unitdisc.encodings import EncodingsError
from unitdisc.retrieval.hits import FrameSpan
from unitdisc.retrieval.indexed_search import Part, search_parts
from unitdisc.retrieval.queries import QueryOptions
from unitdisc.retrieval.search import FindOptions, Query, endings_in
from unitdisc.retrieval.subsequence_dtw import DISTANCES
from unitdisc.term_discovery.options import TermOptions

COPIES = [Planted(0, 20, number, 10 + 5 * number, 40, 36 + number) for number in range(1, 13)]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> Path:
    return write_planted(tmp_path_factory.mktemp("copies"), planted(6, 40, COPIES, noise=0.5), codes=True)


def hits(home: Path, top: int = 12, options: FindOptions = FindOptions(), start: float = 0.2, end: float = 0.6, **more):
    query = QueryOptions(query="u000", start=start, end=end)
    found = find(home / "frames", home / "corpus.jsonl", query, options, top=top, **more).hits
    return [(hit.utterance.id, hit.start // HOP, hit.end // HOP, hit.cost) for hit in found]


@pytest.mark.parametrize(
    "options",
    [FindOptions(), FindOptions(distance="euclidean", normalise="corpus"), FindOptions(by="codes", normalise="none")],
)
def test_hits_are_those_of_the_whole_corpus(spoken, tmp_path, options):
    every, some = hits(spoken, options=options), hits(spoken, options=options, index=tmp_path / "index")
    copies = {(f"u{pair.other:03}") for pair in COPIES}
    assert {hit[0] for hit in every[:10]} <= copies
    assert [hit[:3] for hit in some[:10]] == [hit[:3] for hit in every[:10]]
    assert [hit[3] for hit in some[:10]] == pytest.approx([hit[3] for hit in every[:10]])
    assert hits(spoken, options=options, index=tmp_path / "index") == some  # from the index that is there


def test_threads_change_no_hit(spoken, tmp_path):
    one = hits(spoken, top=100, index=tmp_path / "index")
    assert hits(spoken, top=100, options=FindOptions(threads=3), index=tmp_path / "index") == one


def test_hits_of_a_long_recording_are_found_in_its_parts(tmp_path):
    """Where a part is cut out nothing seems to be found that is not, and the query is not its own hit."""
    rng = np.random.default_rng(0)
    long = rng.normal(size=(4000, 10))
    for first in (700, 1900, 3100):
        long[first : first + 40] = long[100:140] + 0.3 * rng.normal(size=(40, 10))
    home = write_planted(tmp_path, [long])
    every = hits(home, top=3, start=1.0, end=1.4)
    found = hits(home, top=3, start=1.0, end=1.4, index=tmp_path / "index")
    assert sorted(hit[1] for hit in found) == pytest.approx([700, 1900, 3100], abs=3)
    assert [hit[:3] for hit in found] == [hit[:3] for hit in every]


def test_the_index_of_terms_serves(spoken, tmp_path, monkeypatch):
    options = TermOptions(window=150, min_duration=200, tables=8)
    terms(spoken / "frames", spoken / "corpus.jsonl", tmp_path / "terms", options, threads=1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "terms" / "index").iterdir()}
    assert len(hits(spoken, index=tmp_path / "terms" / "index")) == 12
    after = {path.name: path.read_bytes() for path in (tmp_path / "terms" / "index").iterdir()}
    assert after == before


def test_a_query_of_another_corpus_is_looked_up(spoken, tmp_path):
    other = write_planted(tmp_path, planted(6, 1, []))
    query = QueryOptions(
        query="u000", start=0.2, end=0.6, query_encodings=other / "frames", query_corpus=other / "corpus.jsonl"
    )
    how = {"options": FindOptions(normalise="none"), "top": 8}
    every = find(spoken / "frames", spoken / "corpus.jsonl", query, **how).hits
    some = find(spoken / "frames", spoken / "corpus.jsonl", query, index=tmp_path / "index", **how).hits
    assert [hit.utterance.id for hit in some] == [hit.utterance.id for hit in every]
    with pytest.raises(ValueError, match="not in the `index`"):
        find(
            spoken / "frames",
            spoken / "corpus.jsonl",
            query,
            FindOptions(by="codes", normalise="none"),
            index=tmp_path / "other",
        )


def test_what_cannot_be_looked_up_is_said(spoken, tmp_path, capsys):
    short = hits(spoken, start=0.2, end=0.3)
    assert hits(spoken, start=0.2, end=0.3, index=tmp_path / "index") == short
    assert "the query is shorter than what is indexed" in capsys.readouterr().err
    with pytest.raises(EncodingsError, match=r"an index made in another way \(distance differ"):
        hits(spoken, options=FindOptions(distance="euclidean"), index=tmp_path / "index")
    with pytest.raises(ValueError, match="holds the encodings"):
        hits(spoken, index=spoken / "frames")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="is a file, where a folder is needed"):
        hits(spoken, index=tmp_path / "file")
    assert RATE == 16_000


class Noise:
    """Frames without a corpus."""

    content = np.random.default_rng(3).normal(size=(1200, 6))

    def read(self, utterance: str, first: int = 0, last: int | None = None) -> np.ndarray:
        return self.content[first:last]

    def distances(self, query: np.ndarray, content: np.ndarray) -> np.ndarray:
        return DISTANCES["euclidean"](query, content)


def test_what_is_found_in_a_part_costs_as_much_in_the_whole():
    material, query = Noise(), Query(Noise.content[40:60], FrameSpan("u", 40, 60))
    parts = {"u": [Part(0, 150, 0), *(Part(first, first + 110, first + 40) for first in range(80, 1091, 7))]}
    ((_, found),) = search_parts(material, parts, query, threads=1)
    whole = endings_in(material, query.taken, material.content)
    assert len(found) > 20
    for hit in found:
        assert hit.cost == pytest.approx(whole.costs[hit.last]) and hit.first == whole.starts[hit.last]
        assert whole.costs[hit.last] < whole.costs[hit.last - 1]
        assert hit.last == 1200 or whole.costs[hit.last] < whole.costs[hit.last + 1]
        assert abs(hit.first - 40) > 9
