"""Where things are computed: what is asked of CUDA, in which order, and what is said when it cannot. Without a GPU."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pretended_device import DEVICE, pretended
from torch.utils.data import DataLoader

from unitdisc import commands as cli
from unitdisc.api import train
from unitdisc.batch import Batch
from unitdisc.data import loader as loading
from unitdisc.decoders import DECODERS
from unitdisc.experiment import Experiment
from unitdisc.inference.agreement import AUDIO, SPEAKERS, batch_of
from unitdisc.model import UnitModel
from unitdisc.training import checkpoints, distributed, precision
from unitdisc.training.devices import cure_of, usable_device
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions

SECOND = torch.device("cuda", 1)


class AskedError(Exception):
    pass


def test_the_random_state_is_that_of_the_device_that_trains(monkeypatch):
    """Not of the current GPU, and no GPU is touched where the CPU trains."""
    kept = {}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: torch.tensor([device.index]))
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: kept.update({device: state}))
    state = checkpoints.random_state(SECOND)
    checkpoints.restore_random_state(state, SECOND)
    assert kept == {SECOND: torch.tensor([1])}
    monkeypatch.setattr(torch.cuda, "get_rng_state", None)
    monkeypatch.setattr(torch.cuda, "set_rng_state", None)
    assert checkpoints.random_state(torch.device("cpu")).keys() == {"cpu"}
    checkpoints.restore_random_state(state, torch.device("cpu"))  # of a run that was on a GPU before


@pytest.fixture
def launched(monkeypatch):
    """The second of two processes that torchrun started, on a machine with two GPUs; gives what is asked of CUDA."""
    asked = []
    for name, value in {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    zeros = torch.zeros

    def made(*size, device=None, **options):
        if torch.device(device or "cpu").type == "cuda":
            asked.append(("zeros", str(device)))
        return zeros(*size, **options)

    monkeypatch.setattr(torch, "zeros", made)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: asked.append(("set_device", str(device))))
    dist = distributed.dist
    join = lambda backend, device_id: asked.append((backend, str(device_id)))  # noqa: E731
    monkeypatch.setattr(dist, "init_process_group", join)
    return asked


@pytest.mark.parametrize("device", ["cuda", None])
def test_a_process_touches_no_gpu_but_its_own(launched, monkeypatch, tmp_path, device):
    def begin(*arguments, device, **_):
        launched.append(("train", device))

    monkeypatch.setattr(train, "train_together", begin)
    train.train("small", None, tmp_path, device=device)
    assert launched[0] == ("set_device", "cuda:1")
    assert ("nccl", "cuda:1") in launched and ("train", "cuda:1") in launched
    assert {place for _, place in launched} == {"cuda:1"}


def test_more_processes_than_gpus_are_refused(launched, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match=r"2 processes on this machine, but 1 GPU that .* --nproc-per-node 1"):
        train.train("small", None, None, device="cuda")
    with pytest.raises(ValueError, match=r"--device cuda:0: under torchrun every process has a GPU of its own"):
        train.train("small", None, None, device="cuda:0")
    assert not launched


@pytest.mark.parametrize("stopped", [None, KeyboardInterrupt, distributed.LostProcessError])
def test_processes_take_leave_of_each_other(launched, monkeypatch, stopped):
    """But not of those that are gone, for whom they might wait."""
    joined, left = [], []
    monkeypatch.setattr(distributed, "start_processes", lambda device: joined.append(device) or "cpu")
    monkeypatch.setattr(distributed, "world_size", lambda: 2 if joined else 1)
    monkeypatch.setattr(distributed.dist, "destroy_process_group", lambda: left.append(1))

    def work():
        with distributed.processes("cpu"):
            if stopped:
                raise stopped

    if stopped:
        with pytest.raises(stopped):
            work()
    else:
        work()
    assert left == ([] if stopped is distributed.LostProcessError else [1])
    with distributed.processes("cpu"):  # joined before, by whoever leaves them
        pass
    assert len(left) == (stopped is not distributed.LostProcessError)


def test_a_gpu_is_the_current_one_before_anything_is_made_on_it(launched, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert usable_device("cuda:1") == "cuda:1"
    assert launched == [("set_device", "cuda:1"), ("zeros", "cuda:1")]


ERRORS = {
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore"): (
        "Tried to allocate 2.00 GiB",
        "training.gradient_accumulation",
        "decoder.checkpoint=true",
        "training.precision=bfloat16",
        "training.batch_size",
    ),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"): ("out of memory", "training.batch_size"),
    MemoryError("Unable to allocate 9 GiB"): ("Unable to allocate 9 GiB", "gradient_accumulation"),
    RuntimeError("CUDA error: no kernel image is available for execution on the device\nhelp"): ("not built for this",),
    RuntimeError("CUDA driver version is insufficient for CUDA runtime version"): ("update it",),
    RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable"): ("another process has this GPU",),
    torch.AcceleratorError("CUDA error: device-side assert triggered"): ("doctor --device cuda", "--device cpu"),
    RuntimeError("put_ does not have a deterministic implementation"): ("leave training.deterministic out",),
}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: str(error)[:30])
def test_what_a_device_cannot_do_is_one_sentence_with_the_cure(error, monkeypatch, capsys):
    def app():
        raise error

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("unitdisc: ")
    assert all(words in line for words in ERRORS[error]), line


def test_other_errors_keep_their_traceback(monkeypatch):
    error = RuntimeError("a bug")

    def app():
        raise error

    monkeypatch.setattr(cli, "app", app)
    assert cure_of(error) is None
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main()


def test_batches_are_pinned_for_a_gpu(monkeypatch):
    pinned, asked = [], {}
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self, *_: pinned.append(self.shape) or self)
    tensors = [torch.zeros(2, 3, 1), *(torch.zeros(2) for _ in range(2)), torch.zeros(2, 3), torch.zeros(2)]
    batch = Batch(*tensors, 3, torch.zeros(2)).pin_memory()
    assert len(pinned) == 6 and batch.target_frames == 3

    class Loader(DataLoader):
        def __init__(self, *arguments, **options):
            asked.update(options)
            super().__init__(*arguments, **options | {"pin_memory": False})

    monkeypatch.setattr(loading, "DataLoader", Loader)
    for wanted in (False, True):
        assert list(loading.batches([batch, batch], 0, 2, 0, wanted)) == [batch, batch]
        assert asked["pin_memory"] is wanted


def trainer(folder, **options):
    said = []
    made = TrainingOptions(batch_size=4, **options)
    build = Experiment(AUDIO | {"bottleneck": {"kind": "linear"}}, SPEAKERS, {}).build
    Trainer(build, made, folder, "cpu", Progress(say=said.append))
    return said


@pytest.fixture
def products():
    yield lambda: (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    precision.multiply_in("float32")


def test_products_have_the_precision_that_is_asked_for(tmp_path, products):
    """torch's own default is TF32 in convolutions and 32 bits in matrix products."""
    said = trainer(tmp_path, precision="tf32")
    assert products() == (True, True)
    assert said == ["training.precision = tf32 is float32 on cpu, which has no TF32"]
    for other in ("float32", "bfloat16"):
        torch.backends.cudnn.allow_tf32 = True
        assert trainer(tmp_path, precision=other) == []
        assert products() == (False, False)
    precision.multiply_in("tf32")
    usable_device("cpu")
    assert products() == (False, False)


def test_the_bottleneck_has_all_digits(monkeypatch, products):
    seen = []
    experiment = Experiment(AUDIO | {"bottleneck": {"kind": "linear"}}, SPEAKERS, {})
    model: UnitModel = experiment.build()
    for part in (model.encoder, model.bottleneck, model.conditioner):
        part.register_forward_pre_hook(lambda *_: seen.append(products()[0]))
    precision.multiply_in("tf32")
    model(batch_of(experiment, model.encoder.stride, 0))
    assert seen == [True, False, True]


def test_deterministic_kernels_are_asked_for_on_a_gpu(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("unitdisc.training.trainer.deterministic", asked.append)
    trainer(tmp_path, deterministic=True)
    assert asked == []  # on a CPU they always are
    one = SimpleNamespace(options=TrainingOptions(deterministic=True), device=SECOND, progress=Progress())
    Trainer.set_up_device(one)
    assert asked == [True]


def test_a_pixelcnn_draws_on_the_cpu_wherever_it_is():
    torch.manual_seed(0)
    decoder = DECODERS["pixelcnn"](3, 4, channels=4, layers=2, first_kernel=3).eval()
    condition, given = torch.randn(2, 2, 3), torch.ones(2, 1, 4, dtype=torch.long)
    expected = decoder.sample(condition, 4, torch.Generator().manual_seed(1), given=given)
    with pretended() as record:
        there = decoder.to(DEVICE)
        record.clear()
        found = there.sample(condition.to(DEVICE), 4, torch.Generator().manual_seed(1), given=given.to(DEVICE))
        assert found.device == DEVICE
        assert len(record.copies) == 3  # of what is given to it above, of nothing in between, and of what was drawn
        np.testing.assert_array_equal(found.cpu().numpy(), expected.numpy())
