"""Where do words begin, and which of them are the same? Utterances cut into word-like segments, grouped into types."""
