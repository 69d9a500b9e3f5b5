"""The network of diffusion over lines: strokes go up and down, lines have any width, and padding does not matter."""

import pytest
import torch

from unitdisc.decoders import DiffusionColumns
from unitdisc.decoders.unet import UNet

CONDITION, LEVELS = 3, 4


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def unet(height=12, std=0.2, **sizes):
    torch.manual_seed(0)
    network = UNet(height, LEVELS, CONDITION, **({"channels": 4, "layers": 1, "depth": 2} | sizes)).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return network


@pytest.mark.parametrize("height,width,conditions,depth", [(12, 24, 6, 2), (7, 13, 13, 2), (5, 3, 1, 3), (1, 1, 1, 0)])
def test_any_height_and_any_width(height, width, conditions, depth):
    network = unet(height, depth=depth)
    found = network(normal(2, width, height), normal(2, conditions, CONDITION))
    assert found.shape == (2, width, height, LEVELS) and found.isfinite().all()


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("length", [1, 7, 16, 19])
def test_padding_does_not_matter(length, depth):
    """Neither what stands in it, nor how much of it there is, nor what is said of it."""
    network, width = unet(depth=depth), 24
    x, condition = normal(1, width, 12), normal(1, width, CONDITION)
    mask = (torch.arange(width) < length)[None]
    alone = network(x[:, :length], condition[:, :length])
    torch.testing.assert_close(network(x, condition, mask)[:, :length], alone)
    other = network(torch.where(mask[..., None], x, 9.0), torch.where(mask[..., None], condition, 9.0), mask)
    assert torch.equal(other[:, :length], network(x, condition, mask)[:, :length])
    if length % network.factor:  # within a cell
        assert not torch.allclose(network(x, condition)[:, :length], alone)


def test_a_pixel_is_told_by_those_above_and_below_and_on_both_sides():
    network = unet(std=0.5)
    x, condition = normal(1, 24, 12), normal(1, 24, CONDITION)
    before, changed = network(x, condition), x.clone()
    changed[0, 10, 5] += 1
    different = (network(changed, condition) != before)[0].any(-1)
    assert different[8:13].all()  # all rows of the columns around
    assert different[:, 5].sum() > 12


def test_what_is_told_lies_where_the_pixels_lie():
    """In cells of two, each seen by two more on every side."""
    network = unet(15, depth=0)
    x, condition = normal(1, 21, 15), normal(1, 1, CONDITION)
    before, changed = network(x, condition), x.clone()
    changed[0, 10, 7] += 1
    columns, rows = (network(changed, condition) != before)[0].any(-1).nonzero().T
    assert (rows.min(), rows.max()) == (2, 13)  # the pixel is seen by the cells of rows 6 to 9
    assert (columns.min(), columns.max()) == (4, 15)  # and of columns 8 to 11


def test_rows_are_told_apart_and_conditions_hold_where_they_are():
    network = unet(depth=1)
    still = network(torch.zeros(1, 24, 12).double(), normal(1, 1, CONDITION))[0, 12]
    assert (still[0::2].std(0) > 0).all() and not torch.allclose(still[2], still[6])
    x, condition = normal(1, 48, 12), normal(1, 12, CONDITION)
    changed = condition.clone()
    changed[0, 5] += 1
    different = (network(x, changed) != network(x, condition))[0].any(-1).any(-1)
    assert different[20:24].all() and not different[0] and not different[-1]


def test_a_network_learns_strokes_that_no_column_knows_alone():
    """Lines from left to right, above or below: each sample keeps to one, in all its columns, and there are both."""
    torch.manual_seed(0)
    decoder = DiffusionColumns(1, 4, 2, channels=8, layers=1, depth=1, steps=8)
    optimiser = torch.optim.Adam(decoder.parameters(), 5e-3)
    lines = torch.eye(4, dtype=torch.long)[[0, 2], None].expand(2, 8, 4)
    for _ in range(80):
        optimiser.zero_grad()
        decoder.loss(lines.repeat(8, 1, 1), torch.zeros(16, 1, 1)).mean().backward()
        optimiser.step()
    drawn = decoder.eval().sample(torch.zeros(32, 1, 1), 8, torch.Generator().manual_seed(0))
    right = (drawn[:, None] == lines).all(-1).all(-1)  # of each sample, which of the two
    assert right.any(1).float().mean() > 0.5 and right.any(0).all()


@pytest.mark.parametrize("sizes", [{"layers": 0}, {"depth": -1}, {"channels": 0}])
def test_sizes_that_mean_nothing_are_refused(sizes):
    with pytest.raises(ValueError, match="a U-Net needs"):
        UNet(8, LEVELS, CONDITION, **({"channels": 4, "layers": 1, "depth": 2} | sizes))
