"""How often a key may ask all servers that share a Redis: `meter`'s algorithm, as a script in Redis.

The moment of each key lies in Redis, and the clock is that of Redis, so that the servers' own need not
agree. The script runs alone, so that requests at the same time are counted one after the other. Redis is
told a hash of the key's id; nothing that a request shows.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from pilotboat.operations.meter import BURST, Meter
from pilotboat.operations.ring import Key

if TYPE_CHECKING:  # it needs the optional redis
    from pilotboat.operations.shared import Link

SCRIPT = """
local interval, slack = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local due = tonumber(redis.pcall('GET', KEYS[1]) or 0)
if not due or not (due <= now + slack + interval + 1) then due = 0 end
local early = due - now - slack
if early >= 1 then return math.ceil(early) end
due = math.max(due, now) + interval
redis.call('SET', KEYS[1], string.format('%.3f', due), 'PX', math.ceil((due - now) / 1000))
return 0
"""
"""All in microseconds. Returns 0, or how long until the next request may come.

What is no number is taken for nothing, and so is what is later than any request can make it: someone else
has written it, the clock was set back, or the rate is another one now.
"""
SECOND = 1e6


class Quota:
    """Counts the requests of keys for all servers; for this one alone, in `meter`, without Redis."""

    def __init__(self, link: Link, meter: Meter) -> None:
        self.link, self.meter = link, meter

    async def take(self, key: Key) -> float:
        """Count a request. 0: it may be answered; else the seconds until the next may."""
        interval = SECOND / key.rate
        slack = max(BURST * SECOND - interval, 0.0)
        wait = await self.link.run(SCRIPT, [place(key)], [interval, slack])
        if type(wait) is not int or not 0 <= wait <= interval + 1:
            return self.meter.take(key)
        if wait == 0:  # this server alone knows of it too, should it be asked from now on
            self.meter.count(key)
        return wait / SECOND


def place(key: Key) -> str:
    """Where the moment of a key lies in Redis."""
    return f"pilotboat:rate:{sha256(f'pilotboat rate {key.id}'.encode()).hexdigest()[:32]}"
