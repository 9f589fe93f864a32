"""A reactor for tests of services: a clock, sockets in memory, signals by hand."""

from twisted.internet.testing import MemoryReactorClock


class ServiceReactor(MemoryReactorClock):
    """
    What a service asks of its reactor.

    :ivar stopped: how often it was told to stop.
    """

    def __init__(self):
        super().__init__()
        self.stopped = 0

    def callFromThread(self, f, *args, **kw):
        """Call it in the next turn."""
        self.callLater(0, f, *args, **kw)

    def stop(self):
        """Count."""
        self.stopped += 1
