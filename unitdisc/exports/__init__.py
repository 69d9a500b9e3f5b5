"""How do units leave for other tools? JSON lines, CTM, TextGrid, ELAN, Audacity, .km; readings as pages."""

from unitdisc.exports.formats import FORMATS, Export, export
from unitdisc.exports.units import ExportError, Units, read_units

__all__ = ["FORMATS", "Export", "ExportError", "Units", "export", "read_units"]
