"""How are files read and written? Text of other systems, writing that leaves nothing half done, locks, caches."""

from unitdisc.files.atomic import write_json, write_text, writing, written_aside

__all__ = ["write_json", "write_text", "writing", "written_aside"]
