"""Units of any system's frames, found after the fact: so many a second, each a stretch of one code."""
