"""The card of a model that is handed on: README.md, with the front matter that Hugging Face reads."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from unitdisc import __version__
from unitdisc.reports.score_rows import POINTS, abx_rows, probe_rows
from unitdisc.reports.summary import ReportError

LICENCE = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
PARTS = ("encoder", "bottleneck", "objective", "decoder")
AMOUNTS = {"hours": "{:.2f} hours", "columns": "{:,} pixel columns"}


def card(
    name: str,
    experiment: Mapping[str, Any],
    *,
    checksum: str,
    codes: int | None,
    scores: Mapping[str, Any],
    licence: str | None,
    cite: str | None,
    layer: int | None = None,
) -> str:
    """Markdown. experiment: as experiment.json has it. codes: of the bottleneck. scores: of report/scores.json, or {}.

    layer: of a network of others, in the folder `transformers`, that gives the frames of the encoder.

    Raises ReportError for a licence that is no identifier, which the front matter could not say.
    """
    if licence is not None and not LICENCE.fullmatch(licence):
        raise ReportError(f"the licence {licence!r} is no identifier; give one such as cc-by-4.0, apache-2.0 or other")
    front = ["---", *([f'license: "{licence}"'] if licence else []), "library_name: unitdisc", "tags:"]
    front += ["- unit-discovery", "- unsupervised", "---"]
    options, corpus = experiment["options"], experiment["corpus"]
    usual = f"Name the model, its weights (`{checksum}`), the corpus it was trained on, and unitdisc {__version__}."
    kinds = [f"{part} `{kind}`" for part in PARTS if (kind := options.get(part, {}).get("kind"))]
    how_many = f", {codes} codes" if codes else ""
    parts = [
        "\n".join(front),
        f"# {name}",
        f"A model of unitdisc {experiment.get('versions', {}).get('unitdisc', '')}"
        f" that finds units: {', '.join(kinds) or 'of parts by default'}{how_many}. Weights: `{checksum}`.",
        "## What it was trained on",
        trained_on(corpus, options),
        "## Scores",
        scored(scores),
        "## How to use it",
        f'```python\nimport unitdisc\n\nunitdisc.encode({name!r}, "data/mine.jsonl", "encodings")\n```',
        *([in_transformers(name, layer)] if layer else []),
        "## Licence",
        f"`{licence}`" if licence else "Not stated: ask those who trained it.",
        "## How to cite",
        f"```bibtex\n{cite.strip()}\n```" if (cite or "").lstrip().startswith("@") else cite or usual,
    ]
    return "\n\n".join(parts) + "\n"


def in_transformers(name: str, layer: int) -> str:
    path = f"{name}/transformers"
    return (
        "The network that the encoder is a part of, trained on, for those who use `transformers`; the encoder's frames "
        f"are what its layer {layer} gives:\n\n```python\nfrom transformers import AutoModel\n\n"
        f"network = AutoModel.from_pretrained({path!r})\n"
        f"frames = network(signal, output_hidden_states=True).hidden_states[{layer}]\n```"
    )


def trained_on(corpus: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    amount = [text.format(corpus[key]) for key, text in AMOUNTS.items() if key in corpus]
    rows = {
        "corpus": corpus.get("path", "not known"),
        "utterances": corpus.get("utterances", "not known"),
        "amount": ", ".join(amount) or "not known",
        "speakers or scribes": corpus.get("speakers", "not known"),
        "steps": options.get("training", {}).get("steps", "by default"),
        "checksum of the corpus": corpus.get("checksum", "not known"),
    }
    return table(("", ""), [(key, str(value)) for key, value in rows.items()])


def scored(scores: Mapping[str, Any]) -> str:
    """Of every probe point that was measured; why nothing is said where nothing was."""
    if not scores:
        return "Not measured: there was no report of the experiment (`unitdisc report`)."
    on = scores.get("corpus") or {}
    abx = [
        (POINTS[row.point].name, shown(row.within.value), shown(row.across.value))
        for row in abx_rows(scores)
        if (row.within.value, row.across.value) != (None, None)
    ]
    probes = [
        (POINTS[row.point].name, task, shown(found.value))
        for row in probe_rows(scores)
        for task, found in row.tasks.items()
        if found.value is not None
    ]
    parts = ["Measured on " + ", ".join(f"{what}: {value}" for what, value in on.items()) + "." if on else ""]
    parts += ["ABX errors, in %:", table(("frames", "within speakers", "across"), abx)] if abx else []
    how = "Probes, in % (accuracy; of spectrograms and pixels, R²):"
    parts += [how, table(("frames", "of", ""), probes)] if probes else []
    return "\n\n".join(filter(None, parts)) if abx or probes else "Not measured: the report has no labels to score."


def shown(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
