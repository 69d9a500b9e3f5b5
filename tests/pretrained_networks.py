"""Small networks of every family that `transformers` knows, with random weights, saved as they are distributed.

Each is made by its own classes; what they compute is what unitdisc's frames are compared with.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install 'unitdisc[hf]'")
transformers.utils.logging.disable_progress_bar()

DEPTH, WIDTH = 3, 32
SIZES = {"hidden_size": WIDTH, "num_hidden_layers": DEPTH, "num_attention_heads": 4, "intermediate_size": 48}
CONVOLUTIONS = {  # of wav2vec 2.0, but narrow: a frame is made of 400 samples, the next begins after 320
    "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
SPEECH = SIZES | CONVOLUTIONS
RNG = np.random.default_rng(0)
NOISE = (0.1 * RNG.standard_normal(20_000)).astype(np.float32)
MEAN, DEVIATION = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]


def hubert(**more: Any):
    return transformers.HubertModel(transformers.HubertConfig(**SPEECH | more))


def wav2vec2(**more: Any):
    return transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**SPEECH | more))


def wav2vec2_large():
    """As the large ones are, normalised layer by layer and at the end: may be padded."""
    return wav2vec2(feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True)


def wavlm():
    return transformers.WavLMModel(transformers.WavLMConfig(**SPEECH))


def data2vec():
    sizes = SPEECH | {"num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 5}
    return transformers.Data2VecAudioModel(transformers.Data2VecAudioConfig(**sizes))


def wav2vec2_bert():
    sizes = SIZES | {"feature_projection_input_dim": 160, "conv_depthwise_kernel_size": 5}
    return transformers.Wav2Vec2BertModel(transformers.Wav2Vec2BertConfig(**sizes))


def whisper():
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    lengths = {"max_source_positions": 50, "max_target_positions": 20, "num_mel_bins": 20}
    words = {"vocab_size": 60, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    layers = {"d_model": WIDTH, "encoder_layers": DEPTH, "decoder_layers": 1}
    return transformers.WhisperModel(transformers.WhisperConfig(**heads | lengths | words | layers))


def samples(**options: Any) -> Callable:
    return lambda: transformers.Wav2Vec2FeatureExtractor(**options)


RECORDINGS = {  # name: what makes the network, and what brings a recording to it
    "hubert": (hubert, samples(do_normalize=True)),
    "wav2vec2": (wav2vec2, samples(do_normalize=False)),
    "wav2vec2-large": (wav2vec2_large, samples(do_normalize=True, return_attention_mask=True)),
    "wavlm": (wavlm, samples(do_normalize=False)),
    "data2vec-audio": (data2vec, samples(do_normalize=True)),
    "wav2vec2-bert": (wav2vec2_bert, lambda: transformers.SeamlessM4TFeatureExtractor()),
    "whisper": (whisper, lambda: transformers.WhisperFeatureExtractor(feature_size=20, chunk_length=1)),
}
PATCHES = SIZES | {"image_size": 32, "patch_size": 8}


def vit(**more: Any):
    """DINO's first version is one, too."""
    return transformers.ViTModel(transformers.ViTConfig(**PATCHES | more))


def trocr():
    sizes = {"d_model": WIDTH, "decoder_layers": 1, "decoder_attention_heads": 4, "decoder_ffn_dim": 48}
    decoder = transformers.TrOCRConfig(vocab_size=60, cross_attention_hidden_size=WIDTH, **sizes)
    both = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        transformers.ViTConfig(**PATCHES), decoder
    )
    return transformers.VisionEncoderDecoderModel(both)


LINES = {
    "vit": vit,
    "vit of another size": lambda: vit(image_size=48),
    "deit": lambda: transformers.DeiTModel(transformers.DeiTConfig(**PATCHES)),
    "dinov2": lambda: transformers.Dinov2Model(transformers.Dinov2Config(**PATCHES | {"image_size": 48})),
    "dinov2 with registers": lambda: transformers.Dinov2WithRegistersModel(
        transformers.Dinov2WithRegistersConfig(**PATCHES)
    ),
    "trocr": trocr,
}


def save_recordings(name: str, folder: Path) -> tuple[Any, Any]:
    """The network and its feature extractor, saved in a folder."""
    make, extractor = RECORDINGS[name]
    torch.manual_seed(0)
    network, extractor = make().eval(), extractor()
    network.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return network, extractor


def save_lines(name: str, folder: Path) -> Any:
    torch.manual_seed(0)
    network = LINES[name]().eval()
    network.save_pretrained(folder)
    sizes = {"size": {"height": 32, "width": 32}, "image_mean": MEAN, "image_std": DEVIATION}
    (folder / "preprocessor_config.json").write_text(json.dumps(sizes))
    return network.encoder if name == "trocr" else network


@torch.inference_mode()
def states_of(network: Any, extractor: Any, wave: np.ndarray) -> list[np.ndarray]:
    """What transformers' own forward pass gives for one recording: the hidden states of all layers, [positions, C]."""
    inputs = extractor(wave, sampling_rate=16_000, return_tensors="pt")
    network = network.get_encoder() if network.config.is_encoder_decoder else network
    return [state[0].numpy() for state in network(**inputs, output_hidden_states=True).hidden_states]
