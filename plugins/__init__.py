"""
Proxy function handlers, one module or package each, as a third party writes them.

Installed as ``tapiproxy.plugins``; a third party's distribution adds modules by shipping
``tapiproxy/plugins/NAME.py`` with no ``__init__.py`` beside it.
"""

from twisted.plugin import pluginPackagePaths

__path__.extend(pluginPackagePaths(__name__))
__all__: list[str] = []
