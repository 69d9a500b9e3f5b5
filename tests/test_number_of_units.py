"""How many units: what describes the utterances that it was not learned from in the fewest nats."""

from dataclasses import replace

import numpy as np
import pytest
from test_templates import InMemory, corpus, timing_of

import unitdisc as library
from unitdisc.data.features import features_of_kind
from unitdisc.encodings import EncodingsError
from unitdisc.segmentation.templates import number
from unitdisc.segmentation.templates.learning import learn
from unitdisc.segmentation.templates.number import TriedNumber, fewest_nats, number_of_units, worse_in_a_row
from unitdisc.segmentation.templates.options import TemplateOptions
from unitdisc.segmentation.templates.storage import read_templates

pytest_plugins = ["tiny_fixtures"]

OPTIONS = TemplateOptions(rate=10.9, pool=1, dims=5, min_duration=3, max_duration=9, passes=6)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [5, 10, 20])
def test_about_as_many_as_there_are(kinds):
    frames, _ = corpus(80, kinds)
    tried = number_of_units(frames, timing_of(frames), OPTIONS, blank=True)
    assert kinds <= fewest_nats(tried) <= 2 * kinds
    assert [each.units for each in tried] == [5 * 2**power for power in range(len(tried))]
    assert worse_in_a_row(tried) == 2 and len({each.nats for each in tried}) == len(tried)


def test_what_is_learned_and_what_is_described_are_apart(monkeypatch):
    (frames, _), seen = corpus(12), []
    real = number.learn

    def learning(of, timing, *args, **kwargs):
        seen.append(([*of.names], timing))
        return real(of, timing, *args, **kwargs)

    described = []
    told = number.description

    def describing(templates, of, threads):
        described.append([*of.names])
        return told(templates, of, threads)

    monkeypatch.setattr(number, "learn", learning)
    monkeypatch.setattr(number, "description", describing)
    number_of_units(frames, timing_of(frames), OPTIONS, blank=True)
    for (names, timing), others in zip(seen, described):
        assert not {*names} & {*others} and {*names, *others} == {*frames.names}
        assert timing.frames == sum(len(frames[name]) for name in names)
        assert timing.frames_per_unit_of_time == pytest.approx(timing_of(frames).frames_per_unit_of_time)


@pytest.mark.parametrize("blank", [True, False])
def test_nats_are_those_of_the_definition(blank):
    frames, _ = corpus(6)
    found = learn(frames, timing_of(frames), replace(OPTIONS, units=4), blank=blank).templates
    squares, choices, count = 0.0, 0.0, 0
    for name in frames.names:
        projected = found.projected(frames[name])
        segments, inside = found.cut(projected), np.zeros(len(projected), bool)
        for start, end, unit in zip(segments.starts, segments.ends, segments.units):
            inside[start:end] = True
            width = end - start
            even = (np.arange(8) + 0.5) * width / 8 - 0.5
            brought = [
                np.interp(np.clip(even, 0, width - 1), np.arange(width), column) for column in projected[start:end].T
            ]
            squares += width / 8 * np.square(np.transpose(brought) - found.means[unit]).sum()
            mean, deviation = found.durations.means[unit], found.durations.deviations[unit]
            choices += ((width - mean) / deviation) ** 2 / 2 + np.log(deviation) - found.durations.log_priors[unit]
        if blank:
            squares += np.square(projected[~inside] - found.blank).sum()
        count += len(projected)
    told = number.description(found, frames, threads=1)
    assert (told.frames, told.squares) == (count, pytest.approx(squares, rel=1e-4))
    assert told.choices == pytest.approx(choices)
    assert number.nats_per_unit(told, 50, 5) == pytest.approx(2.5 * np.log(squares / count) + choices / 50, abs=1e-3)


def test_no_more_than_there_are_segments_and_never_of_one_utterance():
    frames, _ = corpus(4)
    assert [each.units for each in number_of_units(frames, timing_of(frames), OPTIONS, blank=True)] == [5, 10]
    alone = InMemory({"line00": frames["line00"]})
    with pytest.raises(EncodingsError, match="one utterance does not tell how many units there are; give `units`"):
        number_of_units(alone, timing_of(alone), OPTIONS, blank=True)
    few = InMemory({name: frames[name][:9] for name in frames.names[:2]})
    with pytest.raises(EncodingsError, match=r"falls into . segments, but 5 units are wanted"):
        number_of_units(few, timing_of(few), OPTIONS, blank=True)


def test_the_search_ends_after_two_that_are_worse():
    tried = [TriedNumber(units, nats) for units, nats in ((5, 3.0), (10, 1.0), (20, 1.5), (40, 1.2))]
    assert fewest_nats(tried) == 10
    assert [worse_in_a_row(tried[:count]) for count in range(5)] == [0, 0, 0, 1, 2]


def test_the_number_is_said_and_kept_with_what_was_tried(tiny_lines, tmp_path, capsys):
    library.features(tiny_lines, tmp_path / "frames", features_of_kind("gradients", height=16))
    options = library.TemplateOptions(rate=9, passes=1)
    card = library.templates(tmp_path / "frames", tiny_lines, tmp_path / "t.safetensors", options)
    best = min(card["numbers"], key=lambda tried: tried["nats"])["units"]
    assert card["options"]["units"] == best and len(card["numbers"]) > 1
    assert f"units: {best} describe held-out utterances in the fewest nats" in capsys.readouterr().err
    assert len(read_templates(tmp_path / "t.safetensors").templates.means) == best
