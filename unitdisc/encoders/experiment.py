"""The frames of a network that was trained before: of another experiment, or of `unitdisc discover`."""

from inspect import signature
from typing import Self

from torch import Tensor, nn

from unitdisc.batch import padding_mask

POINTS = ("bottleneck", "encoder")


class ExperimentFrames(nn.Module):
    """What another experiment makes of the features, frozen or trained on.

    folder: of the experiment; or one that `unitdisc discover` filled, whose last network is meant. It is read when
    training begins: the network and its features become part of the new experiment.
    point: where its frames are taken, at its "bottleneck", which must be linear, or at its "encoder".
    frozen: it learns no more, and its batch norms stay as they are.
    network: its options. `unitdisc train` reads them off the folder, so there is no need to give them.
    """

    def __init__(
        self,
        in_dim: int,
        features: object = None,
        folder: str = "",
        point: str = "bottleneck",
        frozen: bool = True,
        network: dict | None = None,
    ):
        from unitdisc.encoders import ENCODERS  # of which this is one

        super().__init__()
        if point not in POINTS:
            raise ValueError(f"point must be one of {POINTS}, not {point!r}")
        if not network:
            raise ValueError(
                "it is the network of another experiment; set encoder.folder to that, or to a folder that "
                "`unitdisc discover` filled"
            )
        options = dict(network["encoder"])
        factory = ENCODERS[options.pop("kind")]
        derived = {"in_dim": in_dim, "features": features}
        known = {name: value for name, value in derived.items() if name in signature(factory).parameters}
        self.network = factory(**known, **options)
        self.project = nn.Linear(self.network.dim, network["dim"]) if point == "bottleneck" else None
        self.dim = self.network.dim if self.project is None else network["dim"]
        self.stride, self.offset, self.reach = self.network.stride, self.network.offset, self.network.reach
        self.frozen = frozen
        if frozen:
            self.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """As `nn.Module.train`, which a frozen network does not follow."""
        return super().train(mode and not self.frozen)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features: [B, T, F], lengths: [B] -> encoded: [B, ceil(T / stride), C], lengths: [B]."""
        encoded, lengths = self.network(features, lengths)
        if self.project is not None:
            encoded = self.project(encoded) * padding_mask(lengths, encoded.shape[1])[..., None]
        return encoded, lengths

    def take_over(self, encoder: nn.Module, projection: nn.Linear | None) -> None:
        """Begins with the weights of the experiment: of its encoder, and of its bottleneck."""
        self.network.load_state_dict(encoder.state_dict())
        if self.project is not None:
            self.project.load_state_dict(projection.state_dict())
