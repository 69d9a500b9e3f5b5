"""Pages of manuscripts, transcribed line by line in ALTO or PAGE XML: read, and cut into line images."""

from unitdisc.data.pages.cropping import crop
from unitdisc.data.pages.documents import read_page
from unitdisc.data.pages.images import find_image, scaled_to, stays_in
from unitdisc.data.pages.layout import Line, LineError, Page, Part
from unitdisc.data.pages.twins import Pictures
from unitdisc.data.pages.units import in_pixels
from unitdisc.data.pages.workspace import is_workspace

__all__ = [
    "Line",
    "LineError",
    "Page",
    "Part",
    "Pictures",
    "crop",
    "find_image",
    "in_pixels",
    "is_workspace",
    "read_page",
    "scaled_to",
    "stays_in",
]
