"""What tests share: seeds, threads, and where the real data lie."""

import gc
import os
from pathlib import Path

from threads import THREADS

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(THREADS))

import pytest
import torch

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("UNITDISC_DATA", ROOT.parent / "shared" / "data"))

torch.set_num_threads(THREADS)


@pytest.hookimpl(hookwrapper=True)
def pytest_collection():
    """Modules and tests stay: they need not be looked through for garbage, neither now nor again and again later."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Files one by one to whichever process is free; those of ABX to one, as its kernels take long to compile."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "abx" if "/test_abx" in file else file

    return ByFile(config, log)


@pytest.fixture(autouse=True)
def seed():
    torch.default_generator.manual_seed(0)  # torch.manual_seed keeps a traceback each time, for GPUs not begun yet


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings and manuscripts; tests that need it are skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no real data at {DATA}; set UNITDISC_DATA to the folder")
    return DATA
