"""Weights: what it takes to use a model, out of all that its training keeps."""

from torch import Tensor, nn

from unitdisc.bottlenecks.base import NeedsMoreInTraining


def weights(model: nn.Module) -> dict[str, Tensor]:
    """The state of a model without what only training needs: the buffers that its modules name in `training_only`."""
    state = model.state_dict()
    for path, module in model.named_modules():
        for name in module.training_only if isinstance(module, NeedsMoreInTraining) else ():
            del state[f"{path}.{name}" if path else name]
    return state
