"""How do units leave for other tools? JSON lines, CTM, TextGrid, .km."""

from unitdisc.export.formats import FORMATS, Export, export
from unitdisc.export.units import ExportError, Units, read_units

__all__ = ["FORMATS", "Export", "ExportError", "Units", "export", "read_units"]
