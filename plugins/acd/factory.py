"""The plugin object of the built-in ACD."""

from zope.interface import implementer

from tapiproxy.errors import HandlerArgumentError
from tapiproxy.interfaces import IProxyHandlerFactory, IProxyHost

__all__ = ["ACDFactory"]


@implementer(IProxyHandlerFactory)
class ACDFactory:
    """Makes built-in ACDs, each from its own options."""

    handlerName = "acd"
    handlerHelp = (
        "The built-in ACD: agents, groups, queues, sessions and statistics, durable in SQLite. "
        "Its agents and groups are tables of the configuration ([handlers.acd.agents.1001] ...); "
        "without them it is a demo site: agents 1001 to 1004, PIN 1234."
    )
    argStringFormat = ""

    def makeHandler(self, argString: str, host: IProxyHost) -> object:
        """Make one; its log is opened by its ``start``."""
        # Not at the top: whoever lists the handlers needs no SQLite.
        from tapiproxy.plugins.acd.handler import ACDHandler
        from tapiproxy.plugins.acd.options import readSite

        if argString:
            raise HandlerArgumentError(
                f"acd takes no arguments, {argString!r} was given; its options are tables of the "
                "configuration"
            )
        return ACDHandler(host, readSite(host.options))
