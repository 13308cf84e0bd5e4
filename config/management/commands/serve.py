"""`manage.py serve`: the whole platform in one process."""

import asyncio
import os
import signal
import socket
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.demo import DEMO_API_KEYS, DEMO_PEOPLE
from accounts.management.base import PlainCommand
from gcore.queries.accounts import SIMULATOR_FILE


class Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._when_ready()


class Command(PlainCommand):
    help = (
        "Serve the API, console, admin, docs, static files and the activity stream, and do the background\n"
        "work, in this one process. Migrates first; in development it also loads the demo data.\n\n"
        "Examples:\n"
        "  ENVIRONMENT=development python manage.py serve\n"
        "  PORT=8001 python manage.py serve --host 0.0.0.0\n"
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.SERVE_HOST, help="address to listen on (APP_HOST)")
        parser.add_argument("--port", type=int, default=settings.SERVE_PORT, help="port (PORT or APP_PORT)")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        listener = self._listen(host, port)
        call_command("migrate", verbosity=0, interactive=False)
        if settings.ENVIRONMENT == "development":
            call_command("load_demo", verbosity=0)
        with self._gcore():
            self._serve(listener, lambda: self._welcome(host, listener.getsockname()[1]))
        self.stdout.write("Skyledger has ended.")

    def _listen(self, host: str, port: int) -> socket.socket:
        """Before anything else, so that a port in use is the first thing one hears of."""
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = socket.create_server((host, port), family=family)
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}. "
                f"Is something else running there? Choose another port with PORT={port + 1}."
            ) from error
        # Handed on to each connection; without it every answer waits 40 ms for the client's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener

    def _gcore(self) -> AbstractContextManager[object]:
        """Without credentials for Gcore a developer's machine answers for it."""
        if not settings.GCORE_SIMULATED:
            return nullcontext()
        from gcore.simulator import beside  # with what it needs to write files, which nobody else does

        return beside(SIMULATOR_FILE)

    def _serve(self, listener: socket.socket, when_ready: Callable[[], None]) -> None:
        from config.asgi import application  # makes sure of the database, which is migrated by now
        from config.celery import app
        from config.onebox import Background

        background = Background(app)
        # uvicorn ends on these signals by itself and raises them once more afterwards; that is no error here.
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: None)
        config = uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws_max_size=65536,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=3,
        )
        background.start()
        try:
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(Server(config, when_ready).serve(sockets=[listener]))
        finally:
            background.stop()

    def _welcome(self, host: str, port: int) -> None:
        name = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104
        base = f"http://{name}:{port}"
        rows = [("Console", f"{base}/console"), ("API", f"{base}/api/v1"), ("API docs", f"{base}/docs")]
        rows += [("Admin", f"{base}/admin/"), ("Health", f"{base}/health")]
        if settings.GCORE_SIMULATED:
            rows += [("Gcore", "simulated here, as GCORE_USERNAME is not set (docs/gcore-simulator.md)")]
        if settings.ENVIRONMENT == "development":
            rows += [("Sign in", f"{p.username or p.email} / {p.password}") for p in DEMO_PEOPLE]
            rows += [("API key", f"{key.key}  ({key.scope} in {key.tenant})") for key in DEMO_API_KEYS]
        self.stdout.write(self.style.SUCCESS(f"\nSkyledger {settings.VERSION} is ready.\n"))
        for label, text in rows:
            self.stdout.write(f"  {label:<9} {text}")
        self.stdout.write("\nCtrl-C ends it; the data stays.\n")
        self.stdout.flush()
