"""The report of an experiment: one page that shows and plays what was discovered, and its figures as JSON."""
