"""What texts and scripts tell people to type: is it valid?"""

import re
import shlex
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from unitdisc import commands as cli

ROOT = Path(__file__).parent.parent
COMMANDS = typer.main.get_command(cli.app).commands
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
SHARED = "".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "unitdisc/prep").glob("*.py")
)  # options of scripts


def commands_in(text: str) -> list[list[str]]:
    """The commands of shell text, words apart, comments and continued lines dealt with."""
    lines = text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line.strip(), comments=True))]


def assert_valid(words: list[str]) -> None:
    """Raises where a command of unitdisc, or a script of ours, does not exist or does not know an option."""
    if words[:3] == ["python", "-m", "unitdisc"] or words[0] == "torchrun":
        words = words[words.index("-m") + 1 :]
    if words[0] == "unitdisc" and len(words) > 1 and not words[1].startswith("--"):
        values = [re.sub(r"^\$\w+$", "1", word) for word in words[2:]]  # a variable may stand for a number
        with TemporaryDirectory() as folder, chdir(folder):  # where results could be written: it is looked at
            COMMANDS[words[1]].make_context(words[1], values)
    elif words[0] == "make":
        assert set(words[1:]) <= TARGETS, words
    elif words[0] in ("python", "python3") and words[1].endswith(".py"):
        assert (ROOT / words[1]).is_file(), words
        source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / words[1]).parent.glob("*.py"))
        assert all(word in source + SHARED for word in words[2:] if word.startswith("--")), words
    elif words[0] == "sbatch":
        script = next(word for word in words if word.endswith(".sbatch"))
        assert (ROOT / script).is_file(), words
    elif words[0].endswith(".sh"):
        assert (ROOT / words[0]).is_file(), words
    for word in words:
        if re.fullmatch(r"recipes/[^$\s]+\.toml", word):
            assert (ROOT / word).is_file(), word


def is_known(words: list[str]) -> bool:
    """Whether `assert_valid` can say anything of a command."""
    return words[0] in ("unitdisc", "make", "torchrun", "sbatch") or words[0].endswith(".sh") or "python" in words[0]
