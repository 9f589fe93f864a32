"""
SPNEGO as an initiator: offers its mechanisms, and signs what it offered.

Sans-IO.  RFC 4178 5, [MS-SPNG] 3.2.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from zope.interface import implementer

from tapiproxy.dcerpc.interface import RPC_C_AUTHN_GSS_NEGOTIATE, AuthenticationFailed, Fault
from tapiproxy.dcerpc.mechanism import IMechanism, SPNEGOContext
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnegotokens import (
    NegState,
    NegTokenInit,
    NegTokenResp,
    TokenError,
    decodeResp,
)

_Done = Callable[[bytes | AuthenticationFailed], None]


@attrs.frozen
class Choice:
    """
    A mechanism that is offered.

    :ivar mechType: its OID in DER.
    :ivar make: makes an initiator of it.
    """

    mechType: bytes
    make: Callable[[], IMechanism]


@implementer(ISecurityContext)
class SPNEGOInitiator(SPNEGOContext):
    """
    One negotiation, and the context of the mechanism that the server chose.

    A mechanism that cannot begin, such as Kerberos where there is no ticket for the server, is not
    offered.

    :param choices: what is offered, what is preferred first; not empty.
    :ivar mechanism: the one that was begun; None before the first token.
    """

    __slots__ = (
        "_choices",
        "_chosen",
        "_mustSign",
        "_offer",
        "authLevel",
        "complete",
        "mechanism",
    )

    authType = RPC_C_AUTHN_GSS_NEGOTIATE

    def __init__(self, choices: Sequence[Choice], authLevel: int) -> None:
        self.authLevel = authLevel
        self.complete = False
        self.mechanism: IMechanism | None = None
        self._choices = choices
        self._chosen = b""
        self._mustSign = False
        self._offer = NegTokenInit(mechTypes=())

    @property
    def principal(self) -> object:
        """Who the server is, as far as the mechanism tells; None before."""
        return self.mechanism.principal if self.complete and self.mechanism else None

    def step(self, token: bytes, done: _Done) -> None:
        """Begin, or take the server's token."""
        if self.mechanism is None:
            self._begin(done)
            return
        try:
            self._reply(self.mechanism, decodeResp(token), done)
        except TokenError as error:
            done(_refused(str(error)))
        except Fault:
            done(_refused("mechListMIC is not that of the list that was offered"))

    def _begin(self, done: _Done, *failures: str) -> None:
        """
        Offer what is left of the choices, with a message of the first.

        :param failures: why those before could not begin.
        """
        first, *others = self._choices
        mechanism = first.make()

        def begun(outcome: bytes | AuthenticationFailed) -> None:
            if not isinstance(outcome, AuthenticationFailed):
                self.mechanism = mechanism
                mechTypes = tuple(choice.mechType for choice in self._choices)
                self._offer = NegTokenInit(mechTypes=mechTypes, mechToken=outcome)
                done(self._offer.encode())
            elif others:
                self._choices = others
                self._begin(done, *failures, str(outcome))
            else:
                done(_refused("; ".join((*failures, str(outcome)))))

        mechanism.step(b"", begun)

    def _reply(self, mechanism: IMechanism, reply: NegTokenResp, done: _Done) -> None:
        """
        Go on with the mechanism, or end.

        :raises TokenError: the server rejects, or does not keep to the protocol.
        :raises Fault: its mechListMIC does not verify.
        """
        if reply.negState is NegState.REJECT:
            raise TokenError("the server rejects")
        if not self._chosen:
            mechanism = self._settle(mechanism, reply)
        elif reply.supportedMech not in (None, self._chosen):
            raise TokenError("another mechanism than what was chosen")
        if mechanism.complete:
            if reply.responseToken is not None or reply.negState is not NegState.ACCEPT_COMPLETED:
                raise TokenError("the server goes on after the mechanism's end")
            self._end(mechanism, reply.mechListMIC)
            done(b"")
            return
        # A mechanism that is begun anew has no message to take.
        self._feed(mechanism, reply.responseToken or b"", self._wrapped(mechanism), done)

    def _settle(self, mechanism: IMechanism, reply: NegTokenResp) -> IMechanism:
        """
        Take note of what the server chose; if it is not what was begun, begin that.

        :raises TokenError: it chose nothing that was offered.
        """
        for choice in self._choices:
            if choice.mechType == reply.supportedMech:
                break
        else:
            raise TokenError("the server chose no mechanism that was offered")
        self._chosen = choice.mechType
        self._mustSign = reply.negState is NegState.REQUEST_MIC
        if choice is not self._choices[0]:
            if reply.responseToken is not None:
                raise TokenError("a message of a mechanism that was not begun")
            self._mustSign = True
            mechanism = self.mechanism = choice.make()
        elif reply.responseToken is None:
            raise TokenError("no message of the mechanism")
        return mechanism

    def _wrapped(self, mechanism: IMechanism) -> Callable[[bytes], bytes]:
        def wrap(message: bytes) -> bytes:
            answer = NegTokenResp(responseToken=message)
            if mechanism.complete and mechanism.integrity:
                signature = mechanism.signList(self._offer.mechTypeList)
                answer = attrs.evolve(answer, mechListMIC=signature)
            return answer.encode()

        return wrap

    def _end(self, mechanism: IMechanism, mechListMIC: bytes | None) -> None:
        if mechanism.integrity:
            if mechListMIC is not None:
                mechanism.verifyList(self._offer.mechTypeList, mechListMIC)
            elif self._mustSign or mechanism.demandsListMIC:
                raise TokenError("mechListMIC is missing")
        self.complete = True

    def _feed(
        self, mechanism: IMechanism, token: bytes, wrap: Callable[[bytes], bytes], done: _Done
    ) -> None:
        def stepped(outcome: bytes | AuthenticationFailed) -> None:
            done(outcome if isinstance(outcome, AuthenticationFailed) else wrap(outcome))

        mechanism.step(token, stepped)


def _refused(detail: str) -> AuthenticationFailed:
    return AuthenticationFailed(detail, reason=NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED)
