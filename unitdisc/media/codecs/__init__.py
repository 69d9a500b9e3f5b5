"""How do recordings lie in files? What each format says of its samples, and how any stretch of them is decoded."""
