"""The one error of this package: its text tells what failed, and where to look."""


class LocalStackError(Exception):
    """The local stack could not be brought up, used or ended. The text is for people."""
