"""
The seam between the security providers and whoever knows the accounts: who may say who he is.

A provider proves that a client knows a secret; which accounts there are, what their secrets, names
and groups are, is the business of an implementer of :class:`INTLMCredentials`: a file of NT hashes,
a site's own store, winbind.  No bytes of tokens here, no file, no clock.  [MS-NLMP] 3.3.2.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable, Mapping

import attrs
from zope.interface import Interface

MAX_NAME = 256
"""Characters of a domain or a user name: [MS-ADTS] 3.1.1.5.1.2 and DNS allow no longer ones."""

# What an unknown account is compared with, so that it costs what a known one costs.
_NO_HASH = bytes(16)


class UnacceptableName(ValueError):
    """A name that can be no account's."""


def principalName(domain: str, user: str, domains: Mapping[str, str] | None = None) -> str:
    """
    The one spelling of an account: ``DOMAIN\\user``.

    Windows compares account names without case, so that the domain is put in capitals and the user
    in small letters; ``str.lower`` and not ``casefold``, which makes one of accounts that differ.
    A user ``Alice@dom.test`` without domain, as Kerberos names her and NTLM clients may, becomes
    ``DOM.TEST\\alice``.

    :param domain: as the client or the store names it, possibly empty: an account of this host.
    :param domains: the short names of domains by their DNS names in capitals, where they are known.
    :raises UnacceptableName: a part is empty, too long, or has characters that no name has.
    """
    if not domain and "@" in user:
        user, _, domain = user.rpartition("@")
        if not domain:
            raise UnacceptableName("nothing behind the @")
    if not user:
        raise UnacceptableName("no user name")
    for part in (domain, user):
        if len(part) > MAX_NAME:
            raise UnacceptableName(f"more than {MAX_NAME} characters")
        if not part.isprintable() or any(c in '\\/@:"' for c in part) or part != part.strip():
            raise UnacceptableName("characters that no account has")
    domain = _composed(_composed(domain).upper())
    user = _composed(_composed(user).lower())
    if domains is not None:
        domain = domains.get(domain, domain).upper()
    return f"{domain}\\{user}" if domain else user


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


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
        winbind answers later.  The principal's name is that of the account found, by
        :func:`principalName`, never what the client calls itself.  For accounts whose hash is at
        hand, :meth:`NTLMLogon.sessionBaseKey` does the work, for those that do not exist too.

        :param done: to be called once, now or later; with None to refuse, whatever the reason.
        """
