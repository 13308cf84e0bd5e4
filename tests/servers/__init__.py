"""Real PostgreSQL and Redis servers, private to a test run, a benchmark or a fault test (Linux)."""

from tests.servers.postgres import Postgres
from tests.servers.process import Server, ServerError
from tests.servers.redis import Redis

__all__ = ["Postgres", "Redis", "Server", "ServerError"]
