"""A decoder that is compiled for training: what lies beside the matrix products is fused with them."""

import time

import torch

from unitdisc.decoders import Decoder, LikelihoodDecoder

CURES = {
    "cpu": "install a C++ compiler (g++)",
    "cuda": "install Triton, which comes with torch for Linux, and a C compiler (gcc)",
}


def compile_loss(decoder: Decoder) -> None:
    """Has what the decoder's loss takes compiled when it is first asked for, and once for every shape of input.

    That is `log_prob`, of which the loss is the negative; or the loss, of a decoder that knows bounds only, or less.
    Weights and their names stay as they are. Not by CUDA graphs ("reduce-overhead"): those overwrite the gradients of
    one part of a step by those of the next.
    """
    torch._dynamo.config.optimize_ddp = False  # which cuts in pieces what is compiled, and fails at checkpoints
    if isinstance(decoder, LikelihoodDecoder):
        decoder.log_prob = torch.compile(decoder.log_prob, dynamic=False)
    else:
        decoder.loss = torch.compile(decoder.loss, dynamic=False)


def check_compiler(device: str, decoder: Decoder | None) -> None:
    """Compiles next to nothing.

    Raises ValueError, with the cure, where there is no decoder to compile, or nothing can be compiled for a device.
    """
    if decoder is None:
        raise ValueError(
            "training.compile is for decoders, and this model learns without one; leave training.compile out"
        )
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
