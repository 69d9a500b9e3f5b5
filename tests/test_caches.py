"""A home that cannot be written stops nobody: libraries keep what they compile in a folder of the user's own."""

import importlib
import os
import pwd
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import pytest

import unitdisc
from unitdisc.files import caches

NOWHERE = "/dev/null/home"  # not even root can make it


@pytest.fixture
def homeless(monkeypatch, tmp_path) -> Path:
    """The folder that is taken instead."""
    monkeypatch.setenv("HOME", NOWHERE)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for variable in ("XDG_CACHE_HOME", *caches.CACHES):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv(variable, "")  # so that it is as before after the test
        monkeypatch.delenv(variable)
    return tmp_path / f"unitdisc-{os.getuid()}"


def kept() -> list[str | None]:
    return [os.environ.get(variable) for variable in caches.CACHES]


def test_without_a_home_caches_are_in_a_folder_for_this_user_alone(homeless):
    caches.keep_caches_somewhere()
    assert kept() == [f"{homeless}/numba", f"{homeless}/matplotlib"]
    assert homeless.stat().st_mode & 0o777 == 0o700
    caches.keep_caches_somewhere()  # it is there by now
    assert kept() == [f"{homeless}/numba", f"{homeless}/matplotlib"]


def test_a_user_without_a_home_has_none_in_the_working_directory(homeless, tmp_path, monkeypatch):
    """As a number without a name in a container: `~` stays what it is."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    monkeypatch.chdir(tmp_path)
    caches.keep_caches_somewhere()
    assert kept() == [f"{homeless}/numba", f"{homeless}/matplotlib"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
def test_a_home_that_cannot_be_entered_is_none(homeless, tmp_path, monkeypatch):
    """As that of root, for another who has her environment."""
    (tmp_path / "closed").mkdir(mode=0)
    monkeypatch.setenv("HOME", str(tmp_path / "closed" / "home"))
    caches.keep_caches_somewhere()
    assert kept() == [f"{homeless}/numba", f"{homeless}/matplotlib"]


def test_a_home_and_what_a_user_sets_hold(homeless, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/mine")
    caches.keep_caches_somewhere()
    assert kept() == ["/mine", f"{homeless}/matplotlib"]
    monkeypatch.delenv("MPLCONFIGDIR")
    for name, home in (("HOME", tmp_path / "made" / "later"), ("XDG_CACHE_HOME", tmp_path)):
        monkeypatch.setenv("HOME", NOWHERE)
        monkeypatch.setenv(name, str(home))
        caches.keep_caches_somewhere()
        assert kept() == ["/mine", None]


def test_a_folder_that_others_can_write_is_not_trusted(homeless):
    """Whoever could put a program there could have it run."""
    homeless.mkdir(mode=0o700)
    homeless.chmod(0o770)
    caches.keep_caches_somewhere()
    homeless.rmdir()
    homeless.symlink_to(homeless.parent)
    caches.keep_caches_somewhere()
    homeless.unlink()
    homeless.touch()
    caches.keep_caches_somewhere()
    assert kept() == [None, None]


def test_importing_the_package_is_enough(homeless):
    importlib.reload(unitdisc)
    assert kept() == [f"{homeless}/numba", f"{homeless}/matplotlib"]


def test_functions_are_compiled_where_neither_home_nor_package_can_be_written(homeless, monkeypatch):
    def one() -> int:
        return 1

    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator,UserWideCacheLocator")
    with pytest.raises(RuntimeError, match="no locator available"):
        numba.njit(cache=True)(one)
    caches.keep_caches_somewhere()
    assert numba.njit(cache=True)(one)() == 1
    assert list(homeless.rglob("*.nbi"))


ROUNDS = f"""
import unitdisc, torch
for _ in range(2):
    for frames in range(64, 66 + {caches.MOST_LAYERS}):
        torch.conv1d(torch.ones(8, 16, frames), torch.ones(16, 16, 3))
"""


def test_layers_for_shapes_that_do_not_come_again_are_not_kept(monkeypatch):
    """In the second of two rounds over more shapes than are kept, all convolutions are compiled again."""
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY")
    monkeypatch.setenv("ONEDNN_VERBOSE", "2")
    done = subprocess.run([sys.executable, "-c", ROUNDS], capture_output=True, text=True, check=True)
    compiled = len(re.findall(r"create:cache_miss.*,convolution,", done.stdout))
    if not compiled:
        pytest.skip("this torch convolves without oneDNN")
    assert compiled == 2 * (caches.MOST_LAYERS + 2)


def test_how_many_layers_users_keep_is_left_to_them(monkeypatch):
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "7")
    caches.keep_few_layers()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "7"
