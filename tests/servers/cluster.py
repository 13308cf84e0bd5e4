"""A Redis Cluster of masters of our own."""

import time
from typing import Any, Self

import redis

from tests.servers.process import ServerError, free_port
from tests.servers.redis import Redis

SLOTS = 16384
PASSWORD = "of-a-cluster-on-loopback"  # one for all, as they speak to each other


class RedisCluster:
    """`nodes` are masters with their logs on; the slots are shared out in order."""

    def __init__(self, masters: int = 3) -> None:
        settings = {"cluster-enabled": "yes", "cluster-node-timeout": "2000", "databases": "1"}
        settings |= {"masterauth": PASSWORD, "cluster-require-full-coverage": "no"}
        self._buses = [free_port() for _ in range(masters)]  # the default, 10,000 above, may be taken
        self.nodes = [
            Redis(appendonly=True, settings=settings | {"cluster-port": str(bus)}, password=PASSWORD)
            for bus in self._buses
        ]

    @property
    def url(self) -> str:
        return self.nodes[0].url

    def __enter__(self) -> Self:
        for node in self.nodes:
            node.start()
        self._meet()
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.close()

    def _meet(self) -> None:
        share = -(-SLOTS // len(self.nodes))
        for place, node in enumerate(self.nodes):
            with redis.Redis.from_url(node.url) as client:
                last = min((place + 1) * share, SLOTS) - 1
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", place * share, last)
                for other, bus in zip(self.nodes, self._buses, strict=True):
                    client.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port, bus)
        deadline = time.monotonic() + 30
        while not all(map(self._knows_all, self.nodes)):
            if time.monotonic() > deadline:
                raise ServerError("The cluster's nodes did not find each other.")
            time.sleep(0.05)

    def _knows_all(self, node: Redis) -> bool:
        with redis.Redis.from_url(node.url) as client:
            said: Any = client.execute_command("CLUSTER", "INFO")
            text = (
                said
                if isinstance(said, dict)
                else dict(line.split(":", 1) for line in said.decode().splitlines() if ":" in line)
            )
        return bool(text["cluster_state"] == "ok" and text["cluster_slots_assigned"] == str(SLOTS))
