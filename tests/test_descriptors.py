"""The limit of open files."""

import resource

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import descriptors


class DescriptorTests(SynchronousTestCase):
    def setUp(self):
        self.set = []
        self.patch(resource, "setrlimit", lambda which, limits: self.set.append((which, limits)))

    def limits(self, soft, hard):
        self.patch(resource, "getrlimit", lambda which: (soft, hard))

    def test_raised(self):
        """The soft limit becomes the hard one."""
        self.limits(1024, 4096)
        self.assertEqual(descriptors.raiseDescriptorLimit(), 4096)
        self.assertEqual(self.set, [(resource.RLIMIT_NOFILE, (4096, 4096))])

    def test_already(self):
        """What is at the hard limit is left alone."""
        self.limits(4096, 4096)
        self.assertEqual(descriptors.raiseDescriptorLimit(), 4096)
        self.assertEqual(self.set, [])

    def test_refused(self):
        """A system that refuses leaves the soft limit in force."""

        def refuse(which, limits):
            raise ValueError("not allowed to raise maximum limit")

        self.patch(resource, "setrlimit", refuse)
        self.limits(1024, -1)
        self.assertEqual(descriptors.raiseDescriptorLimit(), 1024)

    def test_room(self):
        """A client needs two descriptors, the server some of its own."""
        self.assertEqual(descriptors.clientRoom(1024), 480)
        self.assertEqual(descriptors.clientRoom(10), 0)
        self.assertGreater(descriptors.clientRoom(-1), 1_000_000)
