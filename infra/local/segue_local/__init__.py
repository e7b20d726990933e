"""The local stack: the real template on MiniStack, with the sandbox in place of the destinations.

`with LocalStack() as stack:` brings it up and takes it down again, whatever happens in between;
`python -m segue_local up|down|status` does the same for people.
"""

from segue_local.failure import LocalStackError
from segue_local.stack import LocalStack

__all__ = ["LocalStack", "LocalStackError"]
