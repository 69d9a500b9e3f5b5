"""Pages to look at a corpus and its units with: utterances on a time line, search, units, a map; served, or as files."""
