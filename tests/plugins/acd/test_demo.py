"""The demo site is the one that the commands and the README speak of."""

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import defaults
from tapiproxy.pins import verifyPIN
from tapiproxy.plugins.acd.site import DEMO_OPTIONS


class DemoSite(SynchronousTestCase):
    """What newcomers meet."""

    def test_agentsAndPIN(self) -> None:
        """Its agents and their PIN are those of ``tapiproxy.defaults``."""
        agents = DEMO_OPTIONS["agents"]
        assert isinstance(agents, dict)
        self.assertEqual(tuple(agents), defaults.DEMO_AGENTS)
        for agent in agents.values():
            self.assertTrue(verifyPIN(defaults.DEMO_PIN, agent["pin"]))
