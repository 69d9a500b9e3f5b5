"""Context networks: what they see, how far apart frames are to them, and that length means nothing to them."""

import pytest
import torch

from unitdisc.encoders import ENCODERS, TwoStage
from unitdisc.encoders.contexts import CONTEXTS, HEAD_DIM, TransformerBlock, rotated

EVERY = [(context, causal) for context in CONTEXTS for causal in (False, True)]


def built(context: str, causal: bool, dim: int = 8, **options) -> torch.nn.Module:
    torch.manual_seed(0)
    options = {"in_dim": 3, "dim": dim, "context": context, "layers": 2, "causal": causal, **options}
    return ENCODERS["context"](**options).double().eval()


@pytest.mark.parametrize("context,causal", EVERY)
def test_a_causal_context_knows_nothing_of_what_comes_after(context, causal):
    encoder = built(context, causal)
    latents, lengths = torch.randn(2, 12, 8).double(), torch.tensor([12, 9])
    changed = latents.clone()
    changed[:, 6] = torch.randn(8)
    difference = (encoder.context(changed, lengths) - encoder.context(latents, lengths)).abs().sum(-1)
    assert (difference[:, 6:8] > 0).all()
    assert (difference[:, :6] == 0).all() == causal
    assert causal or (difference[:, 5] > 0).all()


@pytest.mark.parametrize("context,causal", EVERY)
def test_two_stages_are_the_encoder(context, causal):
    encoder = built(context, causal)
    assert isinstance(encoder, TwoStage)
    features, lengths = torch.randn(2, 21, 3).double(), torch.tensor([21, 8])
    latents, sizes = encoder.local(features, lengths)
    encoded, expected = encoder(features, lengths)
    assert torch.equal(sizes, expected) and latents.shape[2] == encoder.local_dim
    assert torch.equal(encoder.context(latents, sizes), encoded)


@pytest.mark.parametrize("causal", [False, True])
def test_a_crop_with_its_surroundings_is_encoded_as_in_its_utterance(causal):
    encoder = built("conv", causal, layers=4)
    features = torch.randn(1, 200, 3).double()
    first = 2 * -(-encoder.reach // 2)
    whole, _ = encoder(features, torch.tensor([200]))
    start, size = 80, 30
    around = features[:, start - first : start + size + first]
    crop, _ = encoder(around, torch.tensor([around.shape[1]]))
    inside = slice(first // 2, (first + size) // 2)
    torch.testing.assert_close(crop[:, inside], whole[:, start // 2 : (start + size) // 2])
    nearer, _ = encoder(around[:, 4:-4], torch.tensor([around.shape[1] - 8]))  # too little of them
    assert not torch.allclose(nearer[:, first // 2 - 2 :][:, : size // 2], crop[:, inside])


def test_channels_are_turned_by_the_angle_of_their_frame():
    """Pairs of channels as complex numbers."""
    x = torch.randn(2, 7, 6).double()
    pairs = torch.complex(x[..., :3], x[..., 3:])
    for t in range(7):
        for i in range(3):
            turned = pairs[:, t, i] * torch.polar(
                torch.ones(()).double(), t * torch.tensor(10_000 ** (-i / 3)).double()
            )
            torch.testing.assert_close(rotated(x)[:, t, i], turned.real)
            torch.testing.assert_close(rotated(x)[:, t, 3 + i], turned.imag)


def test_places_are_told_apart_in_half_precision():
    """Of 16 bits, only the products are."""
    x = torch.ones(1, 600, 4, dtype=torch.bfloat16)
    torch.testing.assert_close(rotated(x).float(), rotated(x.double()).float(), rtol=0, atol=0.02)


def test_attention_is_a_softmax_over_frames_by_what_they_are_and_how_far_they_are():
    torch.manual_seed(0)
    heads, dim, frames = 2, 8, 6
    block = TransformerBlock(dim, heads).double()
    block.feedforward[-1].weight.data.zero_()
    block.feedforward[-1].bias.data.zero_()
    x, inside = torch.randn(1, frames, dim).double(), torch.tensor([[True] * 4 + [False] * 2])
    for attended in (inside[:, None, None], None):
        parts = block.queries_keys_values(block.attention_norm(x))[0].reshape(frames, 3, heads, dim // heads)
        expected = torch.zeros(frames, heads, dim // heads).double()
        for head in range(heads):
            q, k, v = parts[:, 0, head], parts[:, 1, head], parts[:, 2, head]
            for t in range(frames):
                seen = [u for u in range(frames) if (inside[0, u] if attended is not None else u <= t)]
                pairs = [torch.complex(y[: dim // heads // 2], y[dim // heads // 2 :]) for y in (q[t], *k[seen])]
                speeds = 10_000 ** (-torch.arange(dim // heads // 2).double() / (dim // heads // 2))
                scores = torch.stack(
                    [
                        (pairs[0].conj() * pair * torch.polar(torch.ones_like(speeds), (u - t) * speeds)).real.sum()
                        for u, pair in zip(seen, pairs[1:])
                    ]
                )
                expected[t, head] = (scores / (dim // heads) ** 0.5).softmax(0) @ v[seen]
        torch.testing.assert_close(block(x, attended), x + block.attention_out(expected.flatten(1))[None])


@pytest.mark.parametrize("causal", [False, True])
def test_a_transformer_says_the_same_of_frames_wherever_they_are(causal):
    """Even beyond what is usual: places are relative."""
    encoder = built("transformer", causal, dim=HEAD_DIM)
    latents = torch.randn(1, 10, HEAD_DIM).double()
    block = encoder.network.blocks[0]
    query, key = (torch.randn(1, 1, 4000, 16).double() for _ in range(2))
    query[:], key[:] = query[:, :, :1], key[:, :, :1]
    scores = rotated(query)[0, 0] @ rotated(key)[0, 0].T
    torch.testing.assert_close(scores[5, 2:9], scores[3905, 3902:3909])
    assert not torch.allclose(scores[5, 2:9], scores[5, 3:10])
    assert block(latents, None).shape == latents.shape


@pytest.mark.parametrize(
    "options,cure",
    [
        ({"context": "rnn"}, "context must be one of .*'transformer'.*, not 'rnn'"),
        ({"context": "gru", "dim": 9}, "dim must be even, not 9; or set causal"),
        ({"context": "transformer", "dim": 100}, None),
        ({"context": "transformer", "dim": 130}, "a multiple of 64, or even below, not 130"),
        ({"context": "transformer", "dim": 7}, "even below, not 7"),
        ({"stride": 0}, "1 or more, not 0"),
    ],
)
def test_what_cannot_be_is_refused(options, cure):
    if cure is None:
        ENCODERS["context"](in_dim=3, **options)
    else:
        with pytest.raises(ValueError, match=cure):
            ENCODERS["context"](in_dim=3, **options)
