"""Can this corpus be used? Faults of lists, recordings and images, each with its file and its cure."""
