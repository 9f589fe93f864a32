"""smbd on a machine of Samba's domain: its users are the domain's, whom winbind knows."""

from pathlib import Path

from tests.live.domaincontroller import DOMAIN
from tests.live.domainmember import DomainMember
from tests.live.smbd import RESTRICTED, Smbd

_CONFIGURATION = """\
[global]
    include = {member}
    smb ports = {port}
    interfaces = 127.0.0.1/8
    pid directory = {directory}/pid
    ncalrpc dir = {directory}/ncalrpc
    log file = {directory}/log.smbd
    logging = file
    max log size = 0
    load printers = no
    printing = bsd
    printcap name = /dev/null
    disable spoolss = yes
    rpc start on demand helpers = no
"""


class MemberSmbd(Smbd):
    """
    The smbd of a member of a domain.

    :param directory: where its own files lie; short, since the names of sockets are.
    :param accounts: those of the domain that may come: each needs a Unix user, as which winbind
        tells its number.
    """

    def __init__(self, directory: Path, member: DomainMember, accounts: tuple[str, ...]) -> None:
        super().__init__(directory, RESTRICTED)
        self._member = member
        self._accounts = accounts

    def _configuration(self) -> str:
        return _CONFIGURATION.format(
            member=self._member.configFile, port=self.port, directory=self.directory
        )

    def _users(self) -> dict[str, int]:
        return {f"{DOMAIN}\\{name}": self._member.unixUser(name) for name in self._accounts}

    def _setPasswords(self) -> None:
        """The domain has them."""

    def _command(self, program: str, *arguments: str) -> list[str]:
        return self._member.inside(program, *arguments)
