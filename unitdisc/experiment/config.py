"""Configuration: one TOML table per component, its keys the arguments of the component's constructor."""

import inspect
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from unitdisc.files.text import TextError, read_text

PRESETS = Path(__file__).parent / "presets"
LARGEST = 2**63 - 1  # that libraries compute with
CHECKED_TYPES = (bool, int, float, str, list, type(None))


class ConfigError(ValueError):
    """The configuration asks for something that does not exist; the message names the key and what would be right."""


def read(source: Path | str, overrides: Iterable[str] = ()) -> dict:
    """Reads a TOML file, or a preset by its name, and applies overrides such as "bottleneck.num_codes=256".

    An override that changes a table's kind does away with the file's other options of that table.
    """
    path = Path(source)
    preset = PRESETS / f"{source}.toml"
    if not path.is_file() and preset.exists():
        path = preset
    if not path.is_file():
        presets = sorted(preset.stem for preset in PRESETS.glob("*.toml"))
        raise ConfigError(f"{path}: no such config file; give a TOML file or one of the presets {presets}")
    try:
        config = tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, TextError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from error
    for name, table in config.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {name} = {table!r} stands outside of a table; put it under a [table]")
    parsed = [parse_override(override) for override in overrides]
    for table, option, value in sorted(parsed, key=lambda override: override[1] != "kind"):
        if option == "kind" and config.get(table, {}).get("kind", value) != value:
            config[table] = {}  # the file's options are those of the kind it names
        config.setdefault(table, {})[option] = value
    return config


def parse_override(override: str) -> tuple[str, str, Any]:
    """Table, option and value of "TABLE.OPTION=VALUE"; a value that is not TOML is taken as a string."""
    key, equals, value = override.partition("=")
    table, _, option = key.strip().partition(".")
    if not equals or not option or not value:
        raise ConfigError(f"cannot apply `overrides` {override!r}: write TABLE.OPTION=VALUE")
    try:
        return table, option, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return table, option, value


def check_tables(config: Mapping, known: Iterable[str]) -> None:
    """Raises ConfigError if the config has tables that nothing reads."""
    known = sorted(known)
    if unknown := sorted(config.keys() - set(known)):
        raise ConfigError(f"no such table {unknown}: the tables are {known}")


def build(table: str, family: Mapping[str, type], options: Mapping, default: str, **derived: Any):
    """Builds the member of a family that options["kind"] names (or the default), from the other options.

    derived: what follows from the other tables; a member gets those that it has arguments for.
    """
    options = dict(options)
    kind = options.pop("kind", default)
    if not isinstance(kind, str) or kind not in family:
        raise ConfigError(f"[{table}] unknown kind {kind!r}: choose one of {sorted(family)}")
    wanted = inspect.signature(family[kind]).parameters
    known = {name: value for name, value in derived.items() if name in wanted}
    return construct(f"[{table}] {kind!r}", family[kind], options, **known)


def construct(what: str, factory: Callable, options: Mapping, **derived: Any):
    """Calls a constructor with options from a config, checked against its signature.

    An argument that is a dataclass is filled from the options that are its fields.
    """
    allowed = option_types(factory, derived.keys())
    if unknown := sorted(options.keys() - allowed.keys()):
        raise ConfigError(f"{what} has no option {unknown}: its options are {sorted(allowed)}")
    for name, value in options.items():
        check_type(what, name, value, allowed[name])
    try:
        return factory(**arguments(factory, options, derived.keys()), **derived)
    except ValueError as error:
        raise ConfigError(f"{what}: {error}") from error


def option_types(factory: Callable, derived: Collection[str] = ()) -> dict[str, Any]:
    """The options of a constructor and their annotations, the fields of a dataclass among them where it takes one."""
    found = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        kind = parameter.annotation
        if name not in derived:
            found |= option_types(kind) if is_dataclass(kind) else {name: kind}
    return found


def arguments(factory: Callable, options: Mapping, derived: Collection[str] = ()) -> dict:
    """The arguments of a constructor that options give, the fields of a dataclass gathered in one."""
    given = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        if name in derived:
            continue
        if is_dataclass(parameter.annotation):
            inner = arguments(parameter.annotation, options)
            optional = parameter.default is not inspect.Parameter.empty
            given[name] = replace(parameter.default, **inner) if optional else parameter.annotation(**inner)
        elif name in options:
            given[name] = options[name]
    return given


def defaults(factory: Callable, derived: Collection[str] = ()) -> dict:
    """The options of a constructor that have a default, and it; what is derived from other tables is no option."""
    found = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        if name in derived:
            continue
        if not is_dataclass(parameter.annotation):
            found[name] = parameter.default
        elif parameter.default is inspect.Parameter.empty:
            found |= defaults(parameter.annotation)
        else:
            found |= {field.name: getattr(parameter.default, field.name) for field in fields(parameter.default)}
    if is_dataclass(factory):  # whose default may be made anew each time
        made = {field.name: field.default_factory for field in fields(factory)}
        found |= {name: make() for name, make in made.items() if make is not MISSING}
    return {name: value for name, value in found.items() if value is not inspect.Parameter.empty}


def check_type(what: str, name: str, value: Any, annotation: Any) -> None:
    """Raises ConfigError unless a value fits an annotation and is not negative: nothing that is configured can be."""
    if not fits(value, annotation):
        kind = annotation.__name__ if isinstance(annotation, type) else annotation
        raise ConfigError(f"{what}: option {name} must be {kind}, not {value!r}")
    if isinstance(value, (int, float)) and not value >= 0:  # NaN neither
        raise ConfigError(f"{what}: option {name} must be 0 or more, not {value!r}")
    if isinstance(value, int) and value > LARGEST:
        raise ConfigError(f"{what}: option {name} must be below 2^63, not a number of {len(str(value))} digits")


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value from TOML is what an annotation says; an int will do for a float."""
    if isinstance(annotation, UnionType):
        return any(fits(value, kind) for kind in get_args(annotation))
    if get_origin(annotation) is tuple:
        kinds = get_args(annotation)
        return isinstance(value, (list, tuple)) and len(value) == len(kinds) and all(map(fits, value, kinds))
    if annotation not in CHECKED_TYPES:
        return True
    if isinstance(value, bool):
        return annotation is bool
    return isinstance(value, {float: (int, float), list: (list, tuple)}.get(annotation, annotation))
