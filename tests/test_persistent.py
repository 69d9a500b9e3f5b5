"""The kernel that draws samples on a GPU, without one: interpreted on a CPU, and compiled for one but not run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton", reason="Triton comes with torch for GPUs")

from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile

from unitdisc.decoders import WaveNet, persistent

TESTS = Path(__file__).parent
POINTERS = {"codes": "*i32", "uniform": "*fp64", "delays": "*i32", "rings": "*i32", "temperature": "fp32"}
NUMBERS = ("first", "last", "size", "repeats", "batch")


@pytest.mark.slow
def test_the_kernel_interpreted_draws_what_torch_draws():
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(TESTS.parent), "OMP_NUM_THREADS": "1"}
    script = [sys.executable, str(TESTS / "persistent_interpreted.py")]
    done = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4


def compiled(decoder, folder, monkeypatch):
    """For an H100, with the sizes of a decoder."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(folder))
    packed = persistent.pack(decoder)
    layers, taps, channels, _ = packed.gates.shape
    sizes = {"num_layers": layers, "taps": taps, "channels": channels, "width": len(packed.skip_bias)}
    sizes |= {"num_codes": len(packed.logits_bias), "streams": persistent.ROWS, "block": packed.block}
    kinds = POINTERS | dict.fromkeys(NUMBERS, "i32") | dict.fromkeys(sizes, "constexpr")
    signature = {name: kinds.get(name, "*fp32") for name in persistent.draw_steps.arg_names}
    return compile(ASTSource(persistent.draw_steps, signature, sizes), target=GPUTarget("cuda", 90, 32))


def assert_compiled(kernel):
    assert kernel.asm["cubin"]
    assert "mma.sync" in kernel.asm["ptx"]  # products are those of matrix units
    assert kernel.metadata.shared <= 227 * 1024  # what an H100 has for a program
    source = Path(persistent.__file__).read_text()
    assert len(re.findall(r"\bbarrier\b", kernel.asm["ttir"])) == source.count("tl.debug_barrier()") == 5


def test_the_kernel_compiles_for_a_gpu(tmp_path, monkeypatch):
    decoder = WaveNet(5, 16, channels=16, skip_channels=16, layers=3)
    assert_compiled(compiled(decoder, tmp_path, monkeypatch))


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"channels": 64, "skip_channels": 128}])
def test_the_kernel_compiles_for_a_gpu_in_the_sizes_that_are_used(options, tmp_path, monkeypatch):
    assert_compiled(compiled(WaveNet(64, 256, **options), tmp_path, monkeypatch))


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return WaveNet(3, 16, channels=8, skip_channels=8, layers=2).eval()


def checked(decoder, size=320, batch=4):
    condition, uniform = torch.randn(batch, 4, 3), torch.rand(batch, size)
    with torch.no_grad():
        found = persistent.sample_checked(decoder, condition, uniform, 1.0)
        return found, decoder.sample_with_torch(condition, uniform)


def drawn(faulty):
    """What stands in for the kernel: right but for some streams."""

    def sample_on_gpu(decoder, *arguments):
        codes = decoder.sample_with_torch(*arguments)
        codes[:faulty] += 1
        return codes

    return sample_on_gpu


def test_a_kernel_that_draws_something_else_is_not_trusted(decoder, monkeypatch):
    monkeypatch.setattr(persistent, "sample_on_gpu", drawn(3))
    with pytest.warns(UserWarning, match="drawn by torch, .*3 of 4 streams differ"):
        found, expected = checked(decoder)
    assert torch.equal(found, expected)


def test_a_kernel_that_does_not_compile_is_not_needed(decoder, monkeypatch):
    def fail(*_):
        raise RuntimeError("out of resource: shared memory\nmore about it")

    monkeypatch.setattr(persistent, "sample_on_gpu", fail)
    with pytest.warns(UserWarning, match=r"fails \(RuntimeError: out of resource: shared memory\)"):
        found, expected = checked(decoder)
    assert torch.equal(found, expected)


@pytest.mark.filterwarnings("error")
def test_a_kernel_that_differs_by_a_rounding_is_used(decoder, monkeypatch):
    monkeypatch.setattr(persistent, "sample_on_gpu", drawn(1))
    found, expected = checked(decoder)
    assert not torch.equal(found[0], expected[0]) and torch.equal(found[1:], expected[1:])


@pytest.mark.filterwarnings("error")
def test_few_steps_and_other_heads_are_left_to_torch(decoder, monkeypatch):
    monkeypatch.setattr(persistent, "sample_on_gpu", None)
    assert torch.equal(*checked(decoder, size=64))
    monkeypatch.setattr(persistent, "fits", lambda *_: False)
    assert torch.equal(*checked(decoder))


def test_only_powers_of_two_fit():
    for codes, expected in ((256, True), (16, True), (8, False), (100, False)):
        decoder = WaveNet(3, codes, channels=8, skip_channels=8, layers=2)
        assert persistent.fits(decoder) == expected
