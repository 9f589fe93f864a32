"""How many clients fit: each has a connection to us, and one of ours to it."""

import resource

__all__ = ["clientRoom", "raiseDescriptorLimit"]

#: Descriptors of one attached client: its own connection and the call-back.
_PER_CLIENT = 2

#: For everything else: listeners, logs, the reactor, SQLite, handlers' own connections.
_RESERVED = 64


def raiseDescriptorLimit() -> int:
    """
    Raise the soft limit of open files to the hard one.

    :returns: the limit that holds now.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            # Some systems have a hard limit of infinity and accept no such soft one.
            return soft
    return hard


def clientRoom(descriptors: int) -> int:
    """
    How many clients fit into that many descriptors.

    :param descriptors: the limit; negative for none.
    """
    if descriptors < 0:
        return 1 << 30
    return max(0, (descriptors - _RESERVED) // _PER_CLIENT)
