"""What every objective promises, and what it may ask of the model that learns by it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from torch import Tensor, nn

from unitdisc.batch import Batch
from unitdisc.bottlenecks import Bottleneck, BottleneckOutput
from unitdisc.conditioning import Conditioner, TimeJitter
from unitdisc.decoders import Decoder
from unitdisc.encoders import Encoder
from unitdisc.objectives.players import Player


@dataclass(frozen=True)
class ModelOutput:
    losses: dict[str, Tensor]  # scalars, already weighted: their sum is what is made small
    metrics: dict[str, Tensor]  # scalars: logged, never optimised

    @property
    def loss(self) -> Tensor:
        return sum(self.losses.values())


class ModelParts(Protocol):
    """What an objective may ask of a model; parts that it does not need may be None."""

    encoder: Encoder
    bottleneck: Bottleneck
    jitter: TimeJitter | None
    conditioner: Conditioner | None
    decoder: Decoder | None

    def units_of(self, batch: Batch) -> tuple[BottleneckOutput, Tensor]:
        """The units behind the target of a batch, and how many each item has: [B]."""

    def units_behind(self, batch: Batch, encoded: Tensor, lengths: Tensor) -> tuple[BottleneckOutput, Tensor]:
        """The same of what the encoder makes of the batch, or of a changed one: [B, T, C], [B]."""


class Objective(Protocol):
    """Built as `Objective(**options)`; may be an `nn.Module` with weights of its own, which learn with the model's.

    Arguments named in_dim (of features), encoder_dim, stride (of the encoder), latent_dim and num_speakers are those of
    the model, features what it reads (of `unitdisc.data`); item_width and item_categories those of latents of whole
    items (0 where there are none); local_dim and causal those of its encoder, if that is a `TwoStage` one (else 0 and
    False); codebooks and codebook_size those of the codes in a batch. One that has an option `reconstruction`, 0 by
    default, needs a decoder, too, where it is more; one with `told = "codes"`, codes.
    """

    needs: ClassVar[
        Collection[str]
    ]  # which of "jitter", "conditioner", "decoder" the model, "codes" the batch must have

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        """The losses of a batch, those of the bottleneck among them, and what is worth logging.

        It is given the batch before the encoder sees it, and may change it, as one that hides what is to be predicted.
        """

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """How many places each mask of its losses lets through, by name; drawing no random number.

        Where a step is computed in parts, `batch.counts` has the part's share under the same name: see `masked_mean`.
        """

    def players(self) -> Mapping[str, Player]:
        """Those of its weights that do not learn as all others do, by name; usually none. "model" are all others.

        One that is itself called "model" says how these learn; its own weights are not looked at.
        """

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """Losses and metrics of held-out items that are this objective's alone, given the units of `units_of`.

        Not those of the bottleneck. A metric "latent_gap" (nats per value) is looked at by collapse alarms.
        """


@runtime_checkable
class FollowsEncoder(Protocol):
    """An objective with a copy of the encoder, as a teacher: made when the model is."""

    def follow(self, encoder: nn.Module) -> None: ...


@runtime_checkable
class PredictsCodes(Protocol):
    """An objective that learns to tell codes; what it tells of everything, hidden or not, is a probe point."""

    def prediction(self, latents: Tensor) -> Tensor:
        """[B, S, D] -> [B, S, N K]: of every codebook, the square root of how probable each code is."""


@runtime_checkable
class ComparesViews(Protocol):
    """An objective that may be shown a second view of every crop in training: `Batch.second_view`; None: it is not."""

    second_view: Literal["augmented", "clean"] | None  # augmented as the first is, but differently; or not at all
    needs_augmentation: bool  # or the views would tell nothing


@runtime_checkable
class ChangedInValidation(Protocol):
    """An objective that undoes augmentation, so that held-out crops are augmented as well, always in the same way."""

    changed_in_validation: Literal[True]


@runtime_checkable
class MakesItems(Protocol):
    """An objective that learns to make whole items, frames of features, of normal noise."""

    noise_dim: int  # Z
    columns: int  # T
    codes: int  # that can be asked for; 0: none
    told: str  # beside noise: "speaker", or something else, or "none"

    def make(self, noise: Tensor, speakers: Tensor, codes: Tensor) -> Tensor:
        """noise [B, Z], speakers and codes [B], -1 where none is asked for -> items [B, T, C]."""


@runtime_checkable
class ChoosesFeatures(Protocol):
    """An objective that not all features will do for."""

    def why_not(self, features: str) -> str | None:
        """What is wrong with this kind of features, and the cure; None: nothing."""
