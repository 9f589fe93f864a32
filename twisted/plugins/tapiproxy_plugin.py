"""Makes ``twistd tapiproxy`` known."""

from twisted.application.service import ServiceMaker

tapiproxy = ServiceMaker(
    "tapiproxy",
    "tapiproxy.service",
    "A telephony server ([MS-TRP]) whose agent requests are answered by ACD handlers.",
    "tapiproxy",
)
