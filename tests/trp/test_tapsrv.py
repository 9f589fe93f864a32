"""The three operations of tapsrv at their root: stubs, context handles, sizes."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.interface import ERROR_ACCESS_DENIED, Fault
from tapiproxy.tapi.lineerr import LINEERR_INVALPARAM, LINEERR_OPERATIONUNAVAIL
from tapiproxy.tapi.phoneerr import PHONEERR_OPERATIONUNAVAIL
from tapiproxy.trp import idl
from tapiproxy.trp.principals import Principal
from tapiproxy.trp.requests import byFunction, line, names
from tapiproxy.trp.templates import encodeRequest
from tests.trp.support import ALICE, MACHINE, FakeCall, accepted, makeHarness


class Root(TestCase):
    """What is wrong before a packet is read.  (docs/decisions, number 3)"""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.app = self.harness.application().ready()

    def code(self, pBuffer: bytes, needed: int | None = None) -> int:
        return int.from_bytes(self.app.raw(pBuffer, needed)[:4], "little")

    def test_neededTooSmall(self) -> None:
        """lNeededSize below TAPI32_MSG is INVALPARAM where there is room for it."""
        close = encodeRequest(line.Close(hLine=self.app.hLine))[:12]
        self.assertEqual(self.code(close, 59), LINEERR_INVALPARAM)
        self.assertEqual(self.code(close, 60), 0)

    def test_usedTooSmall(self) -> None:
        """Below a ULONG_PTR there is INVALPARAM, below four octets a fault."""
        self.assertEqual(self.code(bytes(7)), LINEERR_INVALPARAM)
        self.assertEqual(self.app.rawCall(bytes(3), 60).faults, [0x6F7])

    def test_unknownContext(self) -> None:
        """An unknown context handle is a fault."""
        self.app.context = bytes(19) + b"\1"
        self.assertEqual(self.app.rawCall(bytes(60)).faults, [0x1C00001A])

    def test_unservedRequests(self) -> None:
        """Every request without a service is OPERATIONUNAVAIL of its kind, and counted."""
        unserved = set(names.REQUEST_NAMES) - set(byFunction)
        for Req_Func in unserved:
            phone = names.REQUEST_NAMES[Req_Func][1] == names.PHONE
            code = self.code(Req_Func.to_bytes(4, "little") + bytes(56))
            expected = PHONEERR_OPERATIONUNAVAIL if phone else LINEERR_OPERATIONUNAVAIL
            self.assertEqual(code, expected, names.REQUEST_NAMES[Req_Func])
        counted = self.harness.server.status()["unserved"]
        self.assertEqual(sum(counted.values()), len(unserved))

    def test_unknownRequests(self) -> None:
        """Numbers of no table are OPERATIONUNAVAIL too, and count as one."""
        for Req_Func in (200, 0x7FFFFFFF, 0xFFFFFFFF):
            code = self.code(Req_Func.to_bytes(4, "little") + bytes(56))
            self.assertEqual(code, LINEERR_OPERATIONUNAVAIL)
        self.assertEqual(self.harness.server.status()["unserved"], {"unknown": 3})

    def test_truncatedStubs(self) -> None:
        """A stub that is cut off anywhere is a fault, nothing else."""
        stub = idl.encodeClientRequest(self.app.context, bytes(60), 60)
        for opnum in (idl.ClientAttach, idl.ClientRequest, idl.ClientDetach):
            for end in range(min(20, len(stub))):
                self.assertEqual(len(self.app.call(opnum, stub[:end]).faults), 1)

    def test_otherPrincipal(self) -> None:
        """A call under another logon than the first of its connection attaches nobody."""
        attach = self.harness.server.interface.operations[idl.ClientAttach]
        stub = idl.encodeClientAttach(-1, "", MACHINE)
        before = set(self.harness.server.clients)
        for first, other in ((ALICE, Principal("bob")), (ALICE, None), (None, ALICE)):
            call = FakeCall(self.app.connection)
            call.connection.principal, call.principal = first, other
            refused = self.assertRaises(Fault, attach, call, stub, 0, len(stub))
            self.assertEqual(refused.status, ERROR_ACCESS_DENIED)
            self.assertEqual(set(self.harness.server.clients), before)

    @given(st.data())
    def test_anyOctets(self, data: st.DataObject) -> None:
        """Whatever a served packet holds, it has one answer and the server lives."""
        harness = makeHarness()
        app = harness.application().ready()
        requests = accepted(app)
        message = requests[data.draw(st.sampled_from(sorted(requests)))]
        octets = bytearray(encodeRequest(message))
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(4, len(octets) - 1))
            octets[place] = data.draw(st.integers(0, 255))
        end = data.draw(st.integers(4, len(octets)))
        needed = data.draw(st.integers(end, 2000))
        call = app.rawCall(bytes(octets[:end]), needed)
        self.assertEqual(len(call.answers) + len(call.faults), 1)
        self.assertEqual(app.result(line.GetNumAddressIDs(hLine=0)), 0x8000002B)
        self.assertEqual(harness.outcomes().get("failed", 0), 0)
