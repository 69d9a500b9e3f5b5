"""Data: from the utterances of a corpus to the batches that a model is trained on.

`base` says what features and targets have to provide, `features` and `targets` which kinds there are; `extractor`
computes both for an utterance, normalised and cached; `crops` (of shards: `tar_crops`) says which stretches make up a
batch, `loader` makes it.
"""
