"""Where a command computes, and what to do where a GPU cannot."""

import torch

from unitdisc.training.precision import multiply_in

LESS_MEMORY = (
    "training takes less with more training.gradient_accumulation or decoder.checkpoint=true, in the same folder, or "
    "in another with training.precision=bfloat16 or a smaller training.batch_size; other commands may be given "
    "--device cpu"
)
CURES = {  # what CUDA says: what is to be done
    "no kernel image": "this torch was not built for this GPU; install one that was, or give --device cpu",
    "driver version is insufficient": "the NVIDIA driver is too old for this torch; update it, or give --device cpu",
    "NVIDIA driver on your system is too old": "update it, or give --device cpu",
    "devices are busy or unavailable": "another process has this GPU to itself; end it, or choose another by --device",
    "does not have a deterministic implementation": "leave training.deterministic out",
}
ELSE = "`unitdisc doctor --device cuda` says whether this GPU computes what the CPU does; --device cpu does without it"


def usable_device(name: str | None) -> str:
    """The device with this name, from here on the current one; without a name a GPU, if there is one.

    Products on it are of 32 bits, unless training says otherwise.
    Raises ValueError for a device that this machine does not have.
    """
    multiply_in("float32")
    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type == "cuda" and device.index is not None:
            torch.cuda.set_device(device)  # first, or the first GPU would lend its memory to whatever asks for none
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # by torch's build and the machine, one or the other
        reason = first_line(error).rstrip(".")
        raise ValueError(f"--device {name}: cannot be used ({reason}); leave it out, or give cpu") from error
    return name


def cure_of(error: Exception) -> str | None:
    """A sentence for what a device raises: what is wrong, and the cure. None for all other errors."""
    said = str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return f"out of memory on the GPU ({first_line(error)}); {LESS_MEMORY}"
    if isinstance(error, MemoryError) or "can't allocate memory" in said:
        return f"out of memory ({first_line(error)}); {LESS_MEMORY.partition('; other')[0]}"
    cure = next((cure for words, cure in CURES.items() if words in said), None)
    if cure is None and (isinstance(error, torch.AcceleratorError) or "CUDA error" in said):
        cure = ELSE
    return None if cure is None else f"{first_line(error).rstrip('.')}; {cure}"


def first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
