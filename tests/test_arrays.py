"""Arrays in files, read by several threads."""

import ast
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from unitdisc.files.arrays import read_array


def test_what_was_written_is_read_in_part_too(tmp_path):
    path, array = tmp_path / "a.npy", np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(path, array)
    np.testing.assert_array_equal(read_array(path), array)
    mapped = read_array(path, mapped=True)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped[1:2], array[1:2])


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="this Python parses literals in several threads at once")
def test_one_thread_at_a_time_parses_a_header(tmp_path, monkeypatch):
    path, parse, within, most = tmp_path / "a.npy", ast.literal_eval, [], []

    def slow(text):
        within.append(text)
        most.append(len(within))
        time.sleep(0.002)
        within.pop()
        return parse(text)

    monkeypatch.setattr(ast, "literal_eval", slow)
    np.save(path, np.zeros((3, 4, 2)))  # a matrix is read without looking
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(lambda mapped: read_array(path, mapped), [False, True] * 8))) == 16
    assert len(most) == 16
    assert max(most) == 1
