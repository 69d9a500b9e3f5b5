"""Log-probabilities of grey levels are those of any other categories."""

import pytest
import torch

from unitdisc.decoders.images import FEW, levels_log_prob
from unitdisc.decoders.likelihoods import categorical_log_prob


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("levels", [2, 4, FEW, FEW + 1, 256])
@pytest.mark.parametrize("shape", [(3, 5, 4), (3, 5), (7,)])
def test_levels_apart_are_as_likely_as_side_by_side(dtype, levels, shape):
    torch.manual_seed(0)
    logits = (3 * torch.randn(*shape, levels)).to(dtype).requires_grad_()
    drawn, weights = torch.randint(levels, shape), torch.rand(shape, dtype=dtype)
    found, expected = levels_log_prob(logits, drawn), categorical_log_prob(logits, drawn)
    torch.testing.assert_close(found, expected)
    grads = [torch.autograd.grad((value * weights).sum(), logits)[0] for value in (found, expected)]
    torch.testing.assert_close(*grads)


def test_levels_may_lie_as_they_like():
    """As a decoder's do that cuts rows off, or has them in another order."""
    torch.manual_seed(0)
    logits, drawn = torch.randn(2, 4, 7, 5)[:, :, :3].transpose(0, 1), torch.randint(4, (4, 2, 3))
    for shown in (logits[..., :4], logits[..., 1:]):
        torch.testing.assert_close(levels_log_prob(shown, drawn), categorical_log_prob(shown, drawn))


def test_half_precision_is_summed_in_full():
    logits, drawn = torch.randn(2, 3, 4), torch.randint(4, (2, 3))
    with torch.autocast("cpu", torch.bfloat16):
        found = levels_log_prob(logits.bfloat16(), drawn)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, categorical_log_prob(logits.bfloat16().float(), drawn))
