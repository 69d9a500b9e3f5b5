"""Labels beside recordings, in the formats of other tools: what they say, whose they are, and what half fits."""

import numpy as np
import pytest
from field_folders import eaf, textgrid
from hypothesis import given
from hypothesis import strategies as st

from unitdisc.corpus import CorpusError, Interval, alignment_faults
from unitdisc.prep.notes import Notes
from unitdisc.prep.recordings.elan import media_named, read_elan
from unitdisc.prep.recordings.fitting import fitted, within
from unitdisc.prep.recordings.label_tiers import Labels, read_labels
from unitdisc.prep.recordings.tier_kinds import LabelTier, named_tier, told_apart
from unitdisc.prep.recordings.turns import FittedTier, Turn, turns


@pytest.fixture
def read(tmp_path):
    """What a file called so beside talk.wav, of two seconds, says; and what is noted."""

    def labels(name: str, text: str | bytes) -> tuple[Labels, Notes]:
        path, notes = tmp_path / name, Notes()
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_labels(tmp_path / "talk.wav", [path], 2.0, notes), notes

    return labels


def one(labels: Labels) -> LabelTier:
    (tier,) = labels.tiers
    return tier


@pytest.mark.parametrize(
    ("name", "text", "tier", "rows"),
    [
        ("talk.txt", "0.5\t1.0\tso\n1.0\t1.5\tit  was\n", "label", [(0.5, 1, "so"), (1, 1.5, "it was")]),
        ("talk.txt", "0,5\t1,0\tso\n\\\t100\t2000\n", "label", [(0.5, 1, "so")]),  # decimal commas, frequencies
        ("talk.txt", "\ufeff0.5\t0.5\n", "label", [(0.5, 0.5, "")]),  # a point without a name
        ("talk.words.txt", "0.5\t1.0\tso\n", "word", [(0.5, 1, "so")]),
        ("talk.lab", "0 5000000 a\n5000000 12000000 b 0.3\n", "phone", [(0, 0.5, "a"), (0.5, 1.2, "b")]),
        ("talk.lab", "0.0 0.5 a\n0.5 1.25 b\n", "phone", [(0, 0.5, "a"), (0.5, 1.25, "b")]),
        ("talk.lab", "0 1 a\n1 2 b\n", "phone", [(0, 1, "a"), (1, 2, "b")]),  # whole seconds
        ("talk.lab", "signal talk\nnfields 1\n#\n0.5 121 a\n1.25 121 b\n", "phone", [(0, 0.5, "a"), (0.5, 1.25, "b")]),
        ("talk.tone.lab", "0.0 0.5 H\n", "tone", [(0, 0.5, "H")]),
        ("talk.ctm", "talk 1 0.5 0.25 so\ntalk 1 0.75 0.25 it\n", "word", [(0.5, 0.75, "so"), (0.75, 1, "it")]),
        ("talk.TextGrid", textgrid(2, {"phones": [(0, 1, "a"), (1, 2, "")]}), "phone", [(0, 1, "a"), (1, 2, "")]),
        ("talk.TextGrid", textgrid(2, {"word tier": [(0, 1, "a")]}), "word", [(0, 1, "a")]),
        ("talk.TextGrid", textgrid(2, {"gloss": [(0, 1, "a")]}), "gloss", [(0, 1, "a")]),
    ],
)
def test_every_format_is_read(read, name, text, tier, rows):
    found, notes = read(name, text)
    assert (one(found).name, one(found).speaker, one(found).rows) == (tier, "", rows)
    assert found.text is None and not notes.counts


@pytest.mark.parametrize("name", ["talk.txt", "talk.lab"])
def test_what_has_no_times_is_a_text(read, name):
    found, _ = read(name, "So it\n was.\n")
    assert found == Labels([], "So it was.")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("talk.TextGrid", "nonsense", "is no TextGrid of Praat"),
        ("talk.eaf", "<html/>", "is no file of ELAN, for its root is <html>"),
        ("talk.eaf", "<a", "is no XML, or cut off"),
        ("talk.txt", b"caf\xe9", "not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_left_out_by_name(read, name, text, why):
    found, notes = read(name, text)
    assert found == Labels([], None)
    (said,) = notes.counts
    assert why in said and said.startswith("labels that cannot be read, left out: ") and notes.names[said] == [name]


def test_two_speakers_of_a_textgrid_are_told_apart(read):
    rows = {"ann - phones": [(0, 1, "a")], "Bob - phones": [(1, 2, "b")]}
    found, notes = read("talk.TextGrid", textgrid(2, rows))
    assert [(tier.name, tier.speaker) for tier in found.tiers] == [("phone", "ann"), ("phone", "Bob")]
    assert list(notes.counts) == ["TextGrids with tiers of several speakers (ann, Bob), who are told apart"]


CHILDREN = (
    '<TIER TIER_ID="gloss" PARENT_REF="tx@ann" PARTICIPANT="ann"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="g1" '
    'ANNOTATION_REF="x1"><ANNOTATION_VALUE>hello</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>'
    '<TIER TIER_ID="morphs" PARENT_REF="gloss"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="m1" ANNOTATION_REF="g1">'
    "<ANNOTATION_VALUE>he</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION><ANNOTATION><REF_ANNOTATION "
    'ANNOTATION_ID="m2" ANNOTATION_REF="g1" PREVIOUS_ANNOTATION="m1"><ANNOTATION_VALUE>llo</ANNOTATION_VALUE>'
    "</REF_ANNOTATION></ANNOTATION></TIER>"
)


def test_elan_tells_who_says_what(tmp_path):
    tiers = [
        ("tx@ann", "", [(0, 1, "kia ora")]),
        ("A_kōrero", "Bob", [(1, 2.5, "āe")]),
        ("notes", "", [(0, 1, "wind")]),
    ]
    (tmp_path / "a.eaf").write_text(eaf(tiers, "talk.wav", CHILDREN, origin=500), encoding="utf-8")
    notes = Notes()
    found = read_elan(tmp_path / "a.eaf", "talk.wav", notes)
    assert [(tier.name, tier.speaker, tier.rows) for tier in found] == [
        ("utterance", "ann", [(0.5, 1.5, "kia ora")]),
        ("utterance", "Bob", [(1.5, 3.0, "āe")]),
        ("notes", "", [(0.5, 1.5, "wind")]),
        ("gloss", "ann", [(0.5, 1.5, "hello")]),
    ]
    assert list(notes.counts) == ["ELAN files whose tier 'morphs' has parts without times of their own, left out"]
    assert media_named(tmp_path / "a.eaf") == ["talk.wav"]
    assert read_elan(tmp_path / "a.eaf", "other.wav", Notes())[0].rows == [(0, 1, "kia ora")]


def test_elan_times_that_are_not_set_lie_between_those_that_are(tmp_path):
    text = (
        '<ANNOTATION_DOCUMENT><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="b"/>'
        '<TIME_SLOT TIME_SLOT_ID="c"/><TIME_SLOT TIME_SLOT_ID="d" TIME_VALUE="900"/></TIME_ORDER>'
        '<TIER TIER_ID="words">'
        + "".join(
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{s}" TIME_SLOT_REF1="{s}" TIME_SLOT_REF2="{e}">'
            f"<ANNOTATION_VALUE>{s}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
            for s, e in ("ab", "bc", "cd")
        )
        + "</TIER></ANNOTATION_DOCUMENT>"
    )
    (tmp_path / "a.eaf").write_text(text)
    (tier,) = read_elan(tmp_path / "a.eaf", "", Notes())
    np.testing.assert_allclose([row[:2] for row in tier.rows], [(0, 0.3), (0.3, 0.6), (0.6, 0.9)])


def test_elan_runs_nothing_and_reads_nothing_else(tmp_path):
    for trick in ('<!DOCTYPE a [<!ENTITY x "y">]>', '<!DOCTYPE a SYSTEM "file:///etc/passwd">'):
        (tmp_path / "a.eaf").write_text(f"{trick}<ANNOTATION_DOCUMENT>&x;</ANNOTATION_DOCUMENT>")
        with pytest.raises(CorpusError):
            read_elan(tmp_path / "a.eaf", "", Notes())


def test_tiers_of_one_name_keep_apart():
    tiers = [named_tier("ref@ann", [], otherwise="utterance"), named_tier("tx@ann", []), named_tier("tx@bob", [])]
    found = [(tier.name, tier.speaker) for tier in told_apart(tiers)]
    assert found == [("utterance", "ann"), ("ref@ann", "ann"), ("utterance", "bob")]
    again = told_apart([named_tier("x", [(0, 1, "1")]), named_tier("x", [(0, 1, "2")]), named_tier("x", [])])
    assert [tier.name for tier in again] == ["x", "x-2", "x-3"]


@pytest.mark.parametrize(
    ("rows", "kept", "note"),
    [
        ([(0.5, 1, "a"), (1.5, 2.5, "b")], [(0.5, 1, "a"), (1.5, 2, "b")], "outlast their recording, cut to it"),
        ([(0, 1, "a"), (1, 2, "b"), (3, 4, "c")], [(0, 1, "a"), (1, 2, "b")], "outside of their recording, left out"),
        ([(0, 1, "a"), (3, 4, "b"), (5, 6, "c")], [], "of which most is outside of the recording, left out whole"),
        ([(0, 1, "a"), (0.9, 2, "b")], [(0, 0.9, "a"), (0.9, 2, "b")], "begin before the one before ends, cut there"),
        ([(0, 1, "a"), (0.995, 2, "b")], [(0, 0.995, "a"), (0.995, 2, "b")], None),
        ([(1, 2, "b"), (0, 1, "a")], [(0, 1, "a"), (1, 2, "b")], None),
        ([(-0.2, 1, "a")], [(0, 1, "a")], "outlast their recording"),
        ([(1, 0.5, "a"), (1, 2, "b")], [(1, 2, "b")], "whose times run backwards"),
        ([(float("nan"), 1, "a"), (1, 2, "b"), (0, 0.5, "c")], [(0, 0.5, "c"), (1, 2, "b")], "outside|backwards"),
        ([(1, 1, "a"), (1, 2, "b")], [(1, 2, "b")], "without length, left out"),
        ([(0, 1, ""), (1, 2, "b")], [(0, 1, "SIL"), (1, 2, "b")], None),
    ],
)
def test_what_half_fits_is_repaired_or_left_out_and_said(rows, kept, note):
    notes = Notes()
    found = fitted(rows, 2000, 1000, "phone", "talk", notes)
    assert [(each.start / 1000, each.end / 1000, each.label) for each in found] == kept
    said = list(notes.counts)
    assert bool(said) == (note is not None)
    assert not note or any(part in said[0] for part in note.split("|")), said


def test_empty_labels_of_other_tiers_are_nothing():
    assert fitted([(0, 1, ""), (1, 2, "x")], 20, 10, "gloss", "talk", Notes()) == [Interval(10, 20, "x")]


TIMES = st.floats(-1, 4) | st.sampled_from([float("nan"), float("inf"), -float("inf")])


@given(st.lists(st.tuples(TIMES, TIMES, st.sampled_from(["a", "", "b"])), max_size=12))
def test_whatever_the_times_are_the_tier_is_one(rows):
    found = fitted(rows, 200, 100, "phone", "talk", Notes())
    assert not list(alignment_faults({"phone": found}, 200))
    for start, end in ((0, 200), (37, 120)):
        assert not list(alignment_faults({"phone": within(found, start, end)}, end - start))


def test_turns_are_told_by_speakers_then_texts_then_who_has_labels():
    words = FittedTier("word", "ann", [Interval(0, 10, "so"), Interval(12, 20, "it"), Interval(60, 70, "was")])
    others = FittedTier("word", "bob", [Interval(30, 40, "yes"), Interval(40, 50, "sil")])
    texts = FittedTier("utterance", "ann", [Interval(0, 25, "so it"), Interval(25, 30, "")])
    who = FittedTier("speaker", "", [Interval(0, 30, "Ann"), Interval(30, 50, "Bob"), Interval(50, 60, "")])
    assert turns([words], 10) == []
    assert turns([words, others], 10) == [Turn(0, 20, "ann"), Turn(30, 40, "bob"), Turn(60, 70, "ann")]
    assert turns([words, others, texts], 10) == [Turn(0, 25, "ann", "so it")]
    assert turns([words, others, texts, who], 10) == [Turn(0, 30, "Ann"), Turn(30, 50, "Bob")]
