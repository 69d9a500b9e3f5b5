"""show, of words: types to judge by ear or by eye."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import listed, make_lines

import unitdisc as library
from unitdisc.corpus import Interval
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.encodings import Encoding, EncodingsError, EncodingsWriter
from unitdisc.language.co_occurrence import followers
from unitdisc.language.sequences import of_strings
from unitdisc.language.vocabulary import Vocabulary
from unitdisc.reports.certainty import Seen, certainties, nearer
from unitdisc.reports.examples import Occurrence
from unitdisc.reports.word_cards import links_in
from unitdisc.reports.words_page import called, chosen

pytest_plugins = ["tiny_fixtures"]

BLANK = 4


def found_words(folder: Path, corpus: Path, tier: str, names: str = "abcd", spell: bool = True) -> Path:
    """As `unitdisc words` writes them: every label a word, of a type for each name."""
    settings = {"rate": None, "stride": 2, "offset": 1.0, "num_codes": BLANK + 1, "blank": BLANK}
    settings |= {"tokens": "words/words.jsonl", "segmentation": {"words": {"method": "given"}}}
    writer, lines = EncodingsWriter(folder, settings), []
    for one in read_manifest(corpus):
        centres = np.arange(1, one.ticks, 2, dtype=float)
        codes = np.full(len(centres), BLANK)
        words = [each for each in one.alignment[tier] if each.label in names]
        for start, end, label in words:
            codes[(centres >= start) & (centres < end)] = names.index(label)
        writer.write(Encoding(one.id, centres, codes[:, None].astype(np.float32), codes=codes))
        units = [{"code": names.index(label), "start": start, "end": end} for start, end, label in words]
        lines.append(json.dumps({"utterance": one.id, "units": units}))
    (folder / "words").mkdir()
    (folder / "words/words.jsonl").write_text("\n".join(lines) + "\n")
    entries = [{"type": code, "units": [name, "x"] if spell else None} for code, name in enumerate(names)]
    (folder / "words/lexicon.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    writer.finish()
    return folder


@pytest.fixture
def lines(tmp_path) -> Path:
    """Lines of bars of four heights, which are words."""
    corpus = make_lines(tmp_path, 6)
    renamed = [replace(one, alignment={"word": one.alignment["character"]}) for one in listed(corpus)]
    write_manifest(corpus, renamed)
    return corpus


def shown(words: Path, corpus: Path, **options) -> str:
    return " ".join(library.show(words, corpus, corpus.parent / "page.html", **options).read_text().split())


def test_types_of_lines_are_seen_beside_true_words(lines, tmp_path):
    page = shown(found_words(tmp_path / "words", lines, "word"), lines, most=3)
    assert ": words</title>" in page and "found without labels in handwriting" in page
    kinds = re.findall(r"Type (\d): ([a-d]) 100%</h3>", page)
    assert len(kinds) == 3 and all("abcd"[int(code)] == word for code, word in kinds)
    assert re.search(r"<code>[a-d] x</code>", page) and "by 3 scribes" in page
    assert "What follows what" in page or "links" not in page
    assert '<td class="number">1.000</td>' in page and "Zipf" in page  # purity
    assert page.count('class="whole"') > 1 and "found word 0" in page and "word: " in page
    assert "How the vocabulary grows" in page and "Tokens of each type against its rank" in page
    assert "certainty <b>100%</b>" in page  # bars of one height are alike


def test_types_of_recordings_are_heard(tiny_corpus, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    write_manifest(corpus, [replace(u, alignment={"word": u.alignment["phone"]}) for u in listed(tiny_corpus)])
    page = shown(found_words(tmp_path / "words", corpus, "word"), corpus, most=2)
    assert page.count("play all</button>") == 2 and "ms long" in page and " at 0." in page
    assert page.count("<audio") == 2 * 6 + 4  # examples, and whole utterances
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_without_labels_nothing_is_said_of_them(lines, tmp_path):
    words = found_words(tmp_path / "words", lines, "word", spell=False)
    write_manifest(lines, [replace(one, alignment={}) for one in listed(lines)])
    page = shown(words, lines, most=2)
    assert "called" not in page and "purity" not in page and "lower row" not in page and "Units:" not in page
    assert re.search(r"Type 0</h3>", page)


def test_names_are_escaped(lines, tmp_path):
    bad = "<script>alert(1)</script>"
    words = found_words(tmp_path / "words", lines, "word")
    entry = json.dumps({"type": 0, "units": [bad]})
    (words / "words/lexicon.jsonl").write_text(entry + "\n")
    write_manifest(lines, [replace(one, speaker=bad, text=bad) for one in listed(lines)])
    page = shown(words, lines, most=2)
    assert bad not in page and "&lt;script&gt;alert" in page


def test_a_line_that_cannot_be_read_is_said_and_the_others_are_shown(lines, tmp_path):
    words = found_words(tmp_path / "words", lines, "word")
    (tmp_path / "line00.png").write_bytes(b"nothing")
    page = shown(words, lines, most=2)
    assert "What could not be shown" in page and "line00.png" in page and "Type 0: a" in page


@pytest.mark.parametrize(
    "name,content,message",
    [
        ("lexicon.jsonl", "{\n", r"lexicon.jsonl:1: damaged; find words again"),
        ("lexicon.jsonl", '{"type": 0}\n', r"lexicon.jsonl:1: damaged"),
        ("words.jsonl", "{}\n", r"words.jsonl:1: damaged"),
        ("words.jsonl", '{"utterance": "x", "units": []}\n', "lists no words of these utterances"),
        ("words.jsonl", None, "words.jsonl: not there, but encodings.json says that tokens are in it"),
    ],
)
def test_damaged_files_are_named(name, content, message, lines, tmp_path):
    words = found_words(tmp_path / "words", lines, "word")
    path = words / "words" / name
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(EncodingsError, match=message):
        library.show(words, lines, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


@pytest.mark.slow
def test_the_page_is_always_the_same(lines, tmp_path):
    words = found_words(tmp_path / "words", lines, "word")
    assert shown(words, lines, most=2) == shown(words, lines, most=2)


def test_the_tier_of_true_words_may_be_another(lines, tmp_path):
    words = found_words(tmp_path / "words", lines, "word")
    write_manifest(lines, [replace(one, alignment={"mot": one.alignment["word"]}) for one in listed(lines)])
    assert "called" not in shown(words, lines, most=1) and "called" in shown(words, lines, most=1, tier="mot")


# Which types, and how certain


def test_the_most_frequent_and_then_the_most_certain():
    occurrences = {code: [None] * times for code, times in enumerate((9, 9, 5, 4, 3, 2))}
    certain = {0: 0.7, 1: 0.5, 2: 0.6, 3: 0.801, 4: 0.799}
    assert chosen(occurrences, certain, 4) == ([0, 1], [3, 4])
    assert chosen(occurrences, certain | {4: 0.81}, 3) == ([0, 1], [4])
    assert chosen(occurrences, certain, 99) == ([0, 1, 2, 3, 4, 5], [])


def test_a_type_is_called_after_a_word_that_most_of_it_is():
    from collections import Counter

    assert called(7, Counter(so=3, it=2), "s o") == "7 so"
    assert called(7, Counter(so=2, it=2), "s o") == "7 /s o/" and called(7, Counter(), "") == "7"


@pytest.mark.parametrize("speakers,theirs", [("ababa", "abcabca"), ("aaaaa", "abcabca"), ("ababa", "aaaaaaa")])
def test_certainty_is_counted_from_the_definition(speakers, theirs):
    rng = np.random.default_rng(1)
    own, others = rng.integers(0, 3, (5, 2)).astype(float), rng.integers(0, 3, (7, 2)).astype(float)
    wins, alone = [], len({*speakers}) == 1
    for a in range(5):
        fair = [c for c in range(7) if (theirs[c] == speakers[a]) == alone] or range(7)
        for b in range(5):
            if a != b and (alone or speakers[a] != speakers[b]):
                near = ((own[a] - own[b]) ** 2).sum()
                far = [((own[a] - others[c]) ** 2).sum() for c in fair]
                wins.append(np.mean([1.0 if near < each else 0.5 if near == each else 0.0 for each in far]))
    found = nearer(Seen(own, np.array([*speakers])), Seen(others, np.array([*theirs])))
    assert found == pytest.approx(np.mean(wins))


def test_certainty_where_there_is_nothing_to_compare():
    one, none = Seen(np.zeros((1, 2)), np.array(["a"])), Seen(np.zeros((0, 2)), np.array([], str))
    two = Seen(np.zeros((2, 2)), np.array(["a", "b"]))
    assert nearer(one, one) is None and nearer(two, none) is None and nearer(two, one) == 0.5


def test_types_by_lot_are_as_certain_as_chance(lines):
    rng, true, by_lot = np.random.default_rng(0), {}, {}
    for line in listed(lines):
        for interval in line.alignment["word"]:
            true.setdefault("abcd".index(interval.label), []).append(Occurrence(line, interval))
            by_lot.setdefault(int(rng.integers(4)), []).append(Occurrence(line, interval))
    assert min(certainties(true, []).values()) > 0.95
    assert abs(np.mean([*certainties(by_lot, []).values()]) - 0.5) < 0.1


def test_a_sound_is_compared_by_its_sound(tmp_path):
    """Tones of two pitches, of other loudness, in noise."""
    import soundfile

    from unitdisc.corpus import Utterance

    occurrences: dict[int, list[Occurrence]] = {0: [], 1: []}
    for number in range(4):
        rng, ticks = np.random.default_rng(number), np.arange(8000)
        wave = 0.01 * rng.standard_normal(8000)
        pitch = np.where(ticks < 4000, 400, 2600)
        wave += (0.1 + 0.1 * number) * np.sin(2 * np.pi * np.cumsum(pitch) / 8000)
        soundfile.write(tmp_path / f"{number}.wav", wave, 8000)
        utterance = Utterance(f"u{number}", str(tmp_path / f"{number}.wav"), f"s{number}", 8000, 8000)
        for code in (0, 1):
            occurrences[code] += [
                Occurrence(utterance, Interval(4000 * code + 200, 4000 * code + 1800 + 300 * number, "x"))
            ]
    found = certainties(occurrences, problems := [])
    assert found == {0: 1.0, 1: 1.0} and not problems


def test_links_are_those_of_the_table_of_followers():
    rng = np.random.default_rng(0)
    strings = [[str(code) for code in rng.integers(6, size=rng.integers(1, 30))] for _ in range(20)]
    sequences = of_strings([*map(str, range(20))], strings)
    vocabulary = Vocabulary.of(sequences.symbols)
    rows = {row[:2]: row for row in followers(vocabulary.stream(sequences), vocabulary)}
    found = {link[:2]: link for link in links_in(strings)}
    inner = {pair: row for pair, row in rows.items() if not {"<s>", "</s>"} & {*pair}}
    assert {pair: link.count for pair, link in found.items()} == {pair: row[2] for pair, row in inner.items()}
    total = sum(link.count for link in found.values())
    for link in found.values():
        firsts = sum(other.count for other in found.values() if other.left == link.left)
        seconds = sum(other.count for other in found.values() if other.right == link.right)
        assert link.expected == pytest.approx(firsts * seconds / total)
