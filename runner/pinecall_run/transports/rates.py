"""How often somebody may do something: buckets by whom, in bounded memory. Time is an argument."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

MOST = 10_000
"""Buckets that are kept. Who was seen longest ago is forgotten first, and begins anew."""

IPV6_PREFIX = 64
"""Bits of an address that one customer of a provider has (RFC 6177): the rest they may choose."""


class Rate(NamedTuple):
    """So many at once, and then so many a second."""

    burst: int
    per_second: float

    @classmethod
    def within(cls, number: int, seconds: float) -> Rate:
        """So many within a time, at once or one after the other."""
        return cls(number, number / seconds)


class Rates:
    """Buckets by any key."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        """What was taken out, and when that was so."""

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: Hashable, rate: Rate, now: float) -> float:
        """One more: 0 where it is within the rate, else the seconds until one is, and nothing is taken."""
        wait = self.wait(key, rate, now)
        if not wait:
            self._put(key, self._taken(key, rate, now) + 1, now)
        return wait

    def wait(self, key: Hashable, rate: Rate, now: float) -> float:
        """Seconds until one more is within the rate."""
        over = self._taken(key, rate, now) + 1 - rate.burst
        return over / rate.per_second if over > 1e-9 else 0.0

    def give_back(self, key: Hashable) -> None:
        """What was taken last does not count after all."""
        if key in self._buckets:
            taken, since = self._buckets[key]
            self._buckets[key] = max(taken - 1, 0.0), since

    def _taken(self, key: Hashable, rate: Rate, now: float) -> float:
        taken, since = self._buckets.get(key, (0.0, now))
        passed = max(now - since, 0.0)  # clocks are set back
        return max(taken - passed * rate.per_second, 0.0)

    def _put(self, key: Hashable, taken: float, now: float) -> None:
        self._buckets[key] = taken, now
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)


def network_of(host: str) -> str:
    """What counts as one visitor: an IPv4 address, or the /64 of an IPv6 one. What is no address counts as itself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), IPV6_PREFIX), strict=False))
    return str(address)
