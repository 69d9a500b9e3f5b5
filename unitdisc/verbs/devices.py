"""Where a command computes."""

import torch


def usable_device(name: str | None) -> str:
    """The device with this name; without a name a GPU, if there is one.

    Raises ValueError for a device that this machine does not have.
    """
    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:  # by torch's build and the machine, one or the other
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"--device {name}: cannot be used ({reason}); leave it out, or give cpu") from error
    return name
