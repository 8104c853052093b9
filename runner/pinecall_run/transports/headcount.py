"""How many there are at once, of one network and in all."""

from __future__ import annotations

from collections import Counter

from pinecall_run.transports.rates import network_of


class Headcount:
    """Counts. Where ``is_proxied``, all come by a proxy, whose network is no visitor's; nor is this machine's."""

    def __init__(self, most: int, most_of_one: int, *, is_proxied: bool = False) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._is_proxied = is_proxied
        self._held: dict[object, str] = {}
        self._own: Counter[str] = Counter()

    def take(self, who: object, host: str) -> bool:
        """One more; ``False`` where it is one too many."""
        network = self._held[who] = network_of(host)
        self._own[network] += 1
        is_own_one_too_many = not (self._is_proxied or _is_near(host)) and self._own[network] > self._most_of_one
        return not is_own_one_too_many and len(self._held) <= self._most

    def release(self, who: object) -> None:
        """It is gone. Twice does no harm."""
        network = self._held.pop(who, None)
        if network is not None:
            self._own[network] -= 1
            if not self._own[network]:
                del self._own[network]


def _is_near(host: str) -> bool:
    return host.startswith("127.") or host in ("::1", "")
