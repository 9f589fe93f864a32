"""
SPNEGO as an acceptor: which mechanism, and that nobody on the way chose it.

Sans-IO.  The first mechanism of the client's list that is known here is taken; the list is signed
where the mechanism can sign.  RFC 4178 5, [MS-SPNG] 3.1.5 and 3.3, [MS-RPCE] 2.2.1.1.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
from zope.interface import implementer

from tapiproxy.dcerpc.interface import RPC_C_AUTHN_GSS_NEGOTIATE, AuthenticationFailed, Fault
from tapiproxy.dcerpc.mechanism import IMechanism, SPNEGOContext
from tapiproxy.dcerpc.ntlmmessages import SIGNATURE
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnegotokens import (
    KERBEROS,
    MS_KERBEROS,
    NTLMSSP,
    NegState,
    NegTokenInit,
    NegTokenResp,
    TokenError,
    decodeInit,
    decodeResp,
)

_Done = Callable[[bytes | AuthenticationFailed], None]

_CHOSEN: Mapping[bytes, Callable[[], IMechanism]] = {}
"""No more to choose from: what makes acceptors is not kept for as long as a client is there."""


@implementer(ISecurityContext)
class SPNEGOAcceptor(SPNEGOContext):
    """
    One negotiation, and the context of the mechanism that it found.

    A client that needs no negotiation sends NTLM's own messages under the same type, and is
    answered with NTLM's own.

    :param mechanisms: by its OID in DER, what makes an acceptor of each mechanism that may be
        chosen; that of Kerberos stands for both its names.
    :ivar mechanism: the one that was chosen; None before the first token.
    """

    __slots__ = (
        "_bare",
        "_mechTypeList",
        "_mechanisms",
        "_mustSign",
        "_supportedMech",
        "authLevel",
        "complete",
        "mechanism",
    )

    authType = RPC_C_AUTHN_GSS_NEGOTIATE

    def __init__(
        self, mechanisms: Mapping[bytes, Callable[[], IMechanism]], authLevel: int
    ) -> None:
        self.authLevel = authLevel
        self.complete = False
        self.mechanism: IMechanism | None = None
        self._mechanisms = mechanisms
        self._bare = False
        self._mustSign = False
        self._mechTypeList = b""
        self._supportedMech = b""

    @property
    def principal(self) -> object:
        """Who the peer is; None before the negotiation is complete."""
        return self.mechanism.principal if self.complete and self.mechanism else None

    def step(self, token: bytes, done: _Done) -> None:
        """Take the client's token: choose, or go on with what was chosen."""
        if self.mechanism is None and token.startswith(SIGNATURE):
            self._bare = True
        try:
            if self._bare:
                self._stepBare(token, done)
            elif self.mechanism is None:
                self._begin(decodeInit(token), done)
            else:
                self._goOn(self.mechanism, decodeResp(token), done)
        except TokenError as error:
            done(_refused(str(error)))

    def _stepBare(self, token: bytes, done: _Done) -> None:
        mechanism = self.mechanism
        if mechanism is None:
            make = self._mechanisms.get(NTLMSSP)
            if make is None:
                raise TokenError("NTLM is not accepted")
            mechanism = self.mechanism = make()
            self._mechanisms = _CHOSEN

        def stepped(outcome: bytes | AuthenticationFailed) -> None:
            self.complete = mechanism.complete
            done(outcome)

        mechanism.step(token, stepped)

    def _begin(self, offer: NegTokenInit, done: _Done) -> None:
        """
        Choose a mechanism.

        A first message that is for another one is dropped; the client is asked to sign the list
        then, since whoever is on the way may have left out what he does not like.

        :raises TokenError: there is none in common.
        """
        for mechType in offer.mechTypes:
            make = self._mechanisms.get(_oneName(mechType))
            if make is not None:
                break
        else:
            raise TokenError("no mechanism in common")
        self._mustSign = _oneName(offer.mechTypes[0]) != _oneName(mechType)
        self._supportedMech = mechType
        self._mechTypeList = offer.mechTypeList
        self.mechanism = make()
        self._mechanisms = _CHOSEN
        answer = NegTokenResp(
            negState=NegState.REQUEST_MIC if self._mustSign else NegState.ACCEPT_INCOMPLETE,
            supportedMech=mechType,
        )
        if self._mustSign or offer.mechToken is None:
            done(answer.encode())
            return
        self._feed(self.mechanism, offer.mechToken, offer.mechListMIC, answer, done)

    def _goOn(self, mechanism: IMechanism, reply: NegTokenResp, done: _Done) -> None:
        """
        Hand on the message of the mechanism.

        :raises TokenError: there is none, or the client speaks of another mechanism.
        """
        if reply.negState is NegState.REJECT:
            raise TokenError("the client rejects")
        if reply.supportedMech not in (None, self._supportedMech):
            raise TokenError("another mechanism than what was chosen")
        if reply.responseToken is None:
            raise TokenError("no message of the mechanism")
        answer = NegTokenResp(negState=NegState.ACCEPT_INCOMPLETE)
        self._feed(mechanism, reply.responseToken, reply.mechListMIC, answer, done)

    def _feed(
        self,
        mechanism: IMechanism,
        token: bytes,
        mechListMIC: bytes | None,
        answer: NegTokenResp,
        done: _Done,
    ) -> None:
        def stepped(outcome: bytes | AuthenticationFailed) -> None:
            if not isinstance(outcome, AuthenticationFailed):
                try:
                    outcome = self._answer(mechanism, outcome, mechListMIC, answer).encode()
                except TokenError as error:
                    outcome = _refused(str(error))
                except Fault:
                    outcome = _refused("mechListMIC is not that of the client's list")
            done(outcome)

        mechanism.step(token, stepped)

    def _answer(
        self, mechanism: IMechanism, token: bytes, mechListMIC: bytes | None, answer: NegTokenResp
    ) -> NegTokenResp:
        """
        What to answer now that the mechanism has.

        A mechanism that cannot sign, at level CONNECT, has no use for a mechListMIC: [MS-SPNG]
        clients send one of zeros, or none.

        :raises TokenError: mechListMIC is there too early, or not where it must be.
        :raises Fault: it does not verify.
        """
        if token:
            answer = attrs.evolve(answer, responseToken=token)
        if not mechanism.complete:
            if mechListMIC is not None:
                raise TokenError("mechListMIC before there is a key to sign with")
            return answer
        if mechanism.integrity:
            if mechListMIC is not None:
                mechanism.verifyList(self._mechTypeList, mechListMIC)
                answer = attrs.evolve(answer, mechListMIC=mechanism.signList(self._mechTypeList))
            elif self._mustSign or mechanism.demandsListMIC:
                raise TokenError("mechListMIC is missing")
        self.complete = True
        self._mechTypeList = b""
        return attrs.evolve(answer, negState=NegState.ACCEPT_COMPLETED)


def _oneName(mechType: bytes) -> bytes:
    """Kerberos has two names: a message for the one will do for the other."""
    return KERBEROS if mechType == MS_KERBEROS else mechType


def _refused(detail: str) -> AuthenticationFailed:
    return AuthenticationFailed(detail, reason=NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED)
