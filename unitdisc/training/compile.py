"""A decoder that is compiled for training: what lies beside the matrix products is fused with them."""

import time

import torch

from unitdisc.decoders import Decoder

CURES = {
    "cpu": "install a C++ compiler (g++)",
    "cuda": "install Triton, which comes with torch for Linux, and a C compiler (gcc)",
}


def compile_log_prob(decoder: Decoder) -> None:
    """Has the decoder's log-probabilities compiled when they are first asked for, and once for every shape of input.

    Weights and their names stay as they are. Not by CUDA graphs ("reduce-overhead"): those overwrite the gradients of
    one part of a step by those of the next.
    """
    torch._dynamo.config.optimize_ddp = False  # which cuts in pieces what is compiled, and fails at checkpoints
    decoder.log_prob = torch.compile(decoder.log_prob, dynamic=False)


def check_compiler(device: str) -> None:
    """Compiles next to nothing. Raises ValueError, with the cure, where nothing can be compiled for a device."""
    now = time.time()  # part of the code, so that what was compiled before does not do
    next_to_nothing = torch.compile(lambda x: x.sin() + now)
    try:
        next_to_nothing(torch.ones(8, device=device))
    except Exception as error:  # whatever is missing, or does not fit together
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        cure = CURES.get(torch.device(device).type, "see what torch.compile needs")
        raise ValueError(
            f"training.compile: torch.compile does not work here ({reason.rstrip('.')}); {cure}, "
            "or leave training.compile out"
        ) from error
