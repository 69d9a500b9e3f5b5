"""What a model in training makes of held-out utterances: its losses, and what tells whether its units collapse."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from unitdisc.batch import Batch
from unitdisc.bottlenecks.base import perplexity
from unitdisc.bottlenecks.none import Nothing
from unitdisc.model import UnitModel
from unitdisc.objectives import ModelOutput


@dataclass(frozen=True)
class HeldOut:
    losses: dict[str, float]
    metrics: dict[str, float]  # those of bottleneck and objective, and those that `alarms` looks at
    num_codes: int | None  # that could be in use; None if there are no codes


@runtime_checkable
class JudgesHeldOut(Protocol):
    """A model without units, as one of language, that says itself what it makes of a batch that was held out."""

    def held_out(self, batch: Any) -> ModelOutput: ...


@torch.no_grad()
def evaluate(model: UnitModel | JudgesHeldOut, batches: Iterable[Batch]) -> HeldOut:
    """Means over batches; perplexity and codes in use are of all their codes together."""
    if isinstance(model, JudgesHeldOut):
        outputs = [model.held_out(batch) for batch in batches]
        return HeldOut(average([o.losses for o in outputs]), average([o.metrics for o in outputs]), None)
    losses, metrics, codes = [], [], []
    for batch in batches:
        units, lengths = model.units_of(batch)
        inside = torch.arange(units.latents.shape[1], device=lengths.device) < lengths[:, None]
        of_objective = model.objective.held_out(model, batch, units, lengths)
        losses.append({**of_objective.losses, **units.losses})
        metrics.append({**units.metrics, **of_objective.metrics})
        if not isinstance(model.bottleneck, Nothing):  # whose latents are always the same
            metrics[-1]["latent_deviation"] = units.latents[inside].std(0).mean()
        codes += [] if units.codes is None else [units.codes[inside]]
    losses, metrics = average(losses), average(metrics)
    if not codes:
        return HeldOut(losses, metrics, None)
    codes = torch.cat(codes)
    metrics |= {"perplexity": float(perplexity(codes)), "codes_used": len(codes.unique())}
    return HeldOut(losses, metrics, min(model.bottleneck.num_codes, len(codes)))  # so few frames could not use more


def average(rows: Sequence[dict[str, Tensor]]) -> dict[str, float]:
    return {name: float(sum(row[name] for row in rows) / len(rows)) for name in rows[0]}
