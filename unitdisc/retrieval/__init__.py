"""Query by example: where in a corpus a stretch of a recording, or of a line of handwriting, occurs again."""
