"""The doctor: what a machine has, and what is to be done about what it lacks."""

import ast
import importlib
import importlib.metadata
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from unitdisc import __version__
from unitdisc.api import doctor as verb
from unitdisc.api.doctor import EXTRAS, NEEDED, WITHOUT, doctor

pytest_plugins = ["tiny_fixtures"]

SETUP = Path(__file__).parent.parent / "setup.py"


def findings() -> dict[str, str]:
    return dict(doctor()[0])


def setup_argument(name: str):
    """A literal argument of setup() in setup.py."""
    tree = ast.parse(SETUP.read_text())
    (call,) = (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setup"
    )
    return next(ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == name)


def failing(module: str, error: Exception, monkeypatch) -> None:
    """Makes the loading of a module fail."""
    load = importlib.import_module

    def load_but(name: str, *arguments):
        if name == module:
            raise error
        return load(name, *arguments)

    monkeypatch.setattr(importlib, "import_module", load_but)


def test_a_healthy_machine_is_said_to_be(unitdisc):
    result = unitdisc("doctor")
    assert result.code == 0
    assert re.search(r"^torchaudio +2\.\d+\.\d+\S*, loads$", result.out, re.M)


def test_versions_are_told():
    found = findings()
    assert found["unitdisc"] == __version__
    assert found["torch"] == importlib.metadata.version("torch")
    assert found["numpy"] == importlib.metadata.version("numpy")
    assert {"Python", "GPU", "cores"} <= found.keys()


def test_everything_that_is_installed_is_looked_for():
    required = {re.split(r"[<>=]", requirement)[0] for requirement in setup_argument("install_requires")}
    assert {*NEEDED, "torch", "torchaudio"} == required
    assert EXTRAS.keys() < WITHOUT.keys()
    assert EXTRAS.keys() == setup_argument("extras_require").keys() - {"dev", "docs"}


@pytest.mark.parametrize("error", [OSError("libtorchaudio.so: undefined symbol: x"), ImportError("no module")])
def test_a_torchaudio_that_does_not_load_is_reported_with_the_cure(unitdisc, monkeypatch, error):
    failing("torchaudio", error, monkeypatch)
    result = unitdisc("doctor")
    assert result.code == 1
    assert f"torchaudio       cannot be loaded: {error}." in result.out
    assert "pip install --force-reinstall 'torch>=2.11,<2.15' 'torchaudio>=2.11,<2.12,!=2.11.1'" in result.out


def test_a_torch_that_does_not_load_is_reported_with_the_cure(unitdisc, monkeypatch):
    failing("torch", OSError("libcudart.so.13: cannot open shared object file"), monkeypatch)
    result = unitdisc("doctor")
    assert result.code == 1
    assert "torch cannot be loaded: libcudart.so.13" in result.out
    assert "pip install --force-reinstall 'torch" in result.out


def test_a_missing_package_is_reported_with_the_cure(unitdisc, monkeypatch):
    find = importlib.metadata.version

    def version(name: str) -> str:
        if name == "soundfile":
            raise importlib.metadata.PackageNotFoundError(name)
        return find(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    result = unitdisc("doctor")
    assert result.code == 1
    assert re.search("^soundfile +missing: pip install soundfile$", result.out, re.M)


def test_a_missing_extra_is_no_illness(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(verb.shutil, "which", lambda name: None)
    found, healthy = doctor()
    cure = "not installed (optional): without it, no features of networks of others; pip install 'unitdisc[hf]'"
    assert dict(found)["extra hf"] == cure and healthy
    assert "no `training.compile` on a CPU" in dict(found)["C++ compiler"]
    assert "pip install pyarrow" in dict(found)["pyarrow"]


def test_the_torch_that_the_cure_installs_is_the_one_that_is_required():
    text = Path(verb.__file__).read_text()
    for requirement in setup_argument("install_requires"):
        if requirement.startswith("torch"):
            assert f"'{requirement}'" in text


@pytest.mark.slow
def test_a_device_is_compared_with_the_cpu(unitdisc, monkeypatch):
    from unitdisc.inference import agreement

    monkeypatch.setattr(agreement, "SAMPLES", 64)  # 1280 are for a kernel
    table = agreeing(unitdisc, agreement.kinds())
    assert re.search(r"^samples of a WaveNet +agrees +[34] of 4 streams of 64 steps", table, re.M)


def test_a_kind_of_each_part_is_compared_with_the_cpu(unitdisc, monkeypatch):
    from unitdisc.bottlenecks import BOTTLENECKS
    from unitdisc.decoders import DECODERS
    from unitdisc.encoders import ENCODERS
    from unitdisc.inference import agreement

    kinds = agreement.kinds()
    families = (("bottleneck", BOTTLENECKS), ("encoder", ENCODERS), ("decoder", DECODERS))
    every = {f"{part} {kind}" for part, family in families for kind in family}
    assert {*kinds} == every - {f"encoder {kind}" for kind in agreement.OF_OTHERS}
    monkeypatch.setattr(
        agreement, "kinds", lambda: {name: kinds[name] for name in ("bottleneck pca", "decoder deconv")}
    )
    monkeypatch.setattr(agreement, "samples", lambda device: ("as many", True))
    agreeing(unitdisc, agreement.kinds())


def agreeing(unitdisc, kinds: Iterable[str]) -> str:
    """The table of a doctor who finds that all agree."""
    result = unitdisc("doctor", "--device", "cpu")
    assert result.code == 0
    table = result.out.partition("cpu beside the CPU")[2]
    for kind in kinds:
        assert re.search(rf"^{kind} +agrees .*loss 0e\+00  gradient 0e\+00  encodings 0e\+00", table, re.M)
    for precision in ("tf32", "bfloat16"):
        assert re.search(rf"^conv2d in {precision} +agrees", table, re.M)
    assert re.search(r"^(\d+) of \1 agree$", table, re.M)
    return table


def test_a_device_that_computes_something_else_is_told(unitdisc, monkeypatch):
    from unitdisc.inference import agreement

    def fail(*_):
        raise RuntimeError("CUDA error: no kernel image\nmore about it")

    made = agreement.step
    options = agreement.AUDIO | {"bottleneck": {"kind": "linear"}}
    monkeypatch.setattr(agreement, "kinds", lambda: {"linear": options})
    monkeypatch.setattr(agreement, "samples", fail)
    steps = []

    def off(model, batch, precision):
        """The third step, the device's, is off by a percent."""
        steps.append(made(model, batch, precision))
        loss = steps[-1].loss
        return agreement.Step(loss * 1.01 if len(steps) == 3 else loss, steps[-1].gradient)

    monkeypatch.setattr(agreement, "step", off)
    monkeypatch.setattr(agreement, "PRECISIONS", ("float32",))
    result = unitdisc("doctor", "--device", "cpu")
    assert result.code == 1
    assert re.search(r"^linear +DIFFERS  loss 1e-02  gradient 0e\+00", result.out, re.M)
    said = "fails: RuntimeError: CUDA error: no kernel image"
    assert re.search(f"^samples of a WaveNet +DIFFERS  {said}$", result.out, re.M)
    assert "0 of 2 agree" in result.out


def test_a_device_that_is_not_there_is_refused(unitdisc):
    result = unitdisc("doctor", "--device", "cuda:77")
    assert result.code == 1
    assert "--device cuda:77: cannot be used" in result.err
