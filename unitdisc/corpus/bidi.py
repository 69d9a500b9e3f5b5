"""The order in which characters of a text stand from left to right on a line: the Unicode Bidirectional Algorithm.

Texts are stored as they are read. In Hebrew or Arabic the first character stands rightmost, but numbers and Latin words
within still run to the right (UAX #9). Whoever goes from column to column through the image of a line needs the order
in which characters stand there; and to say which characters these are, their places in the text, which libraries that
give a string to display do not tell. Explicit embeddings and isolates are not followed: their marks have no columns.
Lines from top to bottom are not known here.
"""

import unicodedata
from collections.abc import Iterator, Sequence

OTHERS = ("B", "S", "WS", "ON")  # classes of characters without a direction of their own
MARKS = ("LRE", "LRO", "RLE", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN")  # characters of no width
SILENT = ("\u200e", "\u200f", "\u061c")  # of no width either, but others are drawn to them as to letters
MIRRORED = dict(zip("<>«»‹›≤≥", "><»«›‹≥≤"))  # beside brackets


def is_leftward(text: str) -> bool:
    """Whether any character of a text may stand left of the one before it."""
    return any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text)


def visual_order(symbols: Sequence[str]) -> list[int]:
    """The places of the symbols of a text, in the order in which they stand from left to right.

    symbols: characters, each with the marks that belong to it. Those that have no width are left out.
    """
    places, levels = placed(symbols)
    return [place for place in places if symbols[place][:1] not in SILENT] if levels else places


def visual(symbols: Sequence[str]) -> list[str]:
    """The symbols of a text from left to right, as they are drawn: "(" as ")" where the line runs leftwards."""
    places, levels = placed(symbols)
    drawn = [mirrored(symbols[place]) if levels.get(place, 0) % 2 else symbols[place] for place in places]
    return [symbol for symbol in drawn if symbol[:1] not in SILENT]


def logical(symbols: Sequence[str]) -> list[str]:
    """The symbols of a line, given from left to right, as they are read: what `visual` does, undone.

    As far as it can be: some texts look alike, "abc 12" after Hebrew words, and "12 abc". The line runs in the
    direction of most of its letters.
    """
    places, levels = placed(symbols, direction_of(symbols))
    return [mirrored(symbols[place]) if levels.get(place, 0) % 2 else symbols[place] for place in places]


def reading_order(labels: Sequence[str]) -> list[int]:
    """The places of labels on a line, characters or words given from left to right, in the order of reading."""
    return placed(labels, direction_of(labels))[0] if any(map(is_leftward, labels)) else list(range(len(labels)))


def direction_of(symbols: Sequence[str]) -> int:
    """Which way most letters run: 1 leftwards, 0 rightwards."""
    classes = [class_of(symbol[:1]) for symbol in symbols]
    return int(sum(each in ("R", "AL") for each in classes) > classes.count("L"))


def placed(symbols: Sequence[str], base: int | None = None) -> tuple[list[int], dict[int, int]]:
    """The places of symbols from left to right, and the level of each: odd where they run leftwards.

    There are no levels where all run rightwards, whatever is between.
    """
    places = [place for place, symbol in enumerate(symbols) if class_of(symbol[:1]) not in MARKS]
    if not base and not any(map(is_leftward, symbols)):
        return [place for place in places if symbols[place][:1] not in SILENT], {}
    levels = levels_of([symbols[place][:1] for place in places], base)
    order = list(range(len(places)))
    for level in range(max(levels, default=0), 0, -1):  # L2: what runs leftwards is turned round, the innermost first
        for start, end in runs([levels[each] >= level for each in order]):
            order[start:end] = order[start:end][::-1]
    return [places[each] for each in order], dict(zip(places, levels))


def levels_of(characters: Sequence[str], base: int | None = None) -> list[int]:
    """The level of every character of a line: even where it runs rightwards, odd where it runs leftwards.

    base: of the line; by default that of its first letter (P2, P3).
    """
    original = [class_of(character) for character in characters]
    if base is None:
        base = int(next((each for each in original if each in ("L", "R", "AL")), "L") != "L")
    around = "RL"[base == 0]  # the direction on either side of the line
    classes = weak(original, around)
    pair_brackets(characters, original, classes, around)
    for start, end in runs([each in OTHERS for each in classes]):  # N1, N2
        left = strong(classes[start - 1]) if start else around
        right = strong(classes[end]) if end < len(classes) else around
        classes[start:end] = [left if left == right else around] * (end - start)
    levels = [base + RISE[base][each] for each in classes]
    return trimmed(levels, original, base)


RISE = ({"L": 0, "R": 1, "AN": 2, "EN": 2}, {"L": 1, "R": 0, "AN": 1, "EN": 1})  # I1, I2


def weak(classes: Sequence[str], around: str) -> list[str]:
    """Classes of which numbers, and what belongs to them, and marks are resolved (W1 to W7)."""
    found, letter = [], around
    for place, each in enumerate(classes):
        each = (found[place - 1] if place else around) if each == "NSM" else each  # W1; isolates there are none
        found.append(each)
    for place, each in enumerate(found):
        letter = each if each in ("L", "R", "AL") else letter
        found[place] = "AN" if each == "EN" and letter == "AL" else each  # W2
    found = ["R" if each == "AL" else each for each in found]  # W3
    for place in range(1, len(found) - 1):  # W4
        before, each, after = found[place - 1 : place + 2]
        if before == after and (before, each) in (("EN", "ES"), ("EN", "CS"), ("AN", "CS")):
            found[place] = before
    for start, end in runs([each == "ET" for each in found]):  # W5
        if "EN" in (*found[max(start - 1, 0) : start], *found[end : end + 1]):
            found[start:end] = ["EN"] * (end - start)
    found = ["ON" if each in ("ES", "ET", "CS") else each for each in found]  # W6
    letter = around
    for place, each in enumerate(found):
        letter = each if each in ("L", "R") else letter
        found[place] = "L" if each == "EN" and letter == "L" else each  # W7
    return found


def pair_brackets(characters: Sequence[str], original: Sequence[str], classes: list[str], around: str) -> None:
    """Gives brackets that belong together one direction (N0)."""
    for opening, closing in sorted(bracket_pairs(characters, classes)):
        inside = {strong(each) for each in classes[opening + 1 : closing] if each not in OTHERS}
        if around in inside:
            direction = around
        elif inside:
            before = next((strong(each) for each in reversed(classes[:opening]) if each not in OTHERS), around)
            direction = before if before in inside else around
        else:
            continue
        for place in (opening, closing):
            classes[place] = direction
            for mark in range(place + 1, len(classes)):  # marks go with what they are on
                if original[mark] != "NSM":
                    break
                classes[mark] = direction


def bracket_pairs(characters: Sequence[str], classes: Sequence[str]) -> list[tuple[int, int]]:
    """The places of brackets that belong together (BD16)."""
    found, open_ones = [], []
    for place, character in enumerate(characters):
        if classes[place] != "ON" or not is_bracket(character):
            continue
        if unicodedata.category(character) == "Ps":
            open_ones.append((closing_of(character), place))
        matching = [at for at, (closing, _) in enumerate(open_ones) if closing == folded(character)]
        if matching and unicodedata.category(character) == "Pe":
            found.append((open_ones[matching[-1]][1], place))
            del open_ones[matching[-1] :]
    return found


def is_bracket(character: str) -> bool:
    return character != "" and bool(unicodedata.mirrored(character)) and unicodedata.category(character) in ("Ps", "Pe")


def folded(bracket: str) -> str:
    """The same bracket, if it has two codes."""
    return unicodedata.normalize("NFC", bracket)


def closing_of(bracket: str) -> str:
    """What closes a bracket: one of the next characters, but for two pairs that are crossed."""
    crossed = {"\u298d": "\u2990", "\u298f": "\u298e"}
    following = (chr(ord(bracket) + 1), chr(ord(bracket) + 2))
    found = crossed.get(bracket) or next((c for c in following if unicodedata.category(c) == "Pe"), bracket)
    return folded(found)


def mirrored(symbol: str) -> str:
    """A symbol as it is drawn where the line runs leftwards."""
    base, marks = symbol[:1], symbol[1:]
    if is_bracket(base):
        if unicodedata.category(base) == "Ps":
            return closing_of(base) + marks
        before = (chr(ord(base) - 1), chr(ord(base) - 2), "\u298d", "\u298f")
        return next((c for c in before if is_bracket(c) and closing_of(c) == folded(base)), base) + marks
    return MIRRORED.get(base, base) + marks


def trimmed(levels: list[int], classes: Sequence[str], base: int) -> list[int]:
    """Levels of which blanks at the end, and before tabs, are those of the line (L1)."""
    blank = True
    for place in range(len(levels) - 1, -1, -1):
        blank = classes[place] in ("B", "S") or (blank and classes[place] == "WS")
        levels[place] = base if blank else levels[place]
    return levels


def class_of(character: str) -> str:
    """The bidirectional class of a character; those that Python does not know run rightwards."""
    return (unicodedata.bidirectional(character) if character else "ON") or "L"


def strong(each: str) -> str:
    """The direction that others see in a letter or a number."""
    return "L" if each == "L" else "R"


def runs(chosen: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """The first place, and the one after the last, of what is chosen in a row."""
    start = None
    for place, each in enumerate([*chosen, False]):
        if each and start is None:
            start = place
        if not each and start is not None:
            yield start, place
            start = None
