"""unitdisc: the units of a language nobody transcribed, from the signal alone."""

__version__ = "0.1.0"
