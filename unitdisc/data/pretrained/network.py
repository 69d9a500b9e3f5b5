"""A frozen network: which one, which of its layers, in which precision; and what its layers make of an input."""

import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unitdisc.data.normalisation import check_normalisation
from unitdisc.data.pretrained.folders import (
    PREPROCESSORS,
    PretrainedError,
    checksum_of,
    config_of,
    located,
    preprocessor_of,
    require_transformers,
)

PRECISIONS = ("float32", "bfloat16", "float16")
RENEW = "download it again, or install the newest transformers"
UNUSED = ("pooler.", "masked_spec_embed", "embeddings.mask_token")  # weights without which frames are the same
_chosen: list[str] = []  # the device, where one was chosen


def run_on(device: str) -> None:
    """Networks run there from now on, in this process."""
    _chosen[:] = [device]


def device_of_networks() -> str:
    """What was chosen; else a GPU if there is one, but in workers of a data loader, which cannot share it."""
    if torch.utils.data.get_worker_info() is not None:
        return "cpu"
    return _chosen[0] if _chosen else "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class PretrainedNetwork:
    """Which frames of which network, as options of features.

    kind: "pretrained" of recordings, "pretrained-columns" of line images.
    model: its folder, or its name on the Hugging Face hub; revision: which one, there.
    checksum: of its files (default: what they are now); frames are computed with no others.
    layer: 0: what the first layer reads; 1 and above: what that layer gives (default: the last), as transformers'
    `hidden_states`. layer_weights: the mean of all layers, from 0 on, with these weights.
    precision: float32, bfloat16 or float16: of weights and products; frames are float32.
    normalise: "none", or to zero mean and unit variance per "utterance", per "speaker", or "global"ly.
    """

    kind: str = "pretrained"
    model: str = ""
    revision: str = "main"
    checksum: str = ""
    layer: int | None = None
    layer_weights: list = ()
    precision: str = "float32"
    normalise: str = "none"

    families: ClassVar[Mapping[str, str]]  # model_type in config.json: attention that its class has
    others: ClassVar[str]  # what to do about a network of the other kind of signal
    plain: ClassVar[frozenset[str]] = frozenset()  # of these, those whose layers take frames and a mask, no more
    margin: ClassVar[None] = None  # with attention a frame depends on the whole signal

    def __post_init__(self):
        check_normalisation(self.normalise)
        if self.precision not in PRECISIONS:
            raise PretrainedError(f"unknown precision {self.precision!r}: choose one of {list(PRECISIONS)}")
        if not self.checksum:
            require_transformers()
            object.__setattr__(self, "checksum", checksum_of(self.folder))
        if Path(self.model).is_dir():
            object.__setattr__(self, "model", str(self.folder))
        object.__setattr__(self, "layer_weights", tuple(self.layer_weights))
        self.check_layers()

    def check_layers(self) -> None:
        depth = self.depth
        if self.layer is not None and not 0 <= self.layer <= depth:
            raise PretrainedError(f"`layer` {self.layer}: {self.model} has layers 0 to {depth}")
        if not self.layer_weights:
            return
        if self.layer is not None:
            raise PretrainedError("`layer` and `layer_weights` exclude each other; give one")
        good = all(isinstance(weight, (int, float)) and 0 <= weight < math.inf for weight in self.layer_weights)
        if not good or len(self.layer_weights) != depth + 1 or not sum(self.layer_weights):
            raise PretrainedError(
                f"`layer_weights` {list(self.layer_weights)}: give {depth + 1} numbers of 0 or more, one for each "
                f"layer of {self.model} from 0 to {depth}"
            )

    @cached_property
    def folder(self) -> Path:
        return located(self.model, self.revision)

    @cached_property
    def config(self) -> dict:
        """config.json of what is run: of a model that writes what it sees, its encoder's."""
        config = config_of(self.folder)
        config = config.get("encoder", config) if config.get("model_type") == "vision-encoder-decoder" else config
        if config.get("model_type") not in self.families:
            known = f"those known are {sorted(self.families)}"
            raise PretrainedError(
                f"{self.folder}: a network of type {config.get('model_type')!r}: {self.others}{known}"
            )
        return config

    @cached_property
    def preprocessor(self) -> dict:
        return preprocessor_of(self.folder)

    def size(self, *names: str) -> int:
        """A number in config.json, under the first of these names that is there."""
        for name in names:
            if isinstance(found := self.config.get(name), int) and found > 0:
                return found
        raise PretrainedError(f"{self.folder / 'config.json'}: says no {names[0]}; download it again")

    @cached_property
    def depth(self) -> int:
        """How many layers there are."""
        return self.size("num_hidden_layers", "encoder_layers")

    @cached_property
    def dim(self) -> int:
        """C, the width of a frame."""
        return self.size("hidden_size", "d_model")

    @property
    def weight_of_layers(self) -> list[float]:
        """What each of the layers from 0 on counts; they sum to 1."""
        if self.layer_weights:
            return [weight / sum(self.layer_weights) for weight in self.layer_weights]
        chosen = self.depth if self.layer is None else self.layer
        return [float(layer == chosen) for layer in range(self.depth + 1)]

    def layers_above(self, last: int | None = None) -> nn.ModuleList:
        """The layers after the chosen one, up to `last` (default: all of them), to be trained on.

        Each takes frames [B, T, C] and a mask to be added to attention, [B, 1, 1, T], and gives frames.

        Raises PretrainedError if frames are no single layer's, or the layers of such a network want more than these.
        """
        if self.config["model_type"] not in self.plain:
            raise PretrainedError(
                f"the layers of a network of type {self.config['model_type']!r} want more than frames; those of "
                f"{sorted(self.plain)} can be trained on"
            )
        if self.layer is None or self.layer == self.depth:
            raise PretrainedError(
                "say which layer comes before those to be trained: set features.layer, below the last"
            )
        last = self.depth if last is None else last
        if not self.layer < last <= self.depth:
            told = f"{self.layer + 1} to {self.depth}, not {last}"
            raise PretrainedError(f"last must be above features.layer, {told}")
        network = read_network(self.folder, self.checksum, self.families[self.config["model_type"]], "float32")
        encoder, name = stack_of(network)
        return getattr(encoder, name)[self.layer : last]

    def save_with(self, layers: nn.ModuleList, folder: Path) -> None:
        """Writes the network with these instead of the layers after the chosen one, as `transformers` opens it.

        What comes after them stays as it was. Raises PretrainedError as `layers_above` does.
        """
        network = read_network(self.folder, self.checksum, self.families[self.config["model_type"]], "float32")
        encoder, name = stack_of(network)
        for place, layer in enumerate(layers, self.layer):
            getattr(encoder, name)[place] = layer
        import transformers

        with quiet(transformers):
            network.save_pretrained(folder)
        for path in map(self.folder.joinpath, PREPROCESSORS):
            if path.is_file():
                shutil.copyfile(path, folder / path.name)

    @torch.inference_mode()
    def hidden(self, name: str, inputs: Tensor, **more: Any) -> Tensor:
        """What the chosen layers make of one input, float32 on the CPU: [..., positions, C].

        name: of the argument of the network's `forward`; inputs: with a batch dimension.
        """
        wanted = self.weight_of_layers
        last = max(layer for layer, weight in enumerate(wanted) if weight)
        network = loaded(
            self.folder, self.checksum, self.families[self.config["model_type"]], last, self.precision,
            device_of_networks(),
        )  # fmt: skip
        parameter = next(network.parameters())
        states = network(**{name: inputs.to(parameter)}, output_hidden_states=True, **more).hidden_states
        parts = [states[layer].float() * weight for layer, weight in enumerate(wanted) if weight]
        return sum(parts[1:], parts[0]).cpu()


@lru_cache(1)
def loaded(folder: Path, checksum: str, attention: str, last: int, precision: str, device: str) -> nn.Module:
    """The network without the layers that come after the one behind `last`, ready to run.

    That one stays, for transformers normalises what the last layer gives. Raises as `read_network` does.
    """
    network = read_network(folder, checksum, attention, precision)
    shorten(network, last + 1)
    return network.eval().requires_grad_(False).to(device)


def read_network(folder: Path, checksum: str, attention: str, precision: str) -> nn.Module:
    """The network, or its encoder where it has a decoder, too.

    Raises PretrainedError if the files are no longer those of the checksum, or lack weights.
    """
    require_transformers()
    if (found := checksum_of(folder)) != checksum:
        what = f"{folder}: not the network that was used before (its checksum is {found}, then {checksum})"
        raise PretrainedError(f"{what}; restore it, or begin anew in another folder")
    import transformers

    encoder_decoder = config_of(folder)["model_type"] == "vision-encoder-decoder"
    factory = transformers.VisionEncoderDecoderModel if encoder_decoder else transformers.AutoModel
    with quiet(transformers):
        try:
            whole, info = factory.from_pretrained(
                folder,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                attn_implementation={"encoder": attention, "decoder": "eager"} if encoder_decoder else attention,
                dtype=getattr(torch, precision),
                output_loading_info=True,
            )
        except Exception as error:  # whatever transformers meets in files of others
            raise PretrainedError(f"{folder}: transformers cannot load it ({error}); {RENEW}") from error
    network = whole.get_encoder() if encoder_decoder or whole.config.is_encoder_decoder else whole
    missing = [name for name in info["missing_keys"] if not name.removeprefix("encoder.").startswith(UNUSED)]
    if encoder_decoder or network is not whole:
        missing = [name for name in missing if name.startswith("encoder.")]
    if missing:
        raise PretrainedError(
            f"{folder}: lacks {len(missing)} weights, such as {sorted(missing)[0]}; download it again"
        )
    return network


def shorten(network: nn.Module, layers: int) -> None:
    """Takes away the layers after the first so many."""
    encoder, name = stack_of(network)
    setattr(encoder, name, getattr(encoder, name)[:layers])


def stack_of(network: nn.Module) -> tuple[nn.Module, str]:
    """The module that has the layers, and the name that it has them under."""
    encoder = getattr(network, "encoder", network)
    return encoder, "layers" if hasattr(encoder, "layers") else "layer"


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Without its reports of heads that are not used, and its progress bars."""
    logging = transformers.utils.logging
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
