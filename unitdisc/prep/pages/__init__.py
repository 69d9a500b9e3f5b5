"""Pages of manuscripts, transcribed line by line in ALTO or PAGE XML: read, and cut into line images."""

from unitdisc.prep.pages.cropping import crop
from unitdisc.prep.pages.documents import read_page
from unitdisc.prep.pages.duplicates import Pictures
from unitdisc.prep.pages.layout import LineError, LinePart, Page, PageLine
from unitdisc.prep.pages.page_images import find_image, scaled_to, stays_in
from unitdisc.prep.pages.places import PLACES, LinePlace, read_places, write_places
from unitdisc.prep.pages.resolution import in_pixels
from unitdisc.prep.pages.workspace import is_workspace

__all__ = [
    "PLACES",
    "LineError",
    "LinePart",
    "LinePlace",
    "Page",
    "PageLine",
    "Pictures",
    "crop",
    "find_image",
    "in_pixels",
    "is_workspace",
    "read_page",
    "read_places",
    "scaled_to",
    "stays_in",
    "write_places",
]
