"""Items drawn together are, bit for bit, those drawn one at a time, however they are grouped and shared out."""

import threading

import pytest
import torch

from unitdisc.decoders import DECODERS, WaveNet, wavenet
from unitdisc.decoders.sampling import wavenet_cpu as compiled
from unitdisc.decoders.sampling.batched import SampleRequest, run_in_threads, sample_several

DIM, HEIGHT = 5, 4
OPTIONS = {
    "frames": {"channels": 8, "layers": 3},
    "wavenet": {"channels": 9, "skip_channels": 12, "layers": 5, "cycle": 3},  # no multiples of what is padded to
    "columns": {"channels": 8, "layers": 4, "cycle": 2},
    "deconv": {"channels": 8, "layers": 1},
    "pixelcnn": {"channels": 8, "layers": 2, "first_kernel": 3},
    "flow": {"flows": 2, "channels": 8},
    "flow-columns": {"flows": 2, "channels": 8},
    "diffusion": {"channels": 8, "layers": 2, "steps": 3, "sampler": "ddpm"},
    "diffusion-columns": {"channels": 8, "layers": 2, "steps": 3, "sampler": "ddpm"},
    "vocoder": {"channels": 8, "layers": 2, "hop": 3},
    "flow-wave": {"flows": 2, "channels": 8, "hop": 6, "group": 3, "early_every": 1, "early": 1},
}
LENGTHS = [7, 3, 12, 1, 7, 9, 10]  # in conditions, of 6 steps each


def tiny(kind):
    torch.manual_seed(0)
    decoder = DECODERS[kind](DIM, 256 if DECODERS[kind].target == "mu-law" else HEIGHT, **OPTIONS[kind])
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return decoder.eval()


def items(decoder, lengths=LENGTHS):
    """Given columns where there can be some; generators are used up, so every call makes new ones."""
    made = []
    for number, length in enumerate(lengths):
        condition = torch.randn(length, DIM, generator=torch.Generator().manual_seed(number))
        given = torch.ones(3, HEIGHT, dtype=torch.long) if decoder.target == "grey" and number % 2 else None
        made.append(SampleRequest(condition, 6 * length, torch.Generator().manual_seed(number // 2), given))
    return made


def together(decoder, wanted, temperature=1.0):
    drawn, steps = {}, []
    sample_several(decoder, wanted, temperature, drawn.__setitem__, steps.append)
    assert sum(steps) == sum(item.size for item in wanted) and min(steps) > 0
    return [drawn[index] for index in range(len(wanted))]


@pytest.fixture(params=DECODERS)
def decoder(request):
    return tiny(request.param)


@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.0])
def test_items_drawn_together_are_those_drawn_alone(decoder, temperature, monkeypatch):
    alone = [item.sample(decoder, temperature) for item in items(decoder)]
    for threads in (1, 3) if temperature else (3,):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        for found, expected in zip(together(decoder, items(decoder), temperature), alone, strict=True):
            assert torch.equal(found, expected), threads


def test_items_drawn_together_do_not_depend_on_their_order_or_on_interruptions(monkeypatch):
    decoder = tiny("wavenet")
    expected = together(decoder, items(decoder))
    monkeypatch.setattr(compiled, "STRETCH", 5)
    backwards = together(decoder, items(decoder)[::-1])[::-1]
    assert all(torch.equal(one, other) for one, other in zip(expected, backwards, strict=True))


def test_a_wavenet_that_has_one_layer_is_drawn_too():
    decoder = WaveNet(DIM, 256, channels=8, skip_channels=8, layers=1, kernel=2).eval()
    alone = [item.sample(decoder, 1.0) for item in items(decoder)]
    assert all(torch.equal(*pair) for pair in zip(together(decoder, items(decoder)), alone, strict=True))


def test_a_wavenet_elsewhere_pads_its_items(monkeypatch):
    """What a GPU does, on a CPU: the same items up to rounding, here none of which changes what is drawn."""
    decoder = tiny("wavenet").double()
    wanted = [SampleRequest(item.condition.double(), item.size, item.generator) for item in items(decoder)]
    uniforms = [torch.rand(1, item.size, generator=item.generator, dtype=torch.double) for item in wanted]
    alone = [
        decoder.sample_with_torch(item.condition[None], uniform)[0]
        for item, uniform in zip(wanted, uniforms, strict=True)
    ]
    given = iter(uniforms)
    monkeypatch.setattr(wavenet, "noise", lambda *_, **__: next(given))
    monkeypatch.setattr(wavenet, "on_cpu", lambda decoder: False)
    assert all(torch.equal(*pair) for pair in zip(together(decoder, wanted), alone, strict=True))


def test_clocks_that_differ_are_refused():
    decoder = tiny("wavenet")
    wanted = [SampleRequest(torch.randn(2, DIM), size, torch.Generator()) for size in (12, 14)]
    with pytest.raises(ValueError, match=r"as many steps in every item, not for \[6, 7\]"):
        together(decoder, wanted)


def test_a_size_that_is_no_multiple_is_refused(decoder):
    with pytest.raises(ValueError, match="cannot be shared evenly"):
        together(decoder, [*items(decoder), SampleRequest(torch.randn(2, DIM), 13, torch.Generator())])


def test_a_temperature_that_means_nothing_is_refused(decoder):
    with pytest.raises(ValueError, match="temperature must be 0 or more"):
        together(decoder, items(decoder), -1.0)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_cannot_be_finished_is_raised_and_the_rest_is_not_begun(threads):
    begun, last = [], threading.Event()

    def work(number):
        begun.append(number)
        if number == 1:
            raise OSError("disk full")
        if number > 1:
            last.wait(0.05)

    with pytest.raises(OSError, match="disk full"):
        run_in_threads(work, range(200), threads)
    assert len(begun) < 200


def test_nothing_is_recorded_for_gradients(decoder):
    assert not any(target.requires_grad for target in together(decoder, items(decoder)))


def test_the_mode_and_the_global_random_numbers_are_left_alone(decoder):
    decoder.train()
    before = torch.random.get_rng_state()
    together(decoder, items(decoder))
    assert decoder.training and torch.equal(before, torch.random.get_rng_state())
