"""
Who the agent application is to the server, and which server it takes: the options for both.

No password is ever among the arguments, which every user of the machine can read.
"""

import argparse
import os
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from attrs import frozen

from tapiproxy.accountnames import UnacceptableName, accountName
from tapiproxy.cli.main import CommandError
from tapiproxy.config import AuthenticationTable
from tapiproxy.dcerpc.authnames import LEVELS, MECHANISMS
from tapiproxy.dcerpc.initiators import Initiators
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_LEVEL_NONE
from tapiproxy.dcerpc.kdcthreads import KDCThreads
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.ntlmmessages import MACHINE_ID_SIZE
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext
from tapiproxy.dcerpc.spnegotokens import KERBEROS, NTLMSSP
from tapiproxy.failedlogons import LogonLimits
from tapiproxy.listenerauthentication import services
from tapiproxy.logons import OwnLogons
from tapiproxy.nthash import LONGEST_PASSWORD, ntHash
from tapiproxy.passwordfile import readNTHash
from tapiproxy.privatefile import PrivateFileError
from tapiproxy.usersfile import UsersFile, UsersFileError

__all__ = ["Logon", "addOptions", "logonOf"]


@frozen(kw_only=True)
class Logon:
    """
    Who goes, and who may come back.

    :param newContext: gives the initiator of the logon, by the server's name; None to go as nobody.
    :param servers: which servers may call back; None for one that does not log on.
    """

    newContext: Callable[[str], ISecurityContext] | None = None
    servers: IAuthenticationService | None = None


def addOptions(parser: argparse.ArgumentParser) -> None:
    """Add what all commands share."""
    group = parser.add_argument_group("logging on")
    group.add_argument(
        "--user",
        metavar="[DOMAIN\\]USER",
        help="log on to the server with this account; with Kerberos USER@REALM, and without it "
        "whose tickets there are",
    )
    group.add_argument(
        "--password-file",
        metavar="FILE",
        help="a file of mode 0600 whose only line is the password, or what `tapiproxy passwd` "
        "writes; - for the input; else a prompt",
    )
    group.add_argument(
        "--mechanism",
        choices=MECHANISMS,
        help="how to log on (%(choices)s; negotiate); kerberos, and negotiate without --user, use "
        "the tickets that kinit has got",
    )
    levels = [name for name, level in LEVELS.items() if level > RPC_C_AUTHN_LEVEL_NONE]
    group.add_argument(
        "--level", choices=levels, help="how to protect what is sent (%(choices)s; privacy)"
    )
    group.add_argument(
        "--server-users",
        metavar="FILE",
        help="a users file (`tapiproxy passwd`) of accounts, one of which the server has to log on "
        "with when it calls back; without it the server must not log on",
    )


def logonOf(
    options: argparse.Namespace, reactor: Any, stdin: TextIO, ask: Callable[[str], str]
) -> Logon:
    """
    What the options say.

    :param reactor: for deadlines of the server's logon.
    :raises CommandError: something is missing or wrong, in words.
    """
    _check(options)
    if options.user is None and options.mechanism is None and options.server_users is None:
        return Logon()
    # By which a logon of ours is known that a server hands back to our own endpoint.
    machineID = os.urandom(MACHINE_ID_SIZE)
    level = LEVELS[options.level or "privacy"]
    try:
        return Logon(
            newContext=_initiators(options, level, machineID, reactor, stdin, ask),
            servers=_servers(options, level, machineID, reactor),
        )
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        option, extra = "--user", "auth"
        if missing == "gssapi":
            option, extra = f"--mechanism {options.mechanism}", "kerberos"
        elif options.user is None:
            option = "--server-users"
        raise CommandError(f"{option} needs {missing}: pip install 'tapiproxy[{extra}]'") from None


def _check(options: argparse.Namespace) -> None:
    byTickets = _byTickets(options)
    if options.password_file is not None and byTickets:
        raise CommandError("--password-file is of no use: Kerberos has the tickets of kinit")
    if options.user is None and not byTickets:
        for name in ("password_file", "mechanism"):
            if getattr(options, name) is not None:
                raise CommandError(f"--{name.replace('_', '-')} says how to log on: give --user")
        if options.level is not None and options.server_users is None:
            raise CommandError("--level says how to log on: give --user")


def _byTickets(options: argparse.Namespace) -> bool:
    return options.mechanism == "kerberos" or (
        options.mechanism == "negotiate" and options.user is None
    )


def _initiators(
    options: argparse.Namespace,
    level: int,
    machineID: bytes,
    reactor: Any,
    stdin: TextIO,
    ask: Callable[[str], str],
) -> Callable[[str], ISecurityContext] | None:
    mechanisms: dict[bytes, Callable[[int, str], IMechanism]] = {}
    # The extras: whoever does not log on needs none.
    if _byTickets(options):
        principal = _principal(options.user)
        from tapiproxy.dcerpc.kerberosinitiator import KerberosAccount, KerberosInitiator

        tickets = KerberosAccount(principal=principal)
        mechanisms[KERBEROS] = partial(KerberosInitiator, tickets, KDCThreads(reactor).call)
    elif options.user is not None:
        from tapiproxy.dcerpc.ntlminitiator import NTLMAccount, NTLMInitiator

        account = NTLMAccount.written(
            options.user,
            _ntHash(options, stdin, ask),
            workstation=platform.node().partition(".")[0].upper(),
            machineID=machineID,
        )
        mechanisms[NTLMSSP] = partial(NTLMInitiator, account)
    else:
        return None
    return Initiators(
        mechanisms=mechanisms,
        authType=MECHANISMS[options.mechanism or "negotiate"],
        authLevel=level,
    ).newContext


def _principal(user: str | None) -> str:
    if user is None:
        return ""
    name, at, realm = user.rpartition("@")
    if not (name and realm) or "\\" in user:
        raise CommandError(f"--user {user!r} should be USER@REALM for Kerberos, or left out")
    return f"{name}{at}{realm.upper()}"


def _servers(
    options: argparse.Namespace, level: int, machineID: bytes, reactor: Any
) -> IAuthenticationService | None:
    if options.server_users is None:
        return None
    table = AuthenticationTable(usersFile=Path(options.server_users))
    try:
        accounts = UsersFile(Path(options.server_users), {})
    except UsersFileError as error:
        raise CommandError(f"--server-users: {error}") from None
    own = OwnLogons(machineID=machineID)
    return services(table, accounts, (), (), LogonLimits(), own, reactor)(level)


def _ntHash(options: argparse.Namespace, stdin: TextIO, ask: Callable[[str], str]) -> bytes:
    try:
        name = accountName(options.user)
    except UnacceptableName as error:
        raise CommandError(f"--user {options.user!r} can be no account's name: {error}") from None
    try:
        if options.password_file not in (None, "-"):
            return readNTHash(Path(options.password_file), name)
        if options.password_file == "-":
            # One character more than allowed, so that a longer line is refused and not cut.
            return ntHash(stdin.readline(LONGEST_PASSWORD + 2).rstrip("\r\n"))
        if stdin.isatty():
            return ntHash(ask(f"Password of {options.user}: "))
    except PrivateFileError as error:
        raise CommandError(f"--password-file: {error}") from None
    except ValueError as error:
        raise CommandError(f"no password: {error}") from None
    except EOFError:
        raise CommandError("no password was entered") from None
    raise CommandError("--user needs a password: give --password-file FILE, or - for the input")
