"""unitdisc export: units for other tools."""

from pathlib import Path

from unitdisc.units import FORMATS, OF_IMAGES
from unitdisc.units import export as export_units
from unitdisc.verbs.encoded import open_both
from unitdisc.verbs.folders import filling, folder_for_results


@filling(lambda given: [given["folder"]])
def export(encodings: Path, corpus: Path, folder: Path, formats: list[str], allow_pipes: bool) -> list[Path]:
    """Writes units for other tools; returns the files."""
    opened, utterances = open_both(encodings, corpus, None, allow_pipes)
    usual = OF_IMAGES if any(utterance.is_image for utterance in utterances) else tuple(FORMATS)
    return export_units(opened, utterances, folder_for_results(folder), formats or usual).files
