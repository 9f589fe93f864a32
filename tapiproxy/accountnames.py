"""
The one spelling of an account, wherever its name comes from: a client, a file, the configuration.

Names are compared as they are spelt here, by the configuration's lines, by handlers with
``request.principal.name``, and by context handles.  Text only.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

__all__ = ["MAX_NAME", "UnacceptableName", "accountName", "principalName"]

MAX_NAME = 256
"""Characters of a domain or a user name: [MS-ADTS] 3.1.1.5.1.2 and DNS allow no longer ones."""


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


def accountName(written: str) -> str:
    """
    The one spelling of an account that an administrator has written down.

    :param written: ``DOMAIN\\user``, ``user@domain`` or, for an account of no domain, ``user``.
    :raises UnacceptableName: it can be no account's.
    """
    domain, _, user = written.rpartition("\\")
    return principalName(domain, user)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
