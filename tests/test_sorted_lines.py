"""Lines in the order of their names, however few are in memory."""

import random

import pytest

from unitdisc.encodings.resumable import sorted_lines
from unitdisc.encodings.resumable.sorted_lines import SortedLines


def name_of(line: bytes) -> str:
    return line.split()[0].decode()


@pytest.mark.parametrize("memory", [1, 1000, 20_000, 1 << 26])
@pytest.mark.parametrize("size", [0, 1, 300])
def test_lines_come_in_order_and_the_last_of_a_name_counts(tmp_path, monkeypatch, memory, size):
    monkeypatch.setattr(sorted_lines, "IN_MEMORY", memory)
    monkeypatch.setattr(sorted_lines, "AT_ONCE", 50)
    generator, expected = random.Random(size), {}
    with SortedLines(tmp_path, name_of) as lines:
        for number in range(size):
            name = generator.choice(["é", "z", "𝄞", "\uffff", "a"]) + str(generator.randrange(size // 2 + 1))
            expected[name] = f"{name} {number} {'x' * generator.randrange(60)}".encode()
            lines.add(name, expected[name])
        for _ in range(2):
            assert list(lines) == sorted(expected.items())
        assert len(lines.runs) > 0 or memory > 20_000 or size < 300


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(sorted_lines, "IN_MEMORY", 1)
    with SortedLines(tmp_path, name_of) as lines:
        for name in "cab":
            lines.add(name, name.encode())
        assert not list(tmp_path.iterdir()), "a killed process would leave it behind"
        assert [name for name, _ in lines] == ["a", "b", "c"]
    assert not list(tmp_path.iterdir())
