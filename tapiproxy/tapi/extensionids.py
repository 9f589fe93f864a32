"""
Identifiers of extensions: 128 bits that a promulgator has drawn.  [MS-TRP] 2.2.6.43, 2.2.6.45
"""

from tapiproxy.wire.layout import dword
from tapiproxy.wire.structs import entry

__all__ = ["LINEEXTENSIONID", "PHONEEXTENSIONID"]


@entry
class LINEEXTENSIONID:
    """The extensions of a line device or an agent handler; all zero is none.  [MS-TRP] 2.2.6.45"""

    dwExtensionID0: int = dword()
    dwExtensionID1: int = dword()
    dwExtensionID2: int = dword()
    dwExtensionID3: int = dword()


@entry
class PHONEEXTENSIONID:
    """The extensions of a phone device; all zero is none.  [MS-TRP] 2.2.6.43"""

    dwExtensionID0: int = dword()
    dwExtensionID1: int = dword()
    dwExtensionID2: int = dword()
    dwExtensionID3: int = dword()
