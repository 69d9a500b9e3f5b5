"""Which follow which, drawn: the strongest links around a circle, as SVG that takes on the colours of the page."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

NODES, LINKS = 24, 48  # that are drawn, at most
LEAST = 2  # occurrences of a link
SIZE, RADIUS, DOT = 560, 200, 7  # pixels
THICKEST = 7.0
PULL = 0.35  # of the way from the middle of the circle to that of its ends, where a line is bent to
TURN = 0.12  # of its length, by which it is bent to the right, so that both directions show


class Link(NamedTuple):
    """That one follows another: how often, and how often it would if neighbours knew nothing of each other."""

    left: str
    right: str
    count: float
    expected: float

    @property
    def surprise(self) -> float:
        """What it adds to the log-likelihood ratio G² of the table (Dunning, 1993), in nats."""
        return 2 * self.count * math.log(self.count / self.expected)


def strongest(links: Iterable[Link], nodes: int = NODES, most: int = LINKS) -> list[Link]:
    """The links that say most, among no more nodes than this; none that is as rare as chance would have it."""
    usual = [link for link in links if link.count >= LEAST and link.count > link.expected]
    chosen: list[Link] = []
    there: set[str] = set()
    for link in sorted(usual, key=lambda link: (-link.surprise, link.left, link.right)):
        wanted = there | {link.left, link.right}
        if len(wanted) <= nodes and len(chosen) < most:
            chosen.append(link)
            there = wanted
    return chosen


def around(links: Sequence[Link]) -> list[str]:
    """The nodes, each beside the one that it is linked with most, beginning with the most linked one."""
    weight: dict[str, dict[str, float]] = {}
    for link in links:
        for one, other in {(link.left, link.right), (link.right, link.left)}:  # one that follows itself counts once
            own = weight.setdefault(one, {})
            own[other] = own.get(other, 0.0) + link.surprise
    left = sorted(weight, key=lambda name: (-sum(weight[name].values()), name))
    order = left[:1]
    while len(order) < len(left):
        rest = [name for name in left if name not in order]
        order.append(max(rest, key=lambda name: weight[order[-1]].get(name, 0.0)))  # of equals, the most linked one
    return order


def follower_graph(links: Iterable[Link], what: str, names: dict[str, str] | None = None) -> Markup | None:
    """The strongest links; None if there are none.

    what: is linked, for those who do not see it: "units". names: what nodes are called, if not what they are.
    """
    chosen, names = strongest(links), names or {}
    if not chosen:
        return None
    order = around(chosen)
    angles = {name: 2 * math.pi * place / len(order) - math.pi / 2 for place, name in enumerate(order)}
    thickest = max(link.count for link in chosen)
    parts = [line(link, angles, thickest, names) for link in chosen]
    parts += [node(name, angles[name], names.get(name, name)) for name in order]
    box = f"{-SIZE // 2} {-SIZE // 2} {SIZE} {SIZE}"
    head = f'<svg class="graph" viewBox="{box}" style="max-width: {SIZE}px" role="img" '
    return Markup(f'{head}aria-label="Which {escape(what)} follow which">{ARROW}{"".join(parts)}</svg>')


ARROW = (
    '<defs><marker id="follows" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" orient="auto" '
    'markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" fill="currentColor"/></marker></defs>'
)


def line(link: Link, angles: dict[str, float], thickest: float, names: dict[str, str]) -> str:
    """From one node to the next, or around one that follows itself."""
    said = " → ".join(names.get(name, name) for name in (link.left, link.right))
    told = f"{said}: {link.count:,.0f} times, by chance {link.expected:,.1f}"
    width = max(0.8, THICKEST * math.sqrt(link.count / thickest))
    path = loop(angles[link.left]) if link.left == link.right else curve(angles[link.left], angles[link.right])
    style = f'class="link" d="{path}" stroke-width="{width:.2f}" marker-end="url(#follows)"'
    return f"<path {style}><title>{escape(told)}</title></path>"


def curve(first: float, second: float) -> str:
    """A bent line between two places on the circle, which begins and ends beside their dots."""
    (ax, ay), (bx, by) = place(first), place(second)
    x, y = PULL * (ax + bx) / 2 - TURN * (by - ay), PULL * (ay + by) / 2 + TURN * (bx - ax)
    start, end = towards((ax, ay), (x, y), DOT + 1), towards((bx, by), (x, y), DOT + 3)
    return f"M{start[0]:.1f} {start[1]:.1f}Q{x:.1f} {y:.1f} {end[0]:.1f} {end[1]:.1f}"


def loop(angle: float) -> str:
    """Into the circle and back."""
    x, y = place(angle)
    sides = [place(angle + turn, RADIUS - 60) for turn in (-0.16, 0.16)]
    start, end = (towards((x, y), side, DOT + 2) for side in sides)
    return (
        f"M{start[0]:.1f} {start[1]:.1f}C{sides[0][0]:.1f} {sides[0][1]:.1f} "
        f"{sides[1][0]:.1f} {sides[1][1]:.1f} {end[0]:.1f} {end[1]:.1f}"
    )


def place(angle: float, radius: float = RADIUS) -> tuple[float, float]:
    return radius * math.cos(angle), radius * math.sin(angle)


def towards(start: tuple[float, float], goal: tuple[float, float], far: float) -> tuple[float, float]:
    """So many pixels from the one to the other."""
    dx, dy = goal[0] - start[0], goal[1] - start[1]
    share = far / max(math.hypot(dx, dy), far)
    return start[0] + share * dx, start[1] + share * dy


def node(name: str, angle: float, called: str) -> str:
    """A dot, and its name outside of the circle."""
    (x, y), (tx, ty) = place(angle), place(angle, RADIUS + DOT + 7)
    side = "middle" if abs(tx) < RADIUS / 8 else "start" if tx > 0 else "end"
    hue = f' style="--hue: {round(int(name) * 137.5) % 360}"' if name.isascii() and name.isdigit() else ""
    dot = f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{DOT}"{hue}><title>{escape(called)}</title></circle>'
    return f'{dot}<text x="{tx:.1f}" y="{ty:.1f}" text-anchor="{side}">{escape(called)}</text>'
