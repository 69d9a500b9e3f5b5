"""Units with a shape: short sequences of frames, each of which a stretch of frames is compared with, brought to length.

`options` says what decides, `start` and `learning` learn them (segmental k-means), `model` says what a stretch costs,
`lattice` finds the cheapest cut and the price of a unit, `states` and `rounds` do so with the posteriors of networks
that were taught them, `storage` keeps them.
"""
