"""`manage.py write_events`: the event writer as a process of its own."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from prometheus_client import start_http_server

from accounts.management.base import PlainCommand
from config import startup
from usage import writer


class Command(PlainCommand):
    help = (
        "Move accepted events from the Redis stream into the ledger until it is told to stop.\n"
        "Run any number of them; each finishes the work in hand on SIGTERM or Ctrl-C.\n\n"
        "Examples:\n"
        "  manage.py write_events\n"
        "  manage.py write_events --metrics-port 9101\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--metrics-port", type=int, help="serve this process's Prometheus metrics there")
        parser.add_argument("--metrics-host", default="127.0.0.1", help="on this address; default: 127.0.0.1")

    def handle(self, *args: Any, metrics_port: int | None, metrics_host: str, **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError("REDIS_URL is not set: without Redis events go straight to the database.")
        startup.prepare()
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        if metrics_port:
            start_http_server(metrics_port, addr=metrics_host)
        self.stdout.write("The event writer is running; Ctrl-C ends it.")
        writer.run(stop)
        self.stdout.write("The event writer has ended.")
