"""Spoken term discovery, and the same for handwriting: which stretches of a corpus recur, where nothing else is cut."""
