"""Production's own WSGI callable, as a server loads it: with strict settings and in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings

STRONG: Final = "k8sJ2vQz7LmN4xYpR1tWcB9dF6gHaE3uXoZi5nVbMqKjTyUw0P"
# Answers each line of its standard input, a WSGI request in JSON, with [status, headers, body].
SERVER: Final = """
import io, json, sys
import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
from config.wsgi import application

for line in sys.stdin:
    seen = []
    environ = {"SERVER_NAME": "x", "SERVER_PORT": "8000", "REMOTE_ADDR": "127.0.0.1", "SCRIPT_NAME": ""}
    environ |= {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO()}
    environ |= json.loads(line)
    answer = application(environ, lambda status, headers: seen.extend((status, dict(headers))))
    print(json.dumps([*seen, b"".join(answer).decode()]), flush=True)
"""
START: Final = "import config.wsgi"
Run = subprocess.CompletedProcess[str]


class Production:
    """Its web process, and others that are started with the same settings."""

    def __init__(self, directory: Path) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "ENVIRONMENT": "production",
            "SECRET_KEY": STRONG,
            "ALLOWED_HOSTS": "api.skyledger.example",
            "DATABASE_URL": f"sqlite:///{directory}/production.sqlite3",
            "REDIS_URL": "",
            "VAR_DIR": str(directory),
        }
        self._log = directory / "log"
        with self._log.open("w") as log:
            self._server = subprocess.Popen(
                [sys.executable, "-c", SERVER],
                cwd=Path(settings.BASE_DIR),
                env={**self.environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def run(self, *arguments: str, **environment: str) -> Run:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=Path(settings.BASE_DIR),
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def answers(self, *requests: dict[str, str]) -> list[tuple[str, dict[str, str], str]]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: dict[str, str]) -> tuple[str, dict[str, str], str]:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(f"{json.dumps(request)}\n")
        self._server.stdin.flush()
        line = self._server.stdout.readline()
        assert line, self._log.read_text()
        status, headers, body = json.loads(line)
        return status, headers, body

    def end(self) -> None:
        self._server.communicate(timeout=60)


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    place = Production(tmp_path_factory.mktemp("production"))
    yield place
    place.end()


def test_probes_may_call_by_any_name(production: Production) -> None:
    probes = [
        f"{root}/{name}{slash}"
        for root in ("", "/api/v1")
        for name in ("health", "ready", "status", "metrics")
        for slash in ("", "/")
    ]
    hosts = ("127.0.0.1:8000", "web1:8000", "evil.example")
    asked = [(path, host) for path in probes for host in hosts]
    answers = production.answers(*({"PATH_INFO": path, "HTTP_HOST": host} for path, host in asked))
    assert [status for status, _, _ in answers] == ["200 OK"] * len(asked)
    assert not any(host in f"{headers}{body}" for _, headers, body in answers for host in hosts)


def test_everything_else_answers_to_its_own_hosts_only(production: Production) -> None:
    ours, theirs = production.answers(
        {"PATH_INFO": "/docs", "HTTP_HOST": "api.skyledger.example"},
        {"PATH_INFO": "/docs", "HTTP_HOST": "evil.example"},
    )
    assert (ours[0], theirs[0]) == ("200 OK", "400 Bad Request")


def test_browsers_are_kept_to_https(production: Production) -> None:
    host = {"HTTP_HOST": "api.skyledger.example", "PATH_INFO": "/console/sign-in"}
    plain, safe = production.answers(host, {**host, "wsgi.url_scheme": "https"})
    assert (plain[0], plain[1]["Location"]) == (
        "301 Moved Permanently",
        "https://api.skyledger.example/console/sign-in",
    )
    assert safe[1]["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert {"Secure", "SameSite=Lax"} <= set(safe[1]["Set-Cookie"].split("; "))


def test_a_secret_may_come_from_a_file(production: Production, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(STRONG)
    shown = "from django.conf import settings; print(settings.MASTER_TOKEN)"
    run = production.run("-c", shown, DJANGO_SETTINGS_MODULE="config.settings", MASTER_TOKEN_FILE=str(secret))
    assert (run.returncode, run.stdout.strip()) == (0, STRONG)


def test_a_charset_that_is_no_text_is_refused_in_words(production: Production) -> None:
    request = {"HTTP_HOST": "api.skyledger.example", "wsgi.url_scheme": "https", "QUERY_STRING": "size=1"}
    asked = [
        request | {"PATH_INFO": path, "CONTENT_TYPE": f"text/plain; charset={charset}"}
        for charset in ("zlib", "undefined", "idna", "no-such")
        for path in ("/users", "/console/sign-in")
    ]
    for wanted, (status, headers, body) in zip(asked, production.answers(*asked), strict=True):
        charset = wanted["CONTENT_TYPE"].partition("=")[2]
        assert status == "400 Bad Request"
        assert headers["X-Request-ID"] in body
        if wanted["PATH_INFO"] == "/users":
            assert json.loads(body)["error"] == "validation_error"
            assert json.loads(body)["message"] == f"The charset '{charset}' is not supported; send UTF-8."


def test_utf8_may_be_named(production: Production) -> None:
    (answer,) = production.answers(
        {"PATH_INFO": "/docs", "HTTP_HOST": "api.skyledger.example", "CONTENT_TYPE": 'x/y; charset="UTF-8"'}
    )
    assert answer[0] == "200 OK"


# That each alone is found is seen in accounts/tests/test_checks.py.
UNSAFE: Final = {
    "JWT_SECRET_KEY": ("abc", "JWT_SECRET_KEY is too easy to guess."),
    "MASTER_TOKEN": ("x", "MASTER_TOKEN is too easy to guess."),
    "API_KEYS": ("dev-key-12345:dev:admin", "API_KEYS, entry 1 is too easy to guess."),
    "TRUSTED_PROXIES": ("0.0.0.0/0", "TRUSTED_PROXIES holds '0.0.0.0/0'"),
}


def test_it_does_not_start_unsafe(production: Production) -> None:
    run = production.run("-c", START, **{name: value for name, (value, _) in UNSAFE.items()})
    assert run.returncode == 1
    assert [reason for _, reason in UNSAFE.values() if reason not in run.stderr] == []


def test_it_does_not_start_for_debugging(production: Production) -> None:
    run = production.run("-c", START, DEBUG="true")
    assert run.returncode == 1
    assert "DEBUG shows code and settings to everybody" in run.stderr


def test_strong_secrets_start(production: Production) -> None:
    strong = dict.fromkeys(("JWT_SECRET_KEY", "MASTER_TOKEN", "API_KEYS", "API_KEY_PEPPER"), STRONG)
    run = production.run("-c", START, **strong)
    assert (run.returncode, run.stderr) == (0, "")
