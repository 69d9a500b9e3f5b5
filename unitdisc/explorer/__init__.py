"""Pages to look at a corpus and its units: a time line of utterances, search, units, a map; served, or as files."""
