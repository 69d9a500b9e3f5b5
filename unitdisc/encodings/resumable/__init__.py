"""Lists of units that a run which was killed goes on with, and that many jobs may write to together."""
