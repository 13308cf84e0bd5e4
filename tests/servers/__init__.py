"""Real servers, private to a test run, a benchmark, a fault test or a stack (Linux)."""

from tests.servers.nginx import Nginx
from tests.servers.pgbouncer import PgBouncer
from tests.servers.postgres import Postgres, Standby
from tests.servers.process import Server, ServerError
from tests.servers.redis import Redis

__all__ = ["Nginx", "PgBouncer", "Postgres", "Redis", "Server", "ServerError", "Standby"]
