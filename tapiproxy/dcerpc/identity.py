"""
The seam between the security providers and whoever knows the accounts: who may say who he is.

A provider proves that a client knows a secret; which accounts there are, what their secrets, names
and groups are, is the business of an implementer of :class:`INTLMCredentials`: a file of NT hashes,
a site's own store, winbind.  No bytes of tokens here, no file, no clock.  [MS-NLMP] 3.3.2.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

import attrs
from zope.interface import Interface

# What an unknown account is compared with, so that it costs what a known one costs.
_NO_HASH = bytes(16)


@attrs.frozen(kw_only=True)
class NTLMLogon:
    """
    What a client says and proves with an AUTHENTICATE_MESSAGE; NTLMv2 only.

    :ivar domain: as the client names it: often its own computer, empty for ``user@domain``.
    :ivar user: as the client names it; never empty.
    :ivar workstation: what the client calls itself; proves nothing.
    :ivar serverChallenge: the eight octets that it was asked with.
    :ivar ntResponse: NTChallengeResponse as received: NTProofStr and what it covers.
    """

    domain: str
    user: str
    workstation: str
    serverChallenge: bytes = attrs.field(repr=False)
    ntResponse: bytes = attrs.field(repr=False)

    def prove(self, ntHash: bytes) -> tuple[bytes, bytes]:
        """
        What only who knows the password can make: ResponseKeyNT and NTProofStr.

        [MS-NLMP] 3.3.2, over the octets as received: clients end them in different ways.

        :param ntHash: the account's NT hash, 16 octets.
        """
        # Windows' UpperCase maps one character to one: SS is not the capital of a sharp s.
        user = "".join(large if len(large := c.upper()) == 1 else c for c in self.user)
        responseKey = hmac.digest(ntHash, (user + self.domain).encode("utf-16-le"), "md5")
        return responseKey, hmac.digest(
            responseKey, self.serverChallenge + self.ntResponse[16:], "md5"
        )

    def sessionBaseKey(self, ntHash: bytes | None) -> bytes | None:
        """
        The key that only who knows the password shares; None if the client does not.

        Does the same work for an account that does not exist, and compares in constant time.

        :param ntHash: as for :meth:`prove`, or None if there is no such account.
        """
        known = ntHash is not None
        responseKey, proof = self.prove(ntHash if ntHash is not None else _NO_HASH)
        key = hmac.digest(responseKey, proof, "md5")
        proven = hmac.compare_digest(proof, self.ntResponse[:16])
        return key if proven and known else None


@attrs.frozen(kw_only=True)
class Verified:
    """
    A logon that was proven.

    :ivar principal: who it is: compared and hashed by value, since context handles belong to it.
    :ivar sessionBaseKey: [MS-NLMP] 3.3.2; 16 octets.
    """

    principal: object
    sessionBaseKey: bytes = attrs.field(repr=False)


class INTLMCredentials(Interface):
    """The accounts that clients may log on with by NTLM."""

    def logOn(logon: NTLMLogon, done: Callable[[Verified | None], None]) -> None:
        """
        Verify a logon.

        Called in the reactor's thread, once per AUTHENTICATE_MESSAGE; must not block, may be slow:
        winbind answers later.  The principal's name is that of the account found, as
        :mod:`tapiproxy.accountnames` spells it, never what the client calls itself.  For accounts
        whose hash is at hand, :meth:`NTLMLogon.sessionBaseKey` does the work, for those that do
        not exist too.

        :param done: to be called once, now or later; with None to refuse, whatever the reason.
        """


@attrs.frozen(kw_only=True)
class KerberosLogon:
    """
    What a ticket says of its client; proven.

    :ivar name: the principal as Kerberos writes it: ``alice@DOM.EXAMPLE``, ``host/pc@DOM.EXAMPLE``.
    :ivar logonInformation: the PAC's, [MS-PAC] 2.5, if the server's key has signed it; else None.
    """

    name: str
    logonInformation: bytes | None = attrs.field(repr=False)


class IKerberosCredentials(Interface):
    """
    The logons of clients of one place with Kerberos.

    Everything is called in the reactor's thread and must not block.
    """

    def permits() -> bool:
        """Whether one may be tried now; asked before a ticket is looked at."""

    def failed() -> None:
        """Count a ticket that proves nothing."""

    def refused(name: str, reason: str) -> None:
        """
        Log that a client's requests are refused although it has logged on.

        :param name: as in :class:`KerberosLogon`.
        """

    def logOn(logon: KerberosLogon, done: Callable[[object | None], None]) -> None:
        """
        Make a principal of who has a ticket; may be slow, and logs why it refuses.

        The principal is compared and hashed by value, since context handles belong to it.  Its
        name is by :func:`principalName`.

        :param done: to be called once, now or later; with None to refuse, whatever the reason.
        """
