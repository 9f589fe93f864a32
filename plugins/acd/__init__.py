"""The built-in ACD: agents, groups, queues, sessions and statistics, durable in SQLite."""

from tapiproxy.plugins.acd.factory import ACDFactory

#: The plugin object.
acd = ACDFactory()
