"""As much YAML as the descriptions of ZeroSpeech submissions need: mappings in mappings of texts, numbers and truths.

Whatever else YAML can say (lists, anchors, tags, ...) is refused with the line it stands on, rather than misread.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc.corpus import CorpusError
from unitdisc.files.text import json_in, read_text

KEY = re.compile(r"""(?P<key>[\w .()-]+?|"[^"\\]*"|'[^']*')\s*:(?:\s+(?P<value>.*))?$""")
INTEGER = re.compile(r"[-+]?\d+$")
FLOAT = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?$")
QUOTED = re.compile(r'("(?:[^"\\]|\\.)*")(?:\s+#.*)?')
SINGLE_QUOTED = re.compile(r"'((?:[^']|'')*)'(?:\s+#.*)?")
WORDS = {"true": True, "false": False, "yes": True, "no": False, "null": None, "~": None, "": None}
REFUSED = tuple("-?[]{}&*!|>%@`,")  # what begins things that are no plain text


@dataclass(frozen=True)
class YamlLine:
    number: int
    indent: int
    text: str


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a file of nested `key: value` lines.

    Raises CorpusError naming the line that is not understood.
    """
    text = read_text(path, CorpusError)
    if text.lstrip().startswith("{"):  # JSON is YAML
        try:
            return json_in(text)
        except ValueError as error:
            raise CorpusError(f"{path}: begins as JSON does, but is none ({error}); correct it") from error
    return Reader(path, [line for line in map(as_line, *numbered(text)) if line]).mapping(0)


def numbered(text: str) -> tuple[range, list[str]]:
    lines = text.split("\n")
    return range(1, len(lines) + 1), lines


def as_line(number: int, text: str) -> YamlLine | None:
    """A line that says something; comments and `---` do not."""
    stripped = text.expandtabs(1).strip()
    if not stripped or stripped.startswith("#") or stripped == "---":
        return None
    return YamlLine(number, len(text.expandtabs(1)) - len(text.expandtabs(1).lstrip()), stripped)


@dataclass
class Reader:
    """Reads lines one after the other; `position` is the next."""

    path: Path
    lines: list[YamlLine]
    position: int = 0

    def mapping(self, indent: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.position < len(self.lines) and self.lines[self.position].indent >= indent:
            line = self.lines[self.position]
            match = KEY.match(line.text)
            if line.indent > indent or not match:
                raise self.error(line, "is not `key: value`, or is indented by surprise")
            key = match["key"].strip("\"'")
            if key in found:
                raise self.error(line, f"says {key!r} a second time")
            self.position += 1
            found[key] = self.value(line, match["value"] or "")
        return found

    def value(self, line: YamlLine, text: str) -> Any:
        """What follows a key on its line and on the lines that are indented further."""
        text = text if text[:1] in "\"'" else re.split(r"(?:^|\s)#", text)[0].strip()
        following = list(self.following(line.indent))
        if text in (">", "|", ">-", "|-"):
            self.position += len(following)
            return ("\n" if text[0] == "|" else " ").join(each.text for each in following)
        if not text and following and KEY.match(following[0].text):
            return self.mapping(following[0].indent)
        if text and text[0] not in "\"'" and any(KEY.match(each.text) for each in following):
            raise self.error(following[0], "is indented by surprise")
        self.position += len(following)
        return self.scalar(line, " ".join([text, *(each.text for each in following)]).strip())

    def following(self, indent: int) -> Iterator[YamlLine]:
        for line in self.lines[self.position :]:
            if line.indent <= indent:
                return
            yield line

    def scalar(self, line: YamlLine, text: str) -> Any:
        if text.startswith('"'):
            if not (match := QUOTED.fullmatch(text)):
                raise self.error(line, "has a quoted text that does not end")
            try:
                return json.loads(match[1])
            except ValueError as error:
                raise self.error(line, f"has a quoted text with an escape that is not read here ({error})") from error
        if text.startswith("'"):
            if not (match := SINGLE_QUOTED.fullmatch(text)):
                raise self.error(line, "has a quoted text that does not end")
            return match[1].replace("''", "'")
        if text.lower() in WORDS:
            return WORDS[text.lower()]
        if INTEGER.match(text):
            return int(text)
        if FLOAT.match(text):
            return float(text)
        if text.startswith(REFUSED):
            raise self.error(line, f"begins with {text[0]!r}, which is more YAML than is read here")
        return text

    def error(self, line: YamlLine, what: str) -> CorpusError:
        return CorpusError(f"{self.path}:{line.number}: {what}; write `key: value`, texts in double quotes")


def as_yaml(values: Mapping[str, Any], indent: int = 0) -> str:
    """Nested mappings as YAML that any reader takes: one `key: value` on a line, texts in double quotes."""
    text = ""
    for key, value in values.items():
        if isinstance(value, Mapping):
            text += f"{' ' * indent}{key}:\n{as_yaml(value, indent + 2)}"
        else:
            text += f"{' ' * indent}{key}: {scalar_as_yaml(value)}\n"
    return text


def scalar_as_yaml(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return np.format_float_positional(value, trim="0")  # 1e-05 would be a text to some readers
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
