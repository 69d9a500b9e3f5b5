"""python -m unitdisc: the same as the `unitdisc` command."""

from unitdisc.cli import main

main()
