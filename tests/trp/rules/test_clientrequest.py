"""Rules of ClientRequest itself, before the packet is read (decision 3)."""

from collections.abc import Iterator
from struct import pack

from twisted.trial.unittest import TestCase

from tapiproxy.tapi.lineerr import LINEERR_INVALPARAM, LINEERR_OPERATIONUNAVAIL
from tapiproxy.tapi.phoneerr import PHONEERR_OPERATIONUNAVAIL
from tapiproxy.trp.requests.line import GetNumAddressIDs
from tapiproxy.trp.templates import encodeRequest
from tests.spec.extracted import packets
from tests.trp.rules.scene import ACCEPTED, Scene, nameOf

UNKNOWN_CONTEXT = "fault 0x1c00001a"
BAD_STUB = "fault 0x6f7"
INVALPARAM = nameOf(LINEERR_INVALPARAM)


class ClientRequest(TestCase):
    """[MS-TRP] 3.1.4.2, first list"""

    def setUp(self) -> None:
        self.scene = Scene()
        self.octets = encodeRequest(GetNumAddressIDs(hLine=self.scene.hLine))
        self.assertEqual(self.scene.answer(self.octets, 60), ACCEPTED)

    def test_rule_ClientRequest_1__lNeededSize_is_59(self) -> None:
        """A lNeededSize below the 60 octets of TAPI32_MSG is refused, one of 60 accepted."""
        self.assertEqual(self.scene.answer(self.octets[:16], 60), ACCEPTED)
        self.assertEqual(self.scene.answer(self.octets[:16], 59), INVALPARAM)
        self.assertEqual(self.scene.answer(self.octets[:16], 16), INVALPARAM)

    def test_rule_ClientRequest_1__the_octets_come_back(self) -> None:
        """Of a request that is refused for its lNeededSize nothing but the first DWORD changes."""
        answer = self.scene.app.raw(self.octets[:16], 59)
        self.assertEqual(answer, pack("<I", LINEERR_INVALPARAM) + self.octets[4:16])

    def test_rule_ClientRequest_2__plUsedSize_is_7(self) -> None:
        """
        Of fewer than 8 octets not even Req_Func is looked at; of 8 it is.

        Shown with a number that no request has, since each that exists lacks a parameter then.
        """
        nobodys = pack("<II", 9999, 0)
        self.assertEqual(self.scene.answer(nobodys, 60), nameOf(LINEERR_OPERATIONUNAVAIL))
        for size in (7, 5, 4):
            self.assertEqual(self.scene.answer(nobodys[:size], 60), INVALPARAM)

    def test_rule_ClientRequest_2__plUsedSize_is_3(self) -> None:
        """Where a result does not fit the answer is a fault."""
        for size in (3, 1, 0):
            self.assertEqual(self.scene.answer(self.octets[:size], 60), BAD_STUB)

    def test_rule_ClientRequest_3__phContext_is_nobodys(self) -> None:
        """A context handle that was never given."""
        self.scene.app.context = bytes(4) + b"a handle of nobody"[:16]
        self.assertEqual(self.scene.answer(self.octets, 60), UNKNOWN_CONTEXT)

    def test_rule_ClientRequest_3__phContext_is_zero(self) -> None:
        """The context handle of nothing."""
        self.scene.app.context = bytes(20)
        self.assertEqual(self.scene.answer(self.octets, 60), UNKNOWN_CONTEXT)

    def test_rule_ClientRequest_3__phContext_is_anothers(self) -> None:
        """The context handle of a client in another association group."""
        other = self.scene.harness.application().ready()
        self.scene.app.context = other.context
        self.assertEqual(self.scene.answer(self.octets, 60), UNKNOWN_CONTEXT)

    def test_rule_ClientRequest_3__phContext_was_detached(self) -> None:
        """A context handle after its ClientDetach."""
        self.scene.app.detach()
        self.assertEqual(self.scene.answer(self.octets, 60), UNKNOWN_CONTEXT)

    def test_rule_ClientRequest_4__Req_Func_of_nothing(self) -> None:
        """A Req_Func of no packet; the session goes on."""
        for Req_Func in (28, 29, 200, 0xFFFFFFFF):
            unknown = pack("<I", Req_Func) + self.octets[4:]
            self.assertEqual(self.scene.answer(unknown, 60), nameOf(LINEERR_OPERATIONUNAVAIL))
        self.assertEqual(self.scene.answer(self.octets, 60), ACCEPTED)

    def test_rule_ClientRequest_4__Req_Func_without_a_service(self) -> None:
        """Each packet that is not served yet, by the error of its device (decision 7)."""
        for Req_Func, device in _unserved():
            octets = pack("<I", Req_Func) + self.octets[4:]
            phone = device == "phone"
            expected = PHONEERR_OPERATIONUNAVAIL if phone else LINEERR_OPERATIONUNAVAIL
            self.assertEqual(self.scene.answer(octets, 60), nameOf(expected), str(Req_Func))


#: The 44 packets that are served.
SERVED = frozenset(
    (0, 6, 9, 21, 22, 23, 24, 25, 26, 27, 34, 37, 38, 40, 47, 52, 53, 54, 66, 67, 68, 82, 86)
    + (95, 106, 107, 108, 119, 128, 130, *range(146, 159), 161)
)


def _unserved() -> Iterator[tuple[int, str]]:
    for packet in packets("request"):
        if packet.number not in SERVED:
            yield packet.number, packet.device
