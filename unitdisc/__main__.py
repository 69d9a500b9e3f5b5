"""python -m unitdisc: the same as the `unitdisc` command."""

from unitdisc.commands import main

main()
