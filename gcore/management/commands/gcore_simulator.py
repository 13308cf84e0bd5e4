"""`manage.py gcore_simulator`: Gcore's API on this machine."""

import threading
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from accounts.management.base import PlainCommand
from gcore.simulator import API_TOKEN, PASSWORD, USERNAME, Simulator


class Command(PlainCommand):
    help = (
        "Answer as Gcore's API does, with made-up customers and usage, until Ctrl-C.\n"
        "Clock, jobs and faults are set under /_control/ (see docs/gcore-simulator.md).\n\n"
        "Examples:\n"
        "  manage.py gcore_simulator --port 8090\n"
        "  GCORE_API_BASE=http://127.0.0.1:8090 GCORE_USERNAME=… GCORE_PASSWORD=… manage.py serve\n"
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on; default: 127.0.0.1")
        parser.add_argument("--port", type=int, default=8090, help="default: 8090; 0: any that is free")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        with Simulator(host, port) as gcore, suppress(KeyboardInterrupt):
            self.stdout.write(f"Gcore is simulated at {gcore.url}")
            self.stdout.write(f"  sign in   {USERNAME} / {PASSWORD}")
            self.stdout.write(f"  token     {API_TOKEN}")
            self.stdout.flush()
            threading.Event().wait()
