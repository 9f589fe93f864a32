"""Tokens of SPNEGO: written, read, and refused where they are not as DER has it."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.spnegotokens import (
    KERBEROS,
    MAX_LIST,
    MAX_MECHANISMS,
    MS_KERBEROS,
    NTLMSSP,
    NegState,
    NegTokenInit,
    NegTokenResp,
    TokenError,
    decodeInit,
    decodeResp,
)

octets = st.none() | st.binary(max_size=300)
mechTypes = st.lists(st.sampled_from((KERBEROS, MS_KERBEROS, NTLMSSP)), max_size=6)

# As RFC 4178 A.1 writes it, by hand: SPNEGO, then mechTypes of NTLM alone and a token of one octet.
INIT = bytes.fromhex(
    "6021 06062b0601050502 a017 3015 a00e 300c 060a2b06010401823702020a a203 040141"
)
RESP = bytes.fromhex("a107 3005 a003 0a0101")


class Reading(TestCase):
    def test_init(self) -> None:
        """A client's first token, written by hand."""
        token = NegTokenInit(mechTypes=(NTLMSSP,), mechToken=b"A")
        self.assertEqual(decodeInit(INIT), token)
        self.assertEqual(token.encode(), INIT)

    def test_resp(self) -> None:
        """A token that follows, written by hand."""
        token = NegTokenResp(negState=NegState.ACCEPT_INCOMPLETE)
        self.assertEqual(decodeResp(RESP), token)
        self.assertEqual(token.encode(), RESP)

    @given(mechTypes, octets, octets)
    def test_everyInit(
        self, offered: list[bytes], mechToken: bytes | None, mechListMIC: bytes | None
    ) -> None:
        """What is written is read back."""
        token = NegTokenInit(mechTypes=tuple(offered), mechToken=mechToken, mechListMIC=mechListMIC)
        self.assertEqual(decodeInit(token.encode()), token)

    @given(
        st.none() | st.sampled_from(NegState),
        st.none() | st.sampled_from((KERBEROS, NTLMSSP)),
        octets,
        octets,
    )
    def test_everyResp(
        self,
        negState: NegState | None,
        supportedMech: bytes | None,
        responseToken: bytes | None,
        mechListMIC: bytes | None,
    ) -> None:
        """What is written is read back."""
        token = NegTokenResp(
            negState=negState,
            supportedMech=supportedMech,
            responseToken=responseToken,
            mechListMIC=mechListMIC,
        )
        self.assertEqual(decodeResp(token.encode()), token)

    def test_requestFlags(self) -> None:
        """reqFlags, which old clients send, are passed over; they must be bits all the same."""
        mechs = NegTokenInit(mechTypes=(NTLMSSP,)).mechTypeList
        for inner, known in ((bytes.fromhex("03020106"), True), (bytes.fromhex("04020106"), False)):
            fields = b"\xa0" + bytes((len(mechs),)) + mechs + b"\xa1\x04" + inner
            body = b"\x30" + bytes((len(fields),)) + fields
            body = bytes.fromhex("06062b0601050502") + b"\xa0" + bytes((len(body),)) + body
            token = b"\x60" + bytes((len(body),)) + body
            if known:
                self.assertEqual(decodeInit(token).mechTypes, (NTLMSSP,))
            else:
                self.assertRaises(TokenError, decodeInit, token)


class Refusing(TestCase):
    def test_cutOff(self) -> None:
        """A token that is cut off, or goes on, is none."""
        for decode, token in ((decodeInit, INIT), (decodeResp, RESP)):
            for size in range(len(token)):
                self.assertRaises(TokenError, decode, token[:size])
            self.assertRaises(TokenError, decode, token + b"\0")

    def test_oneWayToWrite(self) -> None:
        """What is read has one way to be written: nobody on the way can write it otherwise."""
        for token, decode in ((INIT, decodeInit), (RESP, decodeResp)):
            for place in range(len(token)):
                for value in range(256):
                    changed = token[:place] + bytes((value,)) + token[place + 1 :]
                    try:
                        found = decode(changed)
                    except TokenError:
                        continue
                    self.assertEqual(found.encode(), changed)

    def test_longLengths(self) -> None:
        """A length in more octets than it needs, or without end, is none."""
        body = RESP[2:]
        for length in ("80", "8107", "820007", "83000007", "8400000007", "85", "ff", "81", "8201"):
            token = b"\xa1" + bytes.fromhex(length) + body
            self.assertRaises(TokenError, decodeResp, token)

    def test_order(self) -> None:
        """Fields ascend, come once, and are four kinds."""
        state, mech = bytes.fromhex("a0030a0101"), b"\xa1" + bytes((len(NTLMSSP),)) + NTLMSSP
        for fields in (mech + state, state + state, bytes.fromhex("a4020400"), b"\x04\x00"):
            inner = b"\x30" + bytes((len(fields),)) + fields
            token = b"\xa1" + bytes((len(inner),)) + inner
            self.assertRaises(TokenError, decodeResp, token)

    def test_states(self) -> None:
        """A state that does not exist is refused."""
        for state in (4, 0x7F, 0xFF):
            self.assertRaises(TokenError, decodeResp, RESP[:-1] + bytes((state,)))

    def test_notOfSPNEGO(self) -> None:
        """Another mechanism's token, and a token that comes at another time, are refused."""
        self.assertRaises(TokenError, decodeInit, INIT.replace(b"\x05\x05\x02", b"\x05\x05\x03"))
        self.assertRaises(TokenError, decodeInit, RESP)
        self.assertRaises(TokenError, decodeResp, INIT)

    def test_limits(self) -> None:
        """A list of too many mechanisms, or of too many octets, is refused."""
        most = (NTLMSSP,) * MAX_MECHANISMS
        decodeInit(NegTokenInit(mechTypes=most).encode())
        self.assertRaises(TokenError, decodeInit, NegTokenInit(mechTypes=(*most, NTLMSSP)).encode())
        large = b"\x06\x82" + MAX_LIST.to_bytes(2, "big") + bytes(MAX_LIST)
        self.assertRaises(TokenError, decodeInit, NegTokenInit(mechTypes=(large,)).encode())

    def test_noMechTypes(self) -> None:
        """A first token offers something, and what it offers are names."""
        self.assertRaises(TokenError, decodeInit, NegTokenInit(mechTypes=(b"\x04\x01x",)).encode())
        empty = bytes.fromhex("06062b0601050502a0023000")
        self.assertRaises(TokenError, decodeInit, b"\x60" + bytes((len(empty),)) + empty)

    @given(st.binary(max_size=60))
    def test_anything(self, data: bytes) -> None:
        """Whatever comes, it is a token or it is refused."""
        for decode in (decodeInit, decodeResp):
            try:
                found = decode(data)
            except TokenError:
                continue
            self.assertTrue(found)
