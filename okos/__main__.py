"""`python -m okos` is `okos`."""

from okos.cli import main

main()
