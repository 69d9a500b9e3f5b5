"""An index finds the place that a name was given last."""

import random

from unitdisc.encodings import line_index
from unitdisc.encodings.line_index import LineIndex


def test_a_name_has_the_place_it_was_given_last(monkeypatch):
    monkeypatch.setattr(line_index, "FEWEST", 7)
    index, known, generator = LineIndex(), {}, random.Random(1)
    for place in range(2000):
        name = str(generator.randrange(900))
        index.add(name, place)
        known[name] = place
        other = str(generator.randrange(900))
        assert index.find(other) == known.get(other)
    assert len(index.hashes) > 800
    assert {name: index.find(name) for name in known} == known
    assert index.find("other") is None
