"""How are files read and written? Text of other systems, writing that leaves nothing half done, locks, caches."""

from unitdisc.files.atomic import UnwritableError, take_away, write_json, write_text, writing, written_aside

__all__ = ["UnwritableError", "take_away", "write_json", "write_text", "writing", "written_aside"]
