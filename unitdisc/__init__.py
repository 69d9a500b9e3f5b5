"""unitdisc: the units of a language nobody transcribed, from the signal alone."""

from unitdisc.files.caches import keep_caches_somewhere

__version__ = "0.1.0"

keep_caches_somewhere()  # before anything imports numba
