"""JSON lines: units as code, start and end in ticks, and all that is known of the utterance."""

import json
from collections.abc import Iterable
from pathlib import Path

from unitdisc.exports.units import Units
from unitdisc.files import write_text


def write_units_jsonl(path: Path, units: Iterable[Units]) -> None:
    """Writes one JSON line per utterance: utterance, speaker, rate and its units as code, start and end in ticks."""

    def line(entry: Units) -> str:
        fields = {
            "utterance": entry.utterance.id,
            "speaker": entry.utterance.speaker,
            "rate": entry.utterance.rate,
            "units": [{"code": int(label), "start": start, "end": end} for start, end, label in entry.intervals],
        }
        return json.dumps(fields, ensure_ascii=False) + "\n"

    write_text(path, "".join(map(line, units)))
