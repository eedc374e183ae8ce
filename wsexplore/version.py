"""The version of wsexplore, in one place."""

VERSION = "0.1.0"
