"""A server put together from the text of a configuration, with no reactor that runs."""

from pathlib import Path

from tapiproxy import assembly, config, handlers
from tapiproxy.assembly import Parts
from tapiproxy.datadirectory import DataDirectory
from tests.reactors import ServiceReactor


def assembled(text: str, data: Path) -> Parts:
    """
    Put it together.

    :param data: the data directory, free again afterwards.
    """
    configuration = config.parse(text, "site.toml", assembly.allowedLimits())
    directory = DataDirectory(data)
    try:
        return assembly.assemble(
            configuration, handlers.findFactories(), directory, ServiceReactor()
        )
    finally:
        directory.close()
