"""The pieces of compiled sampling: products, exponentials, draws; a row is the same beside any others."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

from unitdisc.decoders.draws import categorical_draw
from unitdisc.decoders.sampling import kernels
from unitdisc.decoders.sampling import pixelcnn_cpu as compiled_pixels
from unitdisc.decoders.sampling import wavenet_cpu as compiled


def product(xs, weight):
    out = np.ones((len(xs), kernels.padded_size(len(weight))), np.float32)
    kernels.multiply(xs, kernels.panels(torch.from_numpy(weight)), out)
    return out


@pytest.mark.parametrize("inputs,outputs", [(1, 1), (7, 16), (12, 33), (36, 65), (5, 130)])
def test_products_are_those_of_numpy_and_every_row_is_as_if_it_were_alone(inputs, outputs):
    rng = np.random.default_rng(0)
    xs = rng.standard_normal((23, inputs)).astype(np.float32)
    weight = rng.standard_normal((outputs, inputs)).astype(np.float32)
    single = np.concatenate([product(xs[i : i + 1], weight) for i in range(len(xs))])
    expected = 1 + xs.astype(np.float64) @ weight.T.astype(np.float64)
    np.testing.assert_allclose(single[:, :outputs], expected, atol=1e-5 * inputs)
    assert (single[:, outputs:] == 1).all()  # the padding adds nothing
    for rows in range(1, 24):
        np.testing.assert_array_equal(product(xs[:rows], weight), single[:rows])


def test_exponentials_are_those_of_numpy():
    logits = np.concatenate([np.linspace(0, -100, 997), [-699, -701, -1e9, -3e38]]).astype(np.float32)
    found = np.empty(len(logits))
    kernels.exponentials(logits, np.float32(0), 1.0, found)
    np.testing.assert_allclose(found[:997], np.exp(logits[:997].astype(np.float64)), rtol=1e-11)
    assert 0 < found[997] < 1e-300 and (found[998:] == 0).all()


@pytest.mark.parametrize("temperature", [1.0, 0.3, 0.0])
def test_draws_are_those_of_torch(temperature):
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(400, 37, generator=generator)
    uniform = torch.rand(400, generator=generator).double()
    uniform[:20] = 0
    expected = categorical_draw(logits, uniform, temperature)
    likely = np.empty(37)
    found = [kernels.draw(row, u, temperature, likely) for row, u in zip(logits.numpy(), uniform.numpy())]
    np.testing.assert_array_equal(found, expected)


def test_what_has_no_probability_is_never_drawn():
    """Not even by a uniform number of zero."""
    logits = np.array([-1000, 0, -1], np.float32)
    assert kernels.draw(logits, 0.0, 1.0, np.empty(3)) == 1


@pytest.mark.parametrize("module", [compiled, compiled_pixels])
def test_what_is_kept_on_disk_is_compiled_again_when_the_kernels_change(module):
    """Numba looks at the file of the function that is kept, not at those it calls."""
    kept = {"wavenet_cpu": "draw_steps", "pixelcnn_cpu": "draw_rows"}[module.__name__.rpartition(".")[2]]
    cells = [cell.cell_contents for cell in module.compiled(5).py_func.__closure__]
    assert getattr(module, kept).py_func.__closure__ and 5 in cells
    source = inspect.getsource(module)
    assert source.count("cache=True") == 1 and f"{kept} = compiled(source_stamp())" in source
    imported = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    jitted = {name.name for node in imported for name in node.names if hasattr(getattr(module, name.name), "py_func")}
    assert all(hasattr(kernels, name) for name in jitted)


def test_the_stamp_is_that_of_the_file(tmp_path, monkeypatch):
    before = kernels.source_stamp()
    other = tmp_path / "kernels.py"
    other.write_text(Path(kernels.__file__).read_text() + "\n")
    monkeypatch.setattr(kernels, "__file__", str(other))
    assert kernels.source_stamp() != before


def test_the_kernels_keep_nothing_on_disk_themselves():
    """A kept one would hide a change from those that call it."""
    assert "cache=True" not in Path(kernels.__file__).read_text()
