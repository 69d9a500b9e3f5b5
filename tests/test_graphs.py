"""Which follow which, drawn."""

import math
import re
from xml.etree import ElementTree

import numpy as np

from unitdisc.language.co_occurrence import followers
from unitdisc.language.sequences import of_codes
from unitdisc.language.vocabulary import Vocabulary
from unitdisc.reports.graphs import LINKS, Link, around, follower_graph, strongest


def links(seed: int = 0, kinds: int = 40) -> list[Link]:
    """Of codes of which 3 is always followed by 7."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(kinds, size=4000)
    codes[np.flatnonzero(codes[:-1] == 3) + 1] = 7
    sequences = of_codes(["a"], [codes])
    vocabulary = Vocabulary.of(sequences.symbols)
    rows = followers(vocabulary.stream(sequences), vocabulary)
    return [Link(*row[:3], row[4]) for row in rows if not {"<s>", "</s>"} & {*row[:2]}]


def test_the_strongest_links_are_those_that_say_most():
    found, all_links = strongest(links()), links()
    usual = sorted((l for l in all_links if l.count >= 2 and l.count > l.expected), key=lambda l: -l.surprise)  # noqa: E741
    assert found[0] == usual[0] and (found[0].left, found[0].right) == ("3", "7")
    assert len({*[l.left for l in found], *[l.right for l in found]}) <= 24 and len(found) <= LINKS  # noqa: E741
    few = strongest(all_links, nodes=3, most=100)
    kept: set[str] = set()
    for link in usual:  # each as long as there is room for its nodes
        room = len(kept | {link.left, link.right}) <= 3
        assert (link in few) == room
        kept |= {link.left, link.right} if room else set()


def test_surprise_is_the_part_of_a_link_in_the_likelihood_ratio():
    assert Link("a", "b", 8, 2.0).surprise == 2 * 8 * math.log(4)


def test_every_node_stands_once_around_the_circle_beside_one_it_is_linked_with():
    chosen = [Link("a", "b", 9, 1.0), Link("c", "a", 5, 1.0), Link("d", "d", 4, 1.0)]
    assert around(chosen) == ["a", "b", "c", "d"]
    order = around(strongest(links()))
    assert sorted(order) == sorted({name for link in strongest(links()) for name in link[:2]})


def test_the_drawing_is_well_formed_escaped_and_always_the_same():
    names = {"3": "<b>&", "7": '"'}
    drawn = follower_graph(links(), "units", names)
    assert drawn == follower_graph(links(), "units", names) and "<b>" not in drawn
    root = ElementTree.fromstring(drawn)
    assert len(root.findall("path")) == len(strongest(links()))
    assert {text.text for text in root.findall("text")} >= {"<b>&", '"'}
    titles = [path.find("title").text for path in root.findall("path")]
    assert re.fullmatch(r'<b>& → ": \d+ times, by chance \d+\.\d', titles[0])
    widths = [float(path.get("stroke-width")) for path in root.findall("path")]
    assert max(widths) == 7.0 and widths[0] == max(widths)
    places = [(circle.get("cx"), circle.get("cy")) for circle in root.findall("circle")]
    assert len({*places}) == len(places) and all(abs(math.hypot(*map(float, at)) - 200) < 0.2 for at in places)


def test_what_is_as_rare_as_by_chance_is_not_drawn():
    assert follower_graph([Link("a", "b", 5, 5.0), Link("b", "a", 1, 0.1)], "units") is None
    loop = follower_graph([Link("a", "a", 5, 1.0)], "units")
    assert "C" in ElementTree.fromstring(loop).find("path").get("d")
