"""What the commands do, one file per verb: everything they need is imported when they run."""
