"""The servers that other tests rely on do what their names say."""

import psycopg
import pytest
import redis

from tests.servers import Postgres, Redis

pytestmark = pytest.mark.full


def test_postgres_keeps_committed_rows_when_it_is_killed() -> None:
    with Postgres() as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        pid = server.pid
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url, connect_timeout=2)
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
        assert server.pid != pid
        assert server.version.startswith("PostgreSQL ")


@pytest.mark.parametrize(("appendonly", "kept"), [(True, b"1"), (False, None)])
def test_redis_killed_keeps_only_what_is_in_its_log(appendonly: bool, kept: bytes | None) -> None:
    with Redis(appendonly=appendonly) as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("n", 1)
        server.kill()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("n") == kept
        assert server.version.split()[0] in {"Redis", "Valkey"}
