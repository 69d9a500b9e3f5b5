"""show, of terms: groups of stretches that recur, to judge by ear or by eye."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tiny import listed, make_lines

import unitdisc as library
from unitdisc.corpus import corpus_checksum
from unitdisc.corpus.manifest import write_manifest
from unitdisc.reports.summary import ReportError

pytest_plugins = ["tiny_fixtures"]

LINKED = [("a", 3, 0.2), ("b", 2, 0.1), ("c", 2, 0.3)]  # the label of a group, its places, the cost of their pairs


def found_terms(folder: Path, corpus: Path, tier: str) -> Path:
    """As `unitdisc terms` writes them: of every label of LINKED a group, of places in as many utterances."""
    utterances = listed(corpus)
    units: dict[str, list] = {one.id: [] for one in utterances}
    pairs = []
    for number, (label, places, cost) in enumerate(LINKED):
        stretches = []
        for one in [one for one in utterances if any(each.label == label for each in one.alignment[tier])][:places]:
            start, end, _ = next(each for each in one.alignment[tier] if each.label == label)
            units[one.id].append({"code": number, "start": start, "end": end})
            stretches.append({"utterance": one.id, "start": start, "end": end, "group": number})
        pairs += [{"cost": cost, "score": 1.0, "stretches": [stretches[0], other]} for other in stretches[1:]]
    folder.mkdir()
    settings = {"corpus": corpus_checksum(utterances), "options": {"alike": 0.03}}
    (folder / "terms.json").write_text(json.dumps(settings))
    lines = [json.dumps({"utterance": name, "units": own}) + "\n" for name, own in units.items() if own]
    (folder / "terms.jsonl").write_text("".join(lines))
    (folder / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    return folder


@pytest.fixture
def lines(tmp_path) -> Path:
    """Lines of bars of four heights, each by a scribe of its own."""
    corpus = make_lines(tmp_path, 4)
    write_manifest(corpus, [replace(one, speaker=f"scribe {number}") for number, one in enumerate(listed(corpus))])
    return corpus


def shown(terms: Path, corpus: Path, **options) -> str:
    return " ".join(library.show(terms, corpus, corpus.parent / "page.html", **options).read_text().split())


def test_those_of_most_scribes_come_first_and_then_the_most_alike(lines, tmp_path):
    page = shown(found_terms(tmp_path / "terms", lines, "character"), lines, tier="character", most=3)
    assert re.findall(r"Term (\d)</h3>", page) == ["0", "1", "2"]  # three scribes; of two, the lower cost; the rest
    shared, alike = page.split('<section id="alike">')
    assert "3 places by 3 scribes" in shared and "cost 0.100" in shared and "cost 0.300" in alike
    assert "3 groups of 7 places" in page and re.search(r"<b>[^<]*a[^<]*</b>", shared)
    assert page.count("<figure") == 7 and "Cannot be shown" not in page


def test_what_is_said_by_labels_is_said_where_there_are_any(lines, tmp_path):
    page = shown(found_terms(tmp_path / "terms", lines, "character"), lines, most=1)
    assert "In bold" not in page and '<section id="alike">' not in page  # no tier of words


def test_terms_of_recordings_are_heard(tiny_corpus, tmp_path):
    page = shown(found_terms(tmp_path / "terms", tiny_corpus, "phone"), tiny_corpus, tier="phone", most=2)
    assert page.count("play all</button>") == 2 and page.count("<audio") == 5 and "ms long" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_names_are_escaped(lines, tmp_path):
    bad = "<script>alert(1)</script>"
    write_manifest(lines, [replace(one, speaker=bad) for one in listed(lines)])
    page = shown(found_terms(tmp_path / "terms", lines, "character"), lines, most=2)
    assert bad not in page and "&lt;script&gt;alert" in page


def test_a_line_that_cannot_be_read_is_said_and_the_others_are_shown(lines, tmp_path):
    terms = found_terms(tmp_path / "terms", lines, "character")
    (tmp_path / "line00.png").write_bytes(b"nothing")
    page = shown(terms, lines)
    assert "Cannot be shown" in page and "line00.png" in page and "Term 0" in page


def place_as(code="0", start=0, end=9) -> str:
    """A place in the first line."""
    return f'{{"utterance": "line00", "units": [{{"code": {code}, "start": {start}, "end": {end}}}]}}\n'


@pytest.mark.parametrize(
    "name,content,message",
    [
        ("terms.json", '{"corpus": "another"}', "terms: holds terms of another corpus"),
        ("terms.json", "[]", "terms: holds terms of another corpus"),
        ("terms.json", "{", "terms.json: damaged"),
        ("terms.jsonl", None, "terms.jsonl: no such file, so the search has not ended; find terms again"),
        ("terms.jsonl", "", "terms: nothing recurs, so there is nothing to show"),
        ("terms.jsonl", "{}\n", "terms.jsonl:1: damaged; find terms again"),
        ("terms.jsonl", '{"utterance": "x", "units": []}\n', "terms.jsonl:1: damaged"),
        ("terms.jsonl", place_as(code="1e400"), "terms.jsonl:1: damaged"),
        ("terms.jsonl", place_as(end=10**6), "terms.jsonl:1: damaged"),
        ("terms.jsonl", place_as(start=9), "terms.jsonl:1: damaged"),
        ("pairs.jsonl", "", "pairs.jsonl: has no pair of group 0; find terms again"),
        ("pairs.jsonl", '{"cost": NaN, "stretches": [{"group": 0}, {"group": 0}]}\n', "pairs.jsonl:1: damaged"),
        ("pairs.jsonl", '{"cost": 1}\n', "pairs.jsonl:1: damaged"),
        ("pairs.jsonl", "[\n", "pairs.jsonl:1: damaged"),
    ],
)
def test_what_cannot_be_shown_is_refused(lines, tmp_path, name, content, message):
    terms = found_terms(tmp_path / "terms", lines, "character")
    (terms / name).unlink() if content is None else (terms / name).write_text(content)
    with pytest.raises(ReportError, match=message):
        shown(terms, lines)
    assert not (tmp_path / "page.html").exists()


def test_a_folder_without_pairs_is_none_of_terms(lines, tmp_path):
    terms = found_terms(tmp_path / "terms", lines, "character")
    shutil.rmtree(terms)
    terms.mkdir()
    with pytest.raises(ValueError, match="terms"):
        shown(terms, lines)
