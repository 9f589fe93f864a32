"""Which code a broken rule gives."""

from twisted.trial.unittest import TestCase

from tapiproxy.tapi import lineerr
from tapiproxy.trp.results import EXHAUSTIVE, resultCode
from tapiproxy.trp.rules.registry import RULES, table


class Codes(TestCase):
    """Decision 4 of docs/decisions."""

    def test_common(self) -> None:
        """Where the table lists common values only, the specific code is given."""
        code = resultCode(9, lineerr.LINEERR_INVALLINEHANDLE)
        self.assertEqual(code, lineerr.LINEERR_INVALLINEHANDLE)

    def test_exhaustive(self) -> None:
        """Where it is exhaustive: the code if listed, else INVALPARAM, INVALPOINTER, FAILED."""
        small, param = lineerr.LINEERR_STRUCTURETOOSMALL, lineerr.LINEERR_INVALPARAM
        self.assertEqual(resultCode(24, small, size=True), small)
        self.assertEqual(resultCode(148, small, size=True), param)
        self.assertEqual(resultCode(24, param, size=True), lineerr.LINEERR_INVALPOINTER)
        self.assertEqual(resultCode(24, param), lineerr.LINEERR_OPERATIONFAILED)

    def test_everyRule(self) -> None:
        """No rule of a packet with an exhaustive table gives a code that it lacks."""
        for _, identifier, rule in table():
            Req_Func = identifier.partition(".")[0]
            if rule.code and Req_Func.isdigit() and int(Req_Func) in EXHAUSTIVE:
                self.assertIn(rule.code, EXHAUSTIVE[int(Req_Func)], identifier)
        self.assertGreater(len(RULES), 241)
