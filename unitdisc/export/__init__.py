"""How do units leave for other tools? JSON lines, CTM, TextGrid, .km."""
