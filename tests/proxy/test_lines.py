"""Lines from the configuration."""

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from tapiproxy.interfaces import IAddress, ILine, ILineProvider
from tapiproxy.proxy.lines import StaticLines, staticLine
from tapiproxy.tapi.versions import TAPI_3_1
from tapiproxy.trp.principals import NOBODY, Principal

SALES = staticLine("Sales", ("1000", "1001"))


class Static(TestCase):
    """StaticLines."""

    def test_provides(self) -> None:
        """Lines, addresses and their provider are what the contract says."""
        self.assertTrue(verifyObject(ILineProvider, StaticLines((SALES,))))
        self.assertTrue(verifyObject(ILine, SALES))
        self.assertTrue(verifyObject(IAddress, SALES.addresses[1]))
        self.assertEqual(SALES.addresses[1].dwAddressID, 1)

    def test_permanent(self) -> None:
        """Permanent identifiers come from the name alone, on every start and node."""
        self.assertEqual(SALES.dwPermanentLineID, 0x46F27075)
        self.assertEqual(
            str(SALES.PermanentLineGuid), str(staticLine("Sales", ()).PermanentLineGuid)
        )
        self.assertNotEqual(SALES.dwPermanentLineID, staticLine("sales", ()).dwPermanentLineID)

    def test_collision(self) -> None:
        """Two lines with one permanent identifier are refused, in words."""
        self.assertRaises(ValueError, StaticLines, (SALES, staticLine("Sales", ("9",))))

    def test_everybody(self) -> None:
        """A line that names nobody is everybody's."""
        self.assertTrue(StaticLines((SALES,)).visibleTo(SALES, NOBODY))

    def test_named(self) -> None:
        """A line that names users or groups is theirs alone; nobody in particular is nobody."""
        line = staticLine("Boss", ("1",), ("DOM\\Alice",), ("S-1-5-21-1", "Chiefs"))
        provider = StaticLines((line,))
        self.assertTrue(provider.visibleTo(line, Principal("DOM\\Alice")))
        self.assertTrue(provider.visibleTo(line, Principal("x", frozenset({"CHIEFS"}))))
        self.assertFalse(provider.visibleTo(line, Principal("dom\\bob", frozenset({"Agents"}))))
        self.assertFalse(provider.visibleTo(line, NOBODY))

    def test_capsTellTheTruth(self) -> None:
        """No call features, while there are no calls; one device class."""
        provider = StaticLines((SALES,))
        caps = provider.devCaps(SALES, TAPI_3_1)
        self.assertEqual((caps.dwLineFeatures, caps.dwMaxNumActiveCalls), (0, 0))
        self.assertEqual((caps.LineName, caps.dwNumAddresses), ("Sales", 2))
        self.assertEqual(caps.DeviceClasses, ("tapi/line",))
        address = provider.addressCaps(SALES, 1, TAPI_3_1)
        self.assertEqual((address.Address, address.dwAddressFeatures), ("1001", 0))
        self.assertEqual(provider.addressStatus(SALES, 0).dwAddressFeatures, 0)
        self.assertEqual(provider.devStatus(SALES).dwLineFeatures, 0)
