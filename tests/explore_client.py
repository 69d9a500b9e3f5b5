"""What asks the pages of explore; tests that import it are skipped where starlette or its client is missing."""

import warnings
from importlib.util import find_spec

import pytest

pytest.importorskip("starlette", reason="the extra `explore` is not installed: starlette")
if not any(map(find_spec, ("httpx2", "httpx"))):
    pytest.skip("starlette's TestClient needs httpx2", allow_module_level=True)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that httpx has a successor
    from starlette.testclient import TestClient

__all__ = ["TestClient"]
