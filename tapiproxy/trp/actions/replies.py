"""
The reply of a request that succeeded: itself, with what the server fills in.  [MS-TRP] 2.2.5.2
"""

from typing import Any

import attrs

from tapiproxy.trp.templates import Request, encodeReply
from tapiproxy.wire.structs import EVERY_VERSION

__all__ = ["reply"]


def reply(
    message: Request, *, version: int = EVERY_VERSION, varData: bytes = b"", **filled: object
) -> bytes:
    """
    Make a reply.

    :param version: the TAPI version for which structs are packed.
    :param varData: octets to which no field points.
    :param filled: numbers, structs and octets by the names of the packet's fields.
    :returns: pBuffer.
    """
    request: Any = message
    return encodeReply(attrs.evolve(request, **filled), 0, message, version, varData)
