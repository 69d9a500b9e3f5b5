"""Pages of manuscripts, transcribed line by line in ALTO or PAGE XML: read, and cut into line images."""

from unitdisc.data.pages.cropping import crop
from unitdisc.data.pages.documents import read_page
from unitdisc.data.pages.images import find_image, scaled_to
from unitdisc.data.pages.layout import Line, LineError, Page, Part

__all__ = ["Line", "LineError", "Page", "Part", "crop", "find_image", "read_page", "scaled_to"]
