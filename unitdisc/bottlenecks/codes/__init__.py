"""Codebooks: how codes are looked up, learned, placed and kept in use; what all quantising bottlenecks share."""
