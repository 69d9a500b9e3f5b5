"""Compares what the kernel for GPUs draws, interpreted on a CPU, with what torch draws: run with TRITON_INTERPRET=1."""

import warnings

import torch

from unitdisc.decoders import WaveNet
from unitdisc.decoders.sampling import wavenet_gpu as persistent

CASES = {
    "two programs, several launches, padded widths": ({"channels": 8, "skip_channels": 12}, 17, 1.0),
    "three taps, two blocks": ({"channels": 18, "skip_channels": 20, "kernel": 3}, 2, 0.7),
    "one layer": ({"channels": 16, "skip_channels": 16, "layers": 1}, 1, 0.0),
}
CONDITIONS, REPEATS, DIM, CODES = 5, 5, 3, 16


def main() -> None:
    persistent.LAUNCHED = 2 * REPEATS
    for name, (options, batch, temperature) in CASES.items():
        decoder, condition, uniform = made(options, batch)
        expected = decoder.sample_with_torch(condition, uniform, temperature)
        found = persistent.sample_on_gpu(decoder, condition, uniform, temperature)
        assert expected.unique().numel() > 3, name
        assert torch.equal(found, expected), name
        print(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checked = persistent.sample_checked(decoder, condition, uniform, temperature)
    assert torch.equal(checked, expected)
    print("checked")


def made(options: dict, batch: int) -> tuple[WaveNet, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    decoder = WaveNet(DIM, CODES, **({"layers": 3, "cycle": 3} | options)).eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return decoder, torch.randn(batch, CONDITIONS, DIM), torch.rand(batch, CONDITIONS * REPEATS)


if __name__ == "__main__":
    with torch.no_grad():
        main()
