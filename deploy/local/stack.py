"""All processes of compose.yaml, started in order, watched, restarted in turn and ended."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from deploy.local import settings
from deploy.local.picture import ROOT, Picture
from deploy.local.program import Program
from deploy.local.rolling import restart_in_turn
from tests.servers import Nginx, Postgres, Redis, Server, ServerError

DATABASE: Final = "skyledger"


class Stack:
    """`directory` keeps data, logs and settings from one run to the next; `say` tells what happens."""

    def __init__(self, directory: Path, front: int, say: Callable[[str], None]) -> None:
        given = settings.kept(directory / ".env")
        self.picture = Picture(directory, front, given)
        self.environment = settings.local(given, self.picture)
        self.say = say
        self.draining = self.picture.folder("draining")
        self.postgres = Postgres(
            directory=self.picture.folder("postgres"),
            port=self.picture.port("postgres", "5432"),
            password=given["POSTGRES_PASSWORD"],
        )
        self.redis = Redis(
            directory=self.picture.folder("redis"),
            port=self.picture.port("redis", "6379"),
            password=given["REDIS_PASSWORD"],
            settings=self.picture.redis(),
        )
        self.programs = [
            Program(service, self.environment, self.picture.folder(f"processes/{service.name}"))
            for service in self.picture.services()
        ]
        self.nginx = Nginx(self.picture.nginx(), directory=self.picture.folder("nginx"), port=front)
        self._order: list[Server] = [self.postgres, self.redis, *self.programs, self.nginx]

    @property
    def environment_file(self) -> Path:
        return self.picture.directory / "environment"

    def start(self) -> None:
        for flag in self.draining.iterdir():
            flag.unlink()
        for server in self._order:
            server.log.unlink(missing_ok=True)
        self.environment_file.touch(mode=0o600)
        self.environment_file.write_text(settings.shell(self.environment))
        self._start(self.postgres, self.redis)
        self._prepare()
        self._start(*self.programs, self.nginx)

    def watch(self) -> None:
        """Start again whatever ended by itself, as `restart: unless-stopped` does."""
        for server in self._order:
            if not server.running:
                self.say(f"{server.name} has ended; starting it again.")
                server.kill()
                server.start()

    def roll(self) -> None:
        """Restart the web replicas one after the other; no request is dropped."""
        replicas = [program for program in self.programs if program.service.replica]
        for name in restart_in_turn(replicas, self.draining):
            self.say(f"{name} is back.")

    def stop(self) -> None:
        self.nginx.stop()
        for program in self.programs:
            program.tell_to_stop()
        for program in self.programs:
            program.wait_for_end()
        self.redis.stop()
        self.postgres.stop()

    def _start(self, *servers: Server) -> None:
        for server in servers:
            server.launch()
        for server in servers:
            server.wait_for_answer()
            self.say(f"  {server.name:<9} {server.version}")

    def _prepare(self) -> None:
        self._create_database()
        for command in self.picture.once():
            done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
            if done.returncode:
                raise ServerError(f"{' '.join(command[1:3])} failed:\n{done.stderr[-2000:]}")

    def _create_database(self) -> None:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(DATABASE)))
