"""
Failed logons: how many an account and an address may have, before nothing is tried any more.

Each has a bucket: a failure fills it by one, time empties it, and while it is full every logon is
refused unasked, the right password's too.  So guessing goes on at the rate of the emptying, and who
waits is never locked out for good.
"""

from collections import OrderedDict
from collections.abc import Hashable

from attrs import define, field, frozen
from attrs.validators import gt
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

__all__ = ["MOST_BUCKETS", "FailedLogons", "LogonLimits"]

#: Accounts, and as many addresses, that are remembered: 10 MiB.  Who wants to wash one out needs as
#: many failures, from addresses of which each has its own limit.
MOST_BUCKETS = 50_000

_MINUTE = 60.0


@frozen(kw_only=True)
class LogonLimits:
    """
    What a site may set.

    :ivar failedLogonsPerAccount: in a minute: a person mistypes a few times, an application with an
        old password tries again every few seconds.
    :ivar failedLogonsPerAddress: in a minute: a terminal server has hundreds of agents.
    """

    failedLogonsPerAccount: int = field(default=10, validator=gt(0))
    failedLogonsPerAddress: int = field(default=100, validator=gt(0))


class FailedLogons:
    """
    The failed logons of the last minutes.

    Logons that are under way do not count, since one account may serve many clients that come at
    once: while a domain controller is slow, that many more can be tried.

    :param clock: for the time.
    """

    def __init__(self, clock: IReactorTime, limits: LogonLimits) -> None:
        self._accounts = _Buckets(clock, "of {key}", limits.failedLogonsPerAccount)
        self._addresses = _Buckets(clock, "from {key}", limits.failedLogonsPerAddress)

    def refuses(self, user: str | None, address: Hashable) -> bool:
        """
        Whether a logon is refused, whatever it proves.

        :param user: without its domain, since clients name one account with many; None where it is
            no password that is tried.
        :param address: where it comes from.
        """
        # Both are asked, so that both say what they have to.
        return any([user is not None and self._accounts.full(user), self._addresses.full(address)])

    def add(self, user: str | None, address: Hashable) -> None:
        """Count a failure."""
        if user is not None:
            self._accounts.fill(user)
        self._addresses.fill(address)


@define
class _Bucket:
    level: float
    at: float
    told: bool = False


class _Buckets:
    """Buckets by key, of which each takes *most* and runs empty within a minute."""

    _log = Logger(namespace="tapiproxy.failedlogons")

    def __init__(self, clock: IReactorTime, whose: str, most: int) -> None:
        self._clock = clock
        self._text = (
            f"too many failed logons {whose}: refusing all, with the right password too, save one "
            f"every {_MINUTE / most:g} seconds, until it is quiet"
        )
        self._most = most
        # The one that was filled longest ago is the first.
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def full(self, key: Hashable) -> bool:
        """Whether one more cannot be taken; said once, until it has run empty."""
        bucket = self._emptied(key)
        if bucket is None or bucket.level <= self._most - 1:
            return False
        if not bucket.told:
            bucket.told = True
            self._log.warn(self._text, key=key)
        return True

    def fill(self, key: Hashable) -> None:
        """Put one in."""
        bucket = self._emptied(key) or _Bucket(0.0, self._clock.seconds())
        bucket.level = min(bucket.level + 1, self._most)
        self._buckets[key] = bucket
        self._buckets.move_to_end(key)
        while len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)

    def _emptied(self, key: Hashable) -> _Bucket | None:
        bucket = self._buckets.get(key)
        if bucket is None:
            return None
        now = self._clock.seconds()
        bucket.level -= (now - bucket.at) * self._most / _MINUTE
        bucket.at = now
        if bucket.level <= 0:
            del self._buckets[key]
            return None
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)
