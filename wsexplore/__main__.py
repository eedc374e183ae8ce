"""`python -m wsexplore` is the command `wsexplore`."""

from wsexplore.cli import main

main()
