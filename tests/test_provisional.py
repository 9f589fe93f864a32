"""The host of a handler that joins a running server."""

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tapiproxy.interfaces import IProxyHost
from tapiproxy.plugins.fixed import FixedHandler
from tapiproxy.provisional import ProvisionalHost
from tapiproxy.proxy.broker import Assignment, Broker
from tapiproxy.proxy.lines import staticLine
from tapiproxy.tapi.lineconstants import (
    LINEPROXYREQUEST_CREATEAGENT,
    LINEPROXYREQUEST_GETGROUPLIST,
)
from tapiproxy.tapi.proxymessages import LINE_GROUPSTATUS
from tapiproxy.verify import providedRequestTypes


class ProvisionalHostTests(SynchronousTestCase):
    def setUp(self):
        self.lines = staticLine("a", ("1",)), staticLine("b", ("2",))
        self.broker = Broker()
        self.broker.listen(self)
        self.messages = []
        self.host = ProvisionalHost("new", self.broker, Clock(), Path(), {}, self.lines)

    def proxyMessage(self, lines, message):
        self.messages.append(message)

    def proxyStatusChanged(self, line, changes):
        pass

    def commit(self):
        """Bring the new configuration into force."""
        self.broker.addHandler("new", FixedHandler(["Sales"], self.host))
        self.broker.assign(Assignment(line=line, handler="new") for line in self.lines)
        self.host.commit()

    def types(self):
        return [set(self.broker.service(line).requestTypes()) for line in self.lines]

    def test_interface(self):
        """It is a host like any other."""
        self.assertTrue(verifyObject(IProxyHost, self.host))

    def test_lines(self):
        """It has its lines before the broker has them, and then the broker's."""
        self.assertEqual(self.host.lines, self.lines)
        self.commit()
        self.broker.assign([Assignment(line=self.lines[0], handler="new")])
        self.assertEqual(self.host.lines, self.lines[:1])

    def test_messages(self):
        """A message reaches nobody before, since nobody can have a line open; then it does."""
        message = LINE_GROUPSTATUS(1)
        self.host.proxyMessage(self.lines[0], message)
        self.assertEqual(self.messages, [])
        self.commit()
        self.host.proxyMessage(self.lines[0], message)
        self.assertEqual(self.messages, [message])

    def test_availability(self):
        """What was said of availability before holds from then on, in the order it was said."""
        self.host.setAvailable([LINEPROXYREQUEST_GETGROUPLIST])
        self.host.setAvailable([], iter(self.lines[1:]))
        self.commit()
        self.assertEqual(self.types(), [{LINEPROXYREQUEST_GETGROUPLIST}, set()])
        self.host.setAvailable([LINEPROXYREQUEST_CREATEAGENT])
        self.assertEqual(self.types(), [{LINEPROXYREQUEST_CREATEAGENT}] * 2)

    def test_wrong(self):
        """Types that are not provided, and others' lines, are ValueErrors at once."""
        self.host.setAvailable([LINEPROXYREQUEST_GETGROUPLIST, 99])
        self.host.provided = providedRequestTypes(FixedHandler(["Sales"], self.host))
        self.assertRaises(ValueError, self.host.setAvailable, [99])
        self.assertRaises(ValueError, self.host.setAvailable, [], [staticLine("c", ("3",))])
        self.commit()
        self.assertEqual(self.types(), [{LINEPROXYREQUEST_GETGROUPLIST}] * 2)
