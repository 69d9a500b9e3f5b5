"""The style and the scripts of the pages: what a server sends, and what a folder has beside its pages."""

from pathlib import Path

from unitdisc.explorer.views import HOME
from unitdisc.files.text import read_text

KINDS = {".css": "text/css", ".js": "text/javascript"}
PALETTE = Path(__file__).parent.parent / "reports" / "templates" / "palette.css"
ASSETS = {path.name: path for path in sorted(HOME.iterdir()) if path.suffix in KINDS}


def content_of(name: str) -> str:
    """Of one of ASSETS. A style begins with the colours that all pages have."""
    own = read_text(ASSETS[name])
    return read_text(PALETTE) + own if ASSETS[name].suffix == ".css" else own
