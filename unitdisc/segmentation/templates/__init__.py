"""Units with a shape: short sequences of frames, each of which a stretch of frames is compared with, brought to length.

`options` says what decides, `learning` learns them (segmental k-means), `model` says what a stretch costs, `kernels`
finds the cheapest cut, `states` does the same with the posteriors of a network that was taught them, `storage` keeps
them.
"""
