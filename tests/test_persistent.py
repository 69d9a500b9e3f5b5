"""The kernel that draws samples on a GPU, without one: interpreted on a CPU, and compiled for one but not run."""

import os
import re
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("triton", reason="Triton comes with torch for GPUs")

from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile

from unitdisc.decoders import WaveNet
from unitdisc.decoders.sampling import wavenet_gpu as persistent

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


def compiled(decoder, folder, monkeypatch, capability=90):
    """For a GPU, such as an H100, with the sizes of a decoder; addresses and steps, as in a launch, divide by 16."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(folder))
    packed = persistent.pack(decoder)
    layers, taps, channels, _ = packed.gates.shape
    sizes = {"num_layers": layers, "taps": taps, "channels": channels, "width": len(packed.skip_bias)}
    sizes |= {"num_codes": len(packed.logits_bias), "streams": persistent.ROWS, "block": packed.block}
    kinds = POINTERS | dict.fromkeys(NUMBERS, "i32") | dict.fromkeys(sizes, "constexpr")
    signature = {name: kinds.get(name, "*fp32") for name in persistent.draw_steps.arg_names}
    aligned = [i for i, (name, kind) in enumerate(signature.items()) if kind.startswith("*") or name in NUMBERS]
    attributes = {(place,): [["tt.divisibility", 16]] for place in aligned}
    source = ASTSource(persistent.draw_steps, signature, sizes, attributes)
    return compile(source, target=GPUTarget("cuda", capability, 32))


def spilled(kernel, folder) -> list[int]:
    """Bytes of registers that the assembler for an H100 found no room for: stores and loads."""
    (folder / "kernel.ptx").write_text(kernel.asm["ptx"])
    command = [knobs.nvidia.ptxas.path, "-v", "--gpu-name=sm_90a", folder / "kernel.ptx", "-o", folder / "kernel.cubin"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return [int(number) for number in re.findall(r"(\d+) bytes spill", said)]


def assert_compiled(kernel):
    assert kernel.asm["cubin"]
    assert "mma.sync" in kernel.asm["ptx"]  # products are those of matrix units
    assert kernel.metadata.shared <= 227 * 1024  # what an H100 has for a program
    source = Path(persistent.__file__).read_text()
    assert len(re.findall(r"\bbarrier\b", kernel.asm["ttir"])) == source.count("tl.debug_barrier()") == 5


@pytest.mark.slow
def test_the_kernel_compiles_for_a_gpu(tmp_path, monkeypatch):
    decoder = WaveNet(5, 16, channels=16, skip_channels=16, layers=3)
    assert_compiled(compiled(decoder, tmp_path, monkeypatch))


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"channels": 64, "skip_channels": 128}])
def test_the_kernel_compiles_for_a_gpu_in_the_sizes_that_are_used(options, tmp_path, monkeypatch):
    kernel = compiled(WaveNet(64, 256, **options), tmp_path, monkeypatch)
    assert_compiled(kernel)
    if not options:  # the published size; the small one spills 72 bytes
        assert spilled(kernel, tmp_path) == [0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("capability", [75, 80, 86, 89, 100, 120])
def test_the_kernel_compiles_for_other_gpus(capability, tmp_path, monkeypatch):
    kernel = compiled(WaveNet(64, 256), tmp_path, monkeypatch, capability)
    assert kernel.metadata.shared <= 64 * 1024  # what the smallest of them has for a program


def test_the_kernel_is_launched_on_the_gpu_of_its_tensors(monkeypatch):
    """Triton itself asks for the current one."""
    done = []

    @contextmanager
    def device(which):
        done.append(f"on {which}")
        yield
        done.append("off")

    monkeypatch.setattr(torch.cuda, "device", device)
    stream = SimpleNamespace(synchronize=lambda: done.append("waited"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    with persistent.on_its_gpu(SimpleNamespace(is_cuda=True, device="cuda:1")):
        done.append("launched")
    assert done == ["on cuda:1", "launched", "waited", "off"]


def test_launches_are_short_and_tell_what_they_drew(decoder, monkeypatch):
    entered, launched, told = [], [], []

    @contextmanager
    def noted(codes):
        entered.append(codes.shape)
        yield

    monkeypatch.setattr(persistent, "on_its_gpu", noted)
    monkeypatch.setattr(persistent, "launch", lambda *arguments: launched.append(arguments[6]))
    with torch.no_grad():
        condition, uniform = torch.randn(3, 7, 3), torch.rand(3, 7 * 320)
        persistent.sample_on_gpu(decoder, condition, uniform, 1.0, lambda *steps: told.append(steps))
    assert launched == told == [(0, 960), (960, 1920), (1920, 2240)]
    assert len(entered) == 3


def test_the_trial_goes_round_every_ring_and_into_a_second_launch():
    for options in ({}, {"layers": 3}, {"cycle": 12, "layers": 12}):
        decoder = WaveNet(2, 16, channels=2, skip_channels=16, **options)
        longest = max(layer.reach for layer in decoder.stack.layers) + 1
        for repeats in (1, 160, 320, 640, 2000):
            steps = persistent.conditions_tried(decoder, repeats) * repeats
            assert steps > longest
            assert steps > persistent.conditions_launched(repeats) * repeats


@pytest.fixture
def decoder(monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(persistent, "_trusted", {})
    return WaveNet(3, 16, channels=8, skip_channels=8, layers=2).eval()


def checked(decoder, size=320, batch=4):
    condition, uniform = torch.randn(batch, 4, 3), torch.rand(batch, size)
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(persistent, "LAUNCHED", 80)  # so that two of four latents are tried
        found = persistent.sample_checked(decoder, condition, uniform, 1.0)
        return found, decoder.sample_with_torch(condition, uniform)


def drawn(faulty, tried):
    """What stands in for the kernel: right but for some streams. tried: gets the steps it is asked for."""

    def sample_on_gpu(decoder, *arguments):
        tried.append(arguments[1].shape[1])
        codes = decoder.sample_with_torch(*arguments)
        codes[:faulty] += 1
        return codes

    return sample_on_gpu


def test_a_kernel_that_draws_something_else_is_not_trusted(decoder, monkeypatch):
    tried = []
    monkeypatch.setattr(persistent, "sample_on_gpu", drawn(3, tried))
    with pytest.warns(UserWarning, match="drawn by torch: .*3 of 4 streams differ"):
        found, expected = checked(decoder)
    assert torch.equal(found, expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(*checked(decoder))
    assert tried == [160]  # once


@pytest.mark.filterwarnings("error")
def test_a_kernel_is_tried_once_for_each_size_of_decoder(decoder, monkeypatch):
    tried = []
    monkeypatch.setattr(persistent, "sample_on_gpu", drawn(0, tried))
    for each in (decoder, decoder, WaveNet(3, 16, channels=16, skip_channels=8, layers=2).eval(), decoder):
        assert torch.equal(*checked(each))
    assert tried == [160, 320, 320, 160, 320, 320]


def test_a_kernel_that_does_not_compile_is_not_needed(decoder, monkeypatch):
    def fail(*_):
        raise RuntimeError("out of resource: shared memory\nmore about it")

    monkeypatch.setattr(persistent, "sample_on_gpu", fail)
    with pytest.warns(UserWarning, match=r"fails \(RuntimeError: out of resource: shared memory\)"):
        found, expected = checked(decoder)
    assert torch.equal(found, expected)


@pytest.mark.filterwarnings("error")
def test_a_kernel_that_differs_by_a_rounding_is_used(decoder, monkeypatch):
    monkeypatch.setattr(persistent, "sample_on_gpu", drawn(1, []))
    found, expected = checked(decoder)
    assert not torch.equal(found[0], expected[0]) and torch.equal(found[1:], expected[1:])


@pytest.mark.filterwarnings("error")
def test_few_steps_and_other_heads_are_left_to_torch(decoder, monkeypatch):
    monkeypatch.setattr(persistent, "sample_on_gpu", None)
    monkeypatch.setattr(persistent, "conditions_tried", lambda *_: 4)  # all there are
    assert torch.equal(*checked(decoder))
    monkeypatch.setattr(persistent, "fits", lambda *_: False)
    assert torch.equal(*checked(decoder))


def test_only_powers_of_two_fit():
    for codes, expected in ((256, True), (16, True), (8, False), (100, False)):
        decoder = WaveNet(3, codes, channels=8, skip_channels=8, layers=2)
        assert persistent.fits(decoder) == expected
