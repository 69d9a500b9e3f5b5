"""Configurations: what is misspelt is refused by name, and overrides do what one means."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from unitdisc.bottlenecks import BOTTLENECKS
from unitdisc.experiment import DERIVED, Experiment
from unitdisc.experiment.config import PRESETS, ConfigError, build, check_tables, construct, defaults, read

TOML = '[bottleneck]\nkind = "vq"\nnum_codes = 128\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "a.toml").write_text(TOML)
    return tmp_path / "a.toml"


def vq(options: dict):
    return build("bottleneck", BOTTLENECKS, options, "vq", in_dim=8)


def test_overrides_win(path):
    config = read(path, ["bottleneck.num_codes=32", "training.halve_at=[1, 2]", "jitter.probability=0.5"])
    assert vq(config["bottleneck"]).num_codes == 32
    assert config["training"] == {"halve_at": [1, 2]}
    assert config["jitter"] == {"probability": 0.5}


def test_strings_need_no_quotes(path):
    assert read(path, ["bottleneck.codebook=gradient"])["bottleneck"]["codebook"] == "gradient"


def test_another_kind_does_not_inherit_options(path):
    config = read(path, ["bottleneck.free_bits=3", "bottleneck.kind=gaussian"])
    assert config["bottleneck"] == {"kind": "gaussian", "free_bits": 3}
    assert read(path, ["bottleneck.kind=vq"])["bottleneck"]["num_codes"] == 128


@pytest.mark.parametrize(
    "options,message",
    [
        ({"kind": "vq", "codes": 12}, r"\[bottleneck\] 'vq' has no option \['codes'\]: its options are \['batch_norm'"),
        ({"kind": "vqq"}, "unknown kind 'vqq': choose one of"),
        ({"num_codes": "many"}, "option num_codes must be int, not 'many'"),
        ({"batch_norm": 1}, "option batch_norm must be bool, not 1"),
        ({"num_codes": True}, "must be int"),
        ({"codebook": "telepathy"}, r"\[bottleneck\] 'vq': unknown codebook"),
    ],
)
def test_wrong_options_are_refused_by_name(options, message):
    with pytest.raises(ConfigError, match=message):
        vq(options)


@dataclass(frozen=True)
class Colour:
    hue: int = 1
    names: tuple[str, str] = ("a", "b")


class Painting:
    """Takes two arguments of its own and a dataclass of others, with another default."""

    def __init__(self, size: int, colour: Colour = Colour(hue=2), frame: bool = False):
        self.size, self.colour, self.frame = size, colour, frame


class Sketch:
    def __init__(self, colour: Colour):
        self.colour = colour


def test_an_argument_that_is_a_dataclass_is_filled_from_the_same_table():
    painting = construct("painting", Painting, {"names": ["c", "d"], "frame": True}, size=3)
    assert (painting.size, painting.colour, painting.frame) == (3, Colour(2, ["c", "d"]), True)
    assert construct("painting", Painting, {"hue": 5, "size": 3}).colour == Colour(5)
    assert construct("sketch", Sketch, {}).colour == Colour()
    assert construct("painting", Painting, {}, size=3, colour=Colour(7)).colour == Colour(7)


def test_the_fields_of_such_an_argument_are_options_like_any_other():
    with pytest.raises(
        ConfigError, match=r"painting has no option \['colour'\]: its options are \['frame', 'hue', 'names"
    ):
        construct("painting", Painting, {"colour": 1}, size=3)
    with pytest.raises(ConfigError, match="option hue must be int, not 'red'"):
        construct("painting", Painting, {"hue": "red"}, size=3)
    assert defaults(Painting) == {"hue": 2, "names": ("a", "b"), "frame": False}
    assert defaults(Sketch) == {"hue": 1, "names": ("a", "b")}


@pytest.mark.parametrize("kind", BOTTLENECKS)
def test_defaults_build_the_same_bottleneck(kind):
    sizes = {"in_dim": 80, "frame_rate": 50.0}
    spelt_out = {"kind": kind, **defaults(BOTTLENECKS[kind], DERIVED["bottleneck"])}
    bottleneck = build("bottleneck", BOTTLENECKS, spelt_out, "vq", **sizes)
    assert repr(bottleneck) == repr(build("bottleneck", BOTTLENECKS, {"kind": kind}, "vq", **sizes))


def test_an_int_will_do_for_a_float():
    assert vq({"commitment": 1}).commitment == 1


@pytest.mark.parametrize("override", ["num_codes=3", "bottleneck.num_codes", "bottleneck.=3", "bottleneck.num_codes="])
def test_overrides_that_are_not_are_refused(path, override):
    with pytest.raises(ConfigError, match=r"TABLE\.OPTION=VALUE"):
        read(path, [override])


@pytest.mark.parametrize("text,message", [("bottleneck = 3", "outside of a table"), ("[bottleneck", "not a TOML file")])
def test_files_that_are_no_config_are_refused(tmp_path, text, message):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read(tmp_path / "a.toml")


def test_a_missing_config_names_the_presets():
    with pytest.raises(ConfigError, match=r"presets \['bigan-handwriting', .*'vocoder-small'\]"):
        read("nowhere.toml")


def test_unknown_tables_are_refused():
    with pytest.raises(ConfigError, match=r"no such table \['botleneck'\]"):
        check_tables({"botleneck": {}}, ["bottleneck"])


CONFIGS = [*PRESETS.glob("*.toml"), *(Path(__file__).parent.parent / "recipes").glob("*/conf/*.toml")]


def test_the_presets_are_installed():
    setup = (Path(__file__).parent.parent / "setup.py").read_text()
    assert '"unitdisc.experiment": ["presets/*.toml"]' in setup


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_every_config_of_the_project_builds(path):
    """Those behind another network, when it is known: see test_discovered_units.py."""
    experiment = Experiment(read(path), ["ann", "bob"], {})
    if experiment.options.get("encoder", {}).get("kind") != "experiment":
        experiment.build()


def test_the_paper_preset_has_the_papers_sizes():
    model = Experiment(read("paper"), ["ann", "bob"], {}).build()
    encoder = sum(weight.numel() for weight in model.encoder.parameters())
    assert 10.0e6 < encoder + model.bottleneck.project.weight.numel() < 10.3e6  # 10.17 M with the projection
    assert len(model.decoder.stack.layers) == 20
    assert model.decoder.stack.receptive_field == 2047
    assert (model.bottleneck.dim, model.conditioner.convolve.out_channels) == (64, 128)
