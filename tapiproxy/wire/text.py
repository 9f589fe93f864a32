"""
UTF-16LE, the only text of the protocol, with its terminating null.

Text that is not well-formed (an unpaired surrogate, an odd octet) is refused, not passed on: what
a handler gets can be logged, stored and compared, which lone surrogates cannot.
"""

from codecs import utf_16_le_decode

#: The longest string, in UTF-16 code units without the null.  The longest that TAPI has a use for
#: are paths and lists of device classes, some hundred units; more is refused before it is copied.
LONGEST_STRING = 4096


def terminator(data: bytes, start: int, end: int) -> int:
    """
    Find the null that ends a string.

    :param data: where to look.
    :param start: where the string begins.
    :param end: where to stop.
    :returns: the place of the null, or -1.
    """
    found = data.find(b"\0\0", start, end)
    # Two zero octets across a boundary of code units ("A" 0x0041, then 0x0100) are no null.
    while found >= 0 and (found - start) & 1:
        found = data.find(b"\0\0", found + 1, end)
    return found


def decodeText(data: bytes, start: int, end: int) -> str:
    """
    Decode a string without its null.

    :raises UnicodeDecodeError: it is not UTF-16.
    """
    return utf_16_le_decode(data[start:end], "strict", True)[0]


def encodeText(text: str) -> bytes:
    """
    Encode a string with its null.

    :raises ValueError: it holds a null of its own, or a lone surrogate.
    """
    if "\0" in text:
        raise ValueError("a null within the text would cut it off")
    return text.encode("utf-16-le") + b"\0\0"
