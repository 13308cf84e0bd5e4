"""Accepted events on a Redis Cluster of three masters: a tenant's are together, on one of them."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from accounts import redis_link
from accounts.models import Tenant
from accounts.redis_link import RedisAway
from accounts.wire import encode
from tests.builders import make_tenant
from tests.servers.cluster import RedisCluster
from usage import queue, writer
from usage.models import UsageEvent
from usage.shards import Shard, shard_of, shards
from usage.tests.documents import row

pytestmark = pytest.mark.full
PAYLOAD = b'[{"event_id":"%d"}]'


@pytest.fixture(scope="module")
def masters() -> Iterator[RedisCluster]:
    with RedisCluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(masters: RedisCluster, settings: Any, request: pytest.FixtureRequest) -> RedisCluster:
    settings.EVENT_CLUSTER_URL = masters.url
    settings.EVENT_STREAM = request.node.name
    settings.REDIS_TIMEOUT_SECONDS = 1
    return masters


def held(shard: Shard) -> int:
    """The port of the master that holds it."""
    port: int = shard.client().connection_pool.connection_kwargs["port"]
    return port


def tenant_of(shard: Shard) -> UUID:
    return next(t.pk for t in (Tenant() for _ in range(1000)) if shard_of(t.pk) is shard)


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_shards_are_spread_over_all_masters(cluster: RedisCluster) -> None:
    assert len(shards()) == 6
    assert {held(shard) for shard in shards()} == {node.port for node in cluster.nodes}


def test_a_tenants_events_are_in_one_stream(cluster: RedisCluster) -> None:
    tenants = [Tenant() for _ in range(30)]
    queue.append([(tenant.pk, 1, PAYLOAD % place) for place, tenant in enumerate(tenants)])
    for shard in shards():
        rows: Any = shard.client().xrange(shard.stream)
        wanted = [tenant.pk.bytes for tenant in tenants if shard_of(tenant.pk) is shard]
        assert [fields[b"t"] for _, fields in rows] == wanted
    state = queue.state()
    assert state is not None
    assert (state.depth, state.durable) == (30, True)
    assert queue.find(tenants[7].pk, "7", 100) is True
    assert queue.find(tenants[7].pk, "8", 100) is False


@pytest.mark.django_db(transaction=True)
def test_a_writer_stores_what_is_in_every_shard(cluster: RedisCluster) -> None:
    tenants = [make_tenant(f"tenant-{number}") for number in range(8)]
    assert len({shard_of(tenant.pk) for tenant in tenants}) > 1
    for tenant in tenants:
        queue.append([(tenant.pk, 1, encode([row(event_id="one")]))])
    stop = threading.Event()
    running = threading.Thread(target=writer.run, args=[stop])
    running.start()
    try:
        assert eventually(lambda: UsageEvent.objects.count() == len(tenants))
        assert eventually(lambda: queue.state() == (0, 0.0, True))
    finally:
        stop.set()
        running.join()
    assert set(UsageEvent.objects.values_list("tenant_id", flat=True)) == {t.pk for t in tenants}


def test_a_master_that_is_away_is_away_for_its_tenants_alone(cluster: RedisCluster) -> None:
    gone, *_ = (node for node in cluster.nodes if node.port != cluster.nodes[0].port)
    theirs = next(shard for shard in shards() if held(shard) == gone.port)
    others = next(shard for shard in shards() if held(shard) != gone.port)
    unlucky, lucky = tenant_of(theirs), tenant_of(others)
    gone.kill()
    with pytest.raises(RedisAway):
        queue.append([(unlucky, 1, PAYLOAD % 1)])
    queue.append([(lucky, 1, PAYLOAD % 2)])
    assert queue.state() is None
    assert redis_link.breaker.closed
    gone.start()

    def append_again() -> bool:
        theirs.breaker._open_until = 0.0  # as when its second has passed
        try:
            queue.append([(unlucky, 1, PAYLOAD % 3)])
        except RedisAway:  # the others have to hear of it first
            return False
        return True

    assert eventually(append_again)
    assert queue.find(unlucky, "3", 10) is True
