"""
The request packets of [MS-TRP] 2.2.4.1, one class each: line, agent, phone, generic.

Eleven names are both a line's and a phone's (Initialize, Open ...), so classes are told apart by
their module.  ``names`` lists all 132 numbers, declared or not.
"""

from tapiproxy.trp.requests import agent, generic, line, names, phone
from tapiproxy.trp.templates import byFunction

__all__ = ["agent", "byFunction", "generic", "line", "names", "phone"]
