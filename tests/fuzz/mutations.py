"""Garbage with a structure: files that were right, spoilt in a few places, the same from the same seed."""

import random
import re

TOKEN = re.compile(rb"[^\s,:;=<>()\[\]{}\"'/]+")
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
NUMBERS = (b"0", b"-1", b"-0", b"1e308", b"1e999", b"-1e999", b"NaN", b"nan", b"Infinity", b"inf", b"1e-320", b"0x10")
NUMBERS += (b"9" * 19, b"9" * 400, b"2147483648", b"4294967295", b"18446744073709551616", b"1_000", b"1.5", b"", b"01")
NUMBERS += ("١٢".encode(), "½".encode(), b"1,5", b"+7", b"--7", b"true", b"null", b"[]", b"{}", b'""')
WORDS = (b"", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", b"\xef\xbb\xbf", "\u2028\u202e\u200b\ufeff".encode())
WORDS += (b"A" * 5000, b"../../../etc/passwd", b"/dev/zero", b"| touch /tmp/pwned |", b"<!ENTITY a 'b'>", b"%s%n{0}")
WORDS += (
    b"__import__('os')",
    b"\\",
    b'"',
    b"'",
    b"null",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\t",
    b" ",
    "e\u0301\U0001f600".encode(),
)
WORDS += (b"\r", b"\x1a", b"\x85", b"&lt;&#0;", b"<![CDATA[", b"-", b"#", b"file:///etc/passwd", b"~", b"*")
HEADERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\1\0\0\0", b"\xff" * 8, b"\0" * 8)
ENDS = (b"\r\n", b"\r", b"\n\n", b"\n\r", b"\0\n", b"\x85", b"\xe2\x80\xa8")
NESTED = (b"[", b'{"a":', b"(", b"<a>", b"((", b'"')


def mutated(content: bytes, draw: random.Random) -> tuple[bytes, str]:
    """The content spoilt in one to three places, and which mutations that were."""
    done = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        mutation = draw.choice(MUTATIONS)
        content = mutation(content, draw)
        done.append(mutation.__name__)
    return content, ", ".join(done)


def place(content: bytes, draw: random.Random) -> int:
    """Early ones are as likely as all others together: headers are short."""
    return draw.randrange(min(len(content), 100) + 1) if draw.random() < 0.5 else draw.randrange(len(content) + 1)


def stretch(content: bytes, draw: random.Random) -> tuple[int, int]:
    start = place(content, draw)
    return start, min(len(content), start + draw.choice((1, 2, 4, 16, 64, 1000)))


def flip(content: bytes, draw: random.Random) -> bytes:
    spoilt = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        if spoilt:
            spoilt[min(place(content, draw), len(spoilt) - 1)] ^= 1 << draw.randrange(8)
    return bytes(spoilt)


def cut(content: bytes, draw: random.Random) -> bytes:
    return content[: place(content, draw)]


def take_out(content: bytes, draw: random.Random) -> bytes:
    start, end = stretch(content, draw)
    return content[:start] + content[end:]


def double(content: bytes, draw: random.Random) -> bytes:
    start, end = stretch(content, draw)
    return content[:end] + content[start:end] * draw.choice((1, 1, 2, 500)) + content[end:]


def put_in(content: bytes, draw: random.Random) -> bytes:
    at = place(content, draw)
    return content[:at] + draw.choice(WORDS + NUMBERS) + content[at:]


def overwrite(content: bytes, draw: random.Random) -> bytes:
    at, new = place(content, draw), draw.choice(HEADERS)
    return content[:at] + new + content[at + len(new) :]


def replace_found(pattern: re.Pattern, choices: tuple[bytes, ...], content: bytes, draw: random.Random) -> bytes:
    found = list(pattern.finditer(content[:200_000]))
    if not found:
        return put_in(content, draw)
    chosen = draw.choice(found)
    return content[: chosen.start()] + draw.choice(choices) + content[chosen.end() :]


def other_number(content: bytes, draw: random.Random) -> bytes:
    return replace_found(NUMBER, NUMBERS, content, draw)


def other_word(content: bytes, draw: random.Random) -> bytes:
    return replace_found(TOKEN, WORDS + NUMBERS, content, draw)


def same_word(content: bytes, draw: random.Random) -> bytes:
    """A word takes the place of another: two of one name, a number for a name."""
    return replace_found(TOKEN, tuple(TOKEN.findall(content[:200_000])) or (b"x",), content, draw)


def lines(content: bytes, draw: random.Random) -> bytes:
    """One is taken out, doubled, swapped with another, or cut."""
    each = content.splitlines(keepends=True) or [b""]
    a, b, what = draw.randrange(len(each)), draw.randrange(len(each)), draw.randrange(5)
    if what == 0:
        del each[a]
    elif what == 1:
        each.insert(b, each[a])
    elif what == 2:
        each[a], each[b] = each[b], each[a]
    elif what == 3:
        each[a] = each[a][: draw.randrange(len(each[a]) + 1)]
    else:
        each[a] = each[a] * draw.choice((2, 300))
    return b"".join(each)


def ends(content: bytes, draw: random.Random) -> bytes:
    return content.replace(b"\n", draw.choice(ENDS), draw.choice((1, -1)))


def coding(content: bytes, draw: random.Random) -> bytes:
    text = content.decode("utf-8", errors="replace")
    return draw.choice(
        (
            lambda: b"\xef\xbb\xbf" * draw.choice((1, 2)) + content,
            lambda: text.encode("utf-16"),
            lambda: text.encode("utf-16-le"),
            lambda: text.encode("utf-32"),
            lambda: text.encode("latin-1", errors="replace"),
            lambda: text.encode("utf-7"),
        )
    )()


def nest(content: bytes, draw: random.Random) -> bytes:
    at, deep = place(content, draw), draw.choice(NESTED) * draw.choice((20, 3000, 100_000))
    return content[:at] + deep + content[at:]


def nothing(content: bytes, draw: random.Random) -> bytes:
    return draw.choice((b"", b"\0", b"\0" * 600, b"\n", content[:1], content + content))


MUTATIONS = (flip, flip, cut, take_out, double, put_in, overwrite, other_number, other_number, other_word, other_word)
MUTATIONS += (same_word, lines, lines, ends, coding, nest, nothing)
