"""What a person at the terminal sees: progress with rate and time left, messages, and errors in one sentence."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

MOST_LISTED = 200  # problems, of a corpus of which thousands may have one
QUIET_SECONDS = 20  # between lines where nobody can see a bar

console = Console(stderr=True, highlight=False, emoji=False)  # or "train.jsonl:100:" would show a little 100


def as_it_is(message: str) -> str:
    return message


wording: Callable[[str], str] = as_it_is  # what is said instead: the command line calls fields by their options


def say(message: str) -> None:
    console.print(wording(message), markup=False, soft_wrap=True)


@contextmanager
def progress(title: str, total: int, unit: str = "utterances", done: int = 0) -> Iterator[Callable[..., None]]:
    """Gives advance(count, note=""): a bar on a terminal, now and then a line elsewhere."""
    if console.is_terminal:
        columns = [
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        ]
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(title, total=total, completed=done, rate="", note="")
            started = time.monotonic()

            def advance(count: int = 1, note: str = "") -> None:
                new = bar.tasks[0].completed + count
                rate = (new - done) / max(time.monotonic() - started, 1e-6)
                bar.update(task, advance=count, rate=f"{rate:.1f} {unit}/s", **({"note": note} if note else {}))

            yield advance
    else:
        yield Lines(title, total, unit, done)


class Lines:
    """Progress for logs: a line every so often, and one at the end."""

    def __init__(self, title: str, total: int, unit: str, done: int):
        self.title, self.total, self.unit = title, total, unit
        self.first = self.done = done
        self.note = ""
        self.started = self.spoken = time.monotonic()

    def __call__(self, count: int = 1, note: str = "") -> None:
        self.done += count
        self.note = note or self.note
        now = time.monotonic()
        if now - self.spoken < QUIET_SECONDS and self.done < self.total:
            return
        self.spoken = now
        rate = (self.done - self.first) / max(now - self.started, 1e-6)
        pace = f", {speed(rate)}, {clock((self.total - self.done) / rate)} left" if rate else ""
        say(f"{self.title}: {self.done}/{self.total} {self.unit}{pace}  {self.note}".rstrip())


def speed(rate: float) -> str:
    """rate: a second."""
    return f"{rate:.1f}/s" if rate >= 0.1 else f"{60 * rate:.1f}/min"


def clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def say_problems(problems: Iterable[str], kept: int | None, left: int | None = None) -> None:
    """Lists what is left out, if it is not too much, and tells how much is kept, if that is known.

    left: how much is left out, where a problem may be that of several.
    """
    problems = list(problems)
    for problem in problems[:MOST_LISTED]:
        say(f"left out: {problem}")
    if len(problems) > MOST_LISTED:
        say(f"left out: {len(problems) - MOST_LISTED} more; `unitdisc validate` lists all that is wrong with a corpus")
    if problems:
        say(f"{len(problems) if left is None else left} left out" + ("." if kept is None else f", {kept} kept."))


def fail(message: str) -> None:
    """Ends the program with a sentence, on one line."""
    say("unitdisc: " + " ".join(line.strip() for line in message.splitlines()))
    sys.exit(1)
