"""Tiny models of every kind, in every variant."""

from unitdisc.inference.agreement import AUDIO, CODES, IMAGES

VARIANTS = {  # of every bottleneck, the first of which says most about it
    "vq": [
        CODES,
        CODES | {"batch_norm": True},
        CODES | {"codebook": "gradient", "reestimations": 3},
        CODES | {"reestimations": 3, "reservoir": 2},
    ],
    "linear": [{}],
    "gaussian": [{}],
    "piecewise-vq": [
        *(CODES | {"solver": solver} for solver in ("greedy", "viterbi", "exact")),
        CODES | {"pooling": True, "squared": False},
    ],
    "residual-vq": [CODES | {"stages": 2}, CODES | {"codebook": "gradient"}],
    "grouped-vq": [CODES | {"groups": 2}],
    "gumbel": [{"num_codes": 8}, {"num_codes": 8, "tied": True}],
    "gmm": [{"num_codes": 8}],
    "soft": [{"num_codes": 8, "diversity": 0.1}, {"num_codes": 8, "tied": False, "diversity": 0.1}],
    "fsq": [{"levels": [5, 4, 3]}],
    "pca": [{"dim": 8, "warmup_steps": 1}, {"dim": 8, "warmup_steps": 3, "whiten": True}],
    "kmeans": [CODES],
    "sparse": [{"dim": 32, "active": 4, "warmup_steps": 3}],
    "denoising": [{}, {"noise": "gaussian"}],
    "none": [{}],
}
WAVENET = {"kind": "wavenet", "channels": 8, "skip_channels": 12, "layers": 3, "cycle": 2}
PIXELCNN = {"kind": "pixelcnn", "channels": 4, "layers": 2, "first_kernel": 3}
FLOW, DIFFUSION = {"flows": 2, "channels": 8, "layers": 1}, {"channels": 8, "layers": 2}
LSTM = {"kind": "conv2d", "channels": [4, 8, 8, 8], "norm": "none", "blstm": 2, "blstm_dim": 4, "stride": 12}
MIXTURE = {"output": "logistic-mixture", "direction": "right-to-left", "checkpoint": True}
CHOSEN = {  # one of every other kind
    "decoder wavenet": AUDIO | {"decoder": WAVENET},
    "encoder identity": AUDIO | {"encoder": {"kind": "identity", "context": 2}},
    "conditioner embedding": AUDIO | {"conditioner": {"speaker": "embedding", "speaker_dim": 4}},
    "encoder conv2d, decoder columns": IMAGES,
    "decoder flow": AUDIO | {"decoder": FLOW | {"kind": "flow"}},
    "decoder diffusion-columns": IMAGES | {"decoder": DIFFUSION | {"kind": "diffusion-columns"}},
    "decoder deconv": IMAGES | {"decoder": {"kind": "deconv", "channels": 8, "layers": 2}},
    "encoder lstm, decoder pixelcnn": IMAGES | {"encoder": LSTM, "decoder": PIXELCNN},
}
OTHERS = {
    "decoder wavenet, checkpoint": AUDIO | {"decoder": WAVENET | {"checkpoint": True}},
    "decoder frames, checkpoint": AUDIO | {"decoder": AUDIO["decoder"] | {"checkpoint": True}},
    "encoder identity alone": AUDIO | {"encoder": {"kind": "identity"}},
    "encoder conv, stride 4": AUDIO | {"encoder": {"kind": "conv", "dim": 16, "stride": 4}},
    "conditioner none": AUDIO | {"conditioner": {"speaker": "none"}},
    "encoder conv2d, layer norm": IMAGES | {"encoder": IMAGES["encoder"] | {"norm": "layer", "feedforward": 1}},
    "encoder lstm, decoder columns": IMAGES | {"encoder": LSTM},
    "decoder pixelcnn, both ways": IMAGES | {"decoder": PIXELCNN | {"direction": "both", "history_dropout": 0.2}},
    "decoder flow-columns": IMAGES | {"decoder": FLOW | {"kind": "flow-columns"}},
    "decoder flow-columns, uniform": IMAGES | {"decoder": FLOW | {"kind": "flow-columns", "dequantisation": "uniform"}},
    "decoder diffusion, straight": AUDIO | {"decoder": DIFFUSION | {"kind": "diffusion", "path": "flow-matching"}},
    "decoder pixelcnn, mixture": IMAGES | {"decoder": PIXELCNN | MIXTURE},
}
IN_PARTS = {"gradient_accumulation": 2}


def cases(every: bool) -> dict[str, tuple[dict, dict]]:
    """name -> options of a model, and what is special of its training; every variant, or one of each kind."""
    found = {}
    for kind, variants in VARIANTS.items():
        for variant in variants if every else variants[:1]:
            found[" ".join([kind, *map(str, variant.values())])] = AUDIO | {"bottleneck": {"kind": kind, **variant}}, {}
    for name, options in (CHOSEN | OTHERS if every else CHOSEN).items():
        bottleneck = {"kind": "piecewise-vq" if "conv2d" in name else "vq", **CODES}
        if options.get("encoder") == LSTM:
            bottleneck = {"kind": "linear"}  # its frames are so alike that roundings would choose their codes
        found[name] = options | {"bottleneck": bottleneck}, {}
    parts = {"vq": CODES, "piecewise-vq": CODES, "vq by gradient": CODES | {"codebook": "gradient"}}
    for name, variant in parts.items() if every else list(parts.items())[:1]:
        bottleneck = {"kind": name.removesuffix(" by gradient"), **variant}
        found[f"{name} in parts"] = AUDIO | {"bottleneck": bottleneck}, IN_PARTS
    return found
