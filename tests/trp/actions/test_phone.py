"""Phones, of which there are none."""

from twisted.trial.unittest import TestCase

from tapiproxy.tapi.phoneerr import PHONEERR_BADDEVICEID, PHONEERR_INVALAPPHANDLE
from tapiproxy.tapi.versions import TAPI_3_1
from tapiproxy.trp.requests import phone
from tests.trp.support import makeHarness


class Phones(TestCase):
    """What clients ask when they start, whether they have a use for phones or not."""

    def setUp(self) -> None:
        self.app = makeHarness().application().ready()
        reply = self.app.request(phone.Initialize(dwFriendlyNameOffset="", dwModuleNameOffset=""))
        self.assertEqual((reply.result, reply.message.dwNumDevs), (0, 0))
        self.hPhoneApp = reply.message.hPhoneApp

    def test_shutDown(self) -> None:
        """An HPHONEAPP can be given back, once."""
        message = phone.ShutDown(hPhoneApp=self.hPhoneApp)
        self.assertEqual(self.app.result(message), 0)
        self.assertEqual(self.app.result(message), PHONEERR_INVALAPPHANDLE)

    def test_noDevice(self) -> None:
        """A request about a phone is answered: there is none of that number."""
        for message in (
            phone.NegotiateAPIVersion(
                hPhoneApp=self.hPhoneApp,
                dwVersion=TAPI_3_1,
                dwVersionCurrent=TAPI_3_1,
                ExtensionID=16,
            ),
            phone.GetDevCaps(hPhoneApp=self.hPhoneApp, dwTSPIVersion=TAPI_3_1, lpPhoneCaps=1024),
            phone.Open(hPhoneApp=self.hPhoneApp, dwNegotiatedVersion=TAPI_3_1, dwPrivilege=1),
        ):
            self.assertEqual(self.app.result(message), PHONEERR_BADDEVICEID)
