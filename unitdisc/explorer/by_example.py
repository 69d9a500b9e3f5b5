"""Search by example: stretches whose frames are like those of one that was chosen, as `unitdisc find` compares them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unitdisc.encodings import EncodingsError
from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.rows import Stretch

SEARCHED = 1000  # utterances; of a larger corpus so many, all over it
TOP = 40


@dataclass(frozen=True)
class Found:
    """A stretch and what its frames cost, the mean distance to those of the example."""

    stretch: Stretch
    cost: float


@dataclass(frozen=True)
class ByExample:
    """The part of a corpus that is searched, and how its frames are scaled, which is found out once."""

    index: CorpusIndex

    @cached_property
    def places(self) -> dict[str, int]:
        """Id -> place of the utterances that are searched."""
        number = len(self.index)
        some = np.unique(np.linspace(0, number - 1, min(SEARCHED, number)).astype(int)).tolist()
        return {self.index.utterance(place).id: place for place in some}

    @cached_property
    def material(self):
        """Frames in the scale of their speakers. Raises EncodingsError if there are none, or none to compare."""
        from unitdisc.retrieval.materials import Collection, materials
        from unitdisc.retrieval.search import FindOptions

        encodings = self.index.encodings_of([*self.places.values()])
        if not encodings.codes:
            raise EncodingsError(f"{encodings.folder.name}: has no frames, by which stretches are compared")
        utterances = [self.index.utterance(self.places[id]) for id in encodings.codes]
        collection = Collection(encodings, utterances)
        return collection, materials(collection, None, FindOptions().how)

    def search(self, example: Stretch) -> list[Found]:
        """The best, from the best. Raises EncodingsError if no frame lies in the example, or none can be compared."""
        from unitdisc.clustering.frame_source import StoredFrames
        from unitdisc.retrieval.contents import Frames
        from unitdisc.retrieval.hits import best
        from unitdisc.retrieval.places import borders
        from unitdisc.retrieval.queries import Place, centres_of, stretch_of
        from unitdisc.retrieval.scales import Scale, ScaledFrames, scales
        from unitdisc.retrieval.search import Query, search

        collection, prepared = self.material
        utterance = self.index.utterance(example.place)
        own = self.index.encodings_of([example.place])
        if utterance.id not in own:
            raise EncodingsError(f"{own.folder.name}: {utterance.id} has no frames, so nothing is like them")
        frames = stretch_of(own, Place(utterance, example.start, example.end, label=""))
        searched: Frames = prepared.searched
        if utterance.id in collection.encodings:
            content = searched.read(*frames)
        else:  # in the scale of its speaker, as far as that is known
            stored = StoredFrames(own, [utterance.id])
            spoken = {u.speaker or "": u.id for u in collection.utterances}
            known = spoken.get(utterance.speaker or "")
            scale: Scale | None = searched.frames.scale_of(known) if known else None
            if scale is None:
                scale = scales(stored, {utterance.id: ""}, 1, advance=lambda done: None)[""]
            scaled = ScaledFrames(stored, lambda name: scale, searched.frames.spherical)
            content = Frames(scaled, searched.distance).read(*frames)
        names = [each.id for each in collection.utterances]
        hits = (hit for _, (some,) in search(searched, names, [Query(searched.query(content), frames)]) for hit in some)
        found = []
        by_name = {each.id: each for each in collection.utterances}
        for hit in best(hits, TOP):
            edges = borders(centres_of(collection.encodings, by_name[hit.utterance]), by_name[hit.utterance].ticks)
            stretch = Stretch(self.places[hit.utterance], int(edges[hit.first]), int(edges[hit.last]))
            found.append(Found(stretch, hit.cost))
        return found
