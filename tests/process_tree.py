"""Finding the processes that a process began (Linux)."""

from pathlib import Path


def descendants(parent: int) -> dict[int, str]:
    """The processes below one: pid -> command line."""
    parents, lines = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(folder.name)] = (folder / "cmdline").read_text()
        except OSError:  # it has ended
            continue
    found, before = {parent}, 0
    while len(found) > before:
        before = len(found)
        found |= {pid for pid, above in parents.items() if above in found}
    return {pid: lines.get(pid, "") for pid in found - {parent}}
