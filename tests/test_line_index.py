"""An index finds the place that a name was given last."""

import io
import random

from unitdisc.encodings.resumable import line_index
from unitdisc.encodings.resumable.line_index import LineIndex
from unitdisc.encodings.resumable.unit_lines import line_at


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


def test_a_place_is_believed_only_if_the_name_stands_there():
    """Two names may have one hash."""
    lines = [b'{"utterance": "a", "codes": [1, 2]}', b'{"utterance": "b", "codes": null}']
    file = io.BytesIO(b"".join(line + b"\n" for line in lines))
    second = len(lines[0]) + 1
    assert line_at(file, 0, "a") == lines[0]
    assert line_at(file, second, "b") == lines[1]
    assert line_at(file, 0, "b") is line_at(file, second, "a") is line_at(file, 3, "a") is None
