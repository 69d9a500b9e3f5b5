"""Looking at line images for what is wrong with them."""

from collections.abc import Iterable

from unitdisc.corpus import Problem, Utterance
from unitdisc.data.validation import Checked


def check_images(utterances: Iterable[Utterance], thorough: bool = False) -> Checked:
    """Tells the utterances that are line images from those that are not."""
    utterances = list(utterances)
    bad = [u for u in utterances if not u.is_image]
    what, cure = "is a recording, where line images are wanted", "set features.kind to that of recordings"
    return Checked(
        [u for u in utterances if u.is_image], [Problem("error", u.path, None, f"{u.id} {what}", cure) for u in bad]
    )
