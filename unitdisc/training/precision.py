"""How exactly a GPU multiplies numbers of 32 bits. On a CPU all of this changes nothing.

TF32 rounds the factors to 10 bits of mantissa and adds in 32: several times as fast on GPUs since NVIDIA's Ampere.
torch leaves it on for convolutions and LSTMs and off for matrix products; here it is on for both, or for neither.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

PRECISIONS = ("float32", "tf32", "bfloat16")
HAS_TF32 = (8, 0)  # compute capability


def multiply_in(precision: str) -> None:
    """Lets GPUs round factors of 32 bits to TF32 if that is the precision, and not otherwise; for the whole process."""
    allow_tf32(precision == "tf32")


def allow_tf32(allowed: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


@contextmanager
def full_products() -> Iterator[None]:
    """No factor is rounded to TF32: for what needs all digits."""
    allowed = torch.backends.cuda.matmul.fp32_precision == "tf32"
    allow_tf32(False)
    try:
        yield
    finally:
        allow_tf32(allowed)


def in_full(x: Tensor) -> Tensor:
    """In 32 bits at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def has_tf32(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= HAS_TF32


def deterministic(wanted: bool) -> None:
    """Has torch take kernels that give the same bits every time, or refuse what has none; for the whole process.

    Before the first product on a GPU.
    """
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without which cuBLAS has none
    torch.use_deterministic_algorithms(wanted)
    torch.backends.cudnn.deterministic = wanted
