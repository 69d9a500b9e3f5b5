"""What eSpeak NG calls the phonemes of a language, and what they are called in the tier `phone`."""

from collections.abc import Set
from dataclasses import dataclass, field

from unitdisc.corpus import CorpusError

SILENCE = "SIL"
TONES = {"55": "1", "35": "2", "214": "3", "21": "3", "51": "4", "11": "5"}  # by contour


def table(text: str) -> dict[str, str]:
    """From eSpeak's phoneme names, several to a label: "AA: 0 A: | AE: a aa" -> {"0": "AA", ...}."""
    rows = (row.split(": ", 1) for row in text.split("|"))
    return {name: label.strip() for label, names in rows for name in names.split()}


def same(names: str) -> dict[str, str]:
    return {name: name for name in names.split()}


@dataclass(frozen=True)
class Language:
    voice: str  # eSpeak's name of it
    phones: dict[str, str]  # eSpeak's name of a phoneme -> label
    vowels: Set[str] = frozenset()  # eSpeak's names of those that carry a tone
    rare: dict[str, str] = field(default_factory=dict)  # phones that no word of the built-in lists has

    def label(self, name: str) -> str:
        if name and name not in self.phones and name not in self.rare:
            raise CorpusError(
                f"the {self.voice} of this eSpeak NG has a phoneme {name!r} not known here: add it to LANGUAGES"
            )
        return self.phones.get(name) or self.rare.get(name, SILENCE)


LANGUAGES = {
    "en": Language(
        "en-us",
        table(
            "AA: 0 A: | AE: a aa | AH: V @ @2 @5 a# | AO: O O2 O: | AW: aU | AY: aI | EH: E | ER: 3 3: | EY: eI |"
            "IH: I I2 I# | IY: i i: | OW: oU | OY: OI | UH: U | UW: u u: | AAR: A@ | AOR: O@ o@ | EHR: e@ | IHR: i@3 |"
            "EL: @L | B: b | CH: tS | D: d d# | DH: D | DX: t# | F: f | G: g | HH: h | JH: dZ | K: k | L: l | M: m |"
            "N: n | NG: N | P: p | R: r r- | S: s | SH: S | T: t t2 | TH: T | V: v | W: w | Y: j | Z: z | ZH: Z"
        ),
        rare=table("UHR: U@ | AYR: aI@ aI3 | IYAH: i@ | Q: ? | EN: n- | AH: @-"),
    ),
    "fr": Language(
        "fr",
        same("a b d e f i j k l m n o p s t u v w y z")
        | table(
            "a: a- | e: e- | i: i- | y: y- | u: u- | ɛ: E | ɔ: O | œ: W | ø: Y | ə: @ @- | ɑ̃: A~ | ɔ̃: O~ | ɛ̃: E~ |"
            "œ̃: W~ | ɡ: g | ɲ: n^ | ʁ: r r2 | ʃ: S | ʒ: Z | t: t2 | z: z2 | n: n2"
        ),
    ),
    "cmn": Language(
        "cmn",
        same("a ai ei f i j k l m n o ou p s t ts u ua uai uei uo w y iou")
        | table(
            "ə: @ | ɚ: @r | ɑ: A | ɑu: Au | ŋ: N | ɕ: S; | x: X | ɻ̩: i. | ɹ̩: i[ | iɑ: iA | iɛ: iE | ɤ: o- | oŋ: ong |"
            "uə: u@ | yɛ: yE | yæ: y& | yə: y@ | yi: yi | kʰ: kh | pʰ: ph | tʰ: th | tsʰ: tsh | tɕ: tS; | tɕʰ: tS;h |"
            "ʈʂ: ts. | ʈʂʰ: ts.h | ʂ: s. | ʐ: z."
        ),
        vowels=set(same("a ai ei i o ou u ua uai uei uo y iou @ @r A Au i. i[ iA iE o- ong u@ yE y& y@ yi")),
    ),
}
