"""Speakers (and writers) made alike, and frames comparable: steps that are fitted to frames without any labels.

What a step learns from the frames of all is kept; what it learns of a speaker, it learns of any other, too, from that
speaker's own frames.
"""
