"""Adversarial training: what the encoder reads is changed so that the loss grows (Goodfellow et al., 2015)."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from unitdisc.batch import Batch, padding_mask
from unitdisc.model import UnitModel
from unitdisc.objectives import OBJECTIVES, Objective
from unitdisc.training.checkpoints import random_state, restore_random_state
from unitdisc.training.distributed import measuring

HARDENED = ("reconstruction", "classify", "masked", "cpc", "acpc")  # whose loss is of what they read, and of one player


def refuse_hardening(objective: Objective) -> None:
    """Raises ValueError for objectives that no change of what the encoder reads makes harder in one way."""
    if type(objective) not in [OBJECTIVES[kind] for kind in HARDENED]:
        kind = next(name for name, objective_class in OBJECTIVES.items() if objective_class is type(objective))
        raise ValueError(
            f"[training] adversarial changes what is read under the objectives {list(HARDENED)}, not under {kind!r}; "
            "leave it out"
        )


def harder(model: UnitModel, batch: Batch, size: float) -> Batch:
    """The batch with every value of its features moved by `size` standard deviations to where the loss is larger.

    By the sign of the gradient of the loss at the features as they are (FGSM), of a model that learns nothing from it:
    as in validation, without jitter or dropout, but with the same choices of what to hide. The target stays. A standard
    deviation is that of the dimension over the item, as for `unitdisc.inference.attacks.Attack`. No random number is
    used up.

    Raises ValueError if the loss does not depend on the features.
    """
    state, features = random_state(batch.features.device), batch.features.detach().requires_grad_()
    learning = model.training
    model.eval()
    try:
        with measuring(False), torch.backends.cudnn.flags(enabled=not recurrent(model)):
            loss = model(replace(batch, features=features)).loss
            (slope,) = torch.autograd.grad(loss, features, allow_unused=True) if loss.requires_grad else (None,)
    finally:
        model.train(learning)
        restore_random_state(state, batch.features.device)
    if slope is None:
        raise ValueError(
            "[training] adversarial needs a loss that depends on what the encoder reads, and this one does not; "
            "set training.adversarial to 0"
        )
    inside = padding_mask(batch.lengths, features.shape[1])[..., None]
    change = size * spread(batch.features, inside) * slope.sign()
    return replace(batch, features=torch.where(inside, batch.features + change, batch.features))


def recurrent(model: nn.Module) -> bool:
    """Whether there are layers for which cuDNN knows no way back where nothing is trained."""
    return any(isinstance(module, nn.RNNBase) for module in model.modules())


def spread(features: Tensor, inside: Tensor) -> Tensor:
    """The standard deviation of every dimension over an item, 1 where it is 0: [B, T, C], [B, T, 1] -> [B, 1, C]."""
    count = inside.sum(1, keepdim=True).clamp(min=1)
    mean = torch.where(inside, features, 0).sum(1, keepdim=True) / count
    squares = torch.where(inside, features - mean, 0).square().sum(1, keepdim=True) / count
    return torch.where(squares > 0, squares.sqrt(), torch.ones_like(squares))
