"""How many threads tests compute with: one, as tensors are tiny; tests/matrix.py asks for two."""

import os

THREADS = int(os.environ.get("UNITDISC_TEST_THREADS", "1"))
