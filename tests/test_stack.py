"""`make stack` runs what compose.yaml says: the same processes, commands and settings, here."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local import settings
from deploy.local.picture import BIN, ROOT, Picture, Service, image_command

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
EXAMPLE = dict(settings.LINE.findall((ROOT / ".env.example").read_text()))


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    return settings.kept(tmp_path / ".env")


@pytest.fixture
def picture(tmp_path: Path, given: dict[str, str]) -> Picture:
    return Picture(tmp_path, 8000, given)


@pytest.fixture
def services(picture: Picture) -> dict[str, Service]:
    return {service.name: service for service in picture.services()}


def test_every_process_of_compose_runs_here(services: dict[str, Service]) -> None:
    servers = {"nginx", "postgres", "redis"}
    assert services.keys() | servers | {"migrate"} == COMPOSE.keys()
    assert [name for name, service in services.items() if service.replica] == ["web1", "web2", "web3"]
    assert {name for name in services if name.startswith("writer")} == {"writer1", "writer2"}
    assert {"ws", "worker", "beat"} <= services.keys()


def test_they_are_the_same_commands_at_other_addresses(services: dict[str, Service], tmp_path: Path) -> None:
    for name, service in services.items():
        program, *words = COMPOSE[name].get("command") or image_command()
        assert Path(service.command[0]).name.startswith(program)
        assert Path(service.command[0]).parent == BIN
        for theirs, ours in zip(words, service.command[1:], strict=True):
            local = re.sub(r"^\d{4,5}$", "PORT", ours).replace("127.0.0.1", "0.0.0.0")
            wanted = re.sub(r"^\d{4}$", "PORT", theirs).replace("/var/lib/skyledger", f"{tmp_path}/app")
            assert local == wanted


def test_a_web_process_listens_where_the_others_look_for_it(
    services: dict[str, Service], picture: Picture
) -> None:
    for name in ("web1", "web2", "web3", "ws"):
        service = services[name]
        assert service.command[service.command.index("--port") + 1] == str(service.port)
        assert f"server 127.0.0.1:{service.port};" in picture.nginx()
    peers = services["web2"].environment["STATUS_PEERS"].split(",")
    assert peers == [f"{n}=http://127.0.0.1:{services[n].port}/health" for n in ("web1", "web2", "web3")]


def test_each_replica_can_be_left_out_by_nginx() -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    groups = {name: set(re.findall(r"server (\w+):8000;", body)) for name, body in upstreams(text).items()}
    replicas = {name for name in COMPOSE if name.startswith("web")}
    assert groups == {
        "web": replicas,
        "ws": {"ws"},
        **{f"without_{name}": replicas - {name} for name in replicas},
    }
    for name in replicas:
        assert f"if (-f /run/draining/{name}) {{ set $web without_{name}; }}" in text


@pytest.mark.parametrize(
    ("path", "directive"),
    [
        ("/api/v1/imports", "client_max_body_size 1025m"),
        ("/imports/", "client_max_body_size 1025m"),
        ("/console/imports", "client_max_body_size 1025m"),
        ("/console/imports/4711", "proxy_read_timeout 300s"),
        ("/usage/export", "proxy_read_timeout 900s"),
        ("/api/v1/costs/export", "proxy_read_timeout 900s"),
        ("/resources/export", "proxy_read_timeout 900s"),
        ("/reports/all", "proxy_read_timeout 90s"),
    ],
)
def test_what_is_large_or_slow_passes_nginx(path: str, directive: str) -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    found = [
        body
        for pattern, body in re.findall(r"location ~ (\S+) \{(.*?)\}", text, re.DOTALL)
        if re.search(pattern, path)
    ]
    assert f"{directive};" in found[0]


def upstreams(text: str) -> dict[str, str]:
    return dict(re.findall(r"upstream (\w+) \{(.*?)\}", text, re.DOTALL))


def test_redis_keeps_events_as_in_compose(picture: Picture, given: dict[str, str]) -> None:
    assert picture.redis() == {
        "requirepass": given["REDIS_PASSWORD"],
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
    }


def test_settings_are_those_of_the_example_with_secrets(picture: Picture, given: dict[str, str]) -> None:
    assert given.keys() == EXAMPLE.keys()
    assert all(len(given[name]) > 50 for name in settings.SECRETS)
    assert len({given[name] for name in settings.SECRETS}) == len(settings.SECRETS)
    environment = settings.local(given, picture)
    assert environment["ENVIRONMENT"] == "production"
    port = picture.port("postgres", "5432")
    password = given["POSTGRES_PASSWORD"]
    assert environment["DATABASE_URL"] == f"postgresql://skyledger:{password}@127.0.0.1:{port}/skyledger"
    assert environment["REDIS_URL"].endswith(f"@127.0.0.1:{picture.port('redis', '6379')}/0")


def test_settings_stay_from_run_to_run_and_are_for_their_owner_only(
    tmp_path: Path, given: dict[str, str]
) -> None:
    assert settings.kept(tmp_path / ".env") == given
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


THEIRS = r"/run/|/var/lib/skyledger|/var/cache|0\.0\.0\.0|\b(web\d|ws|redis|postgres):\d"


def test_nothing_of_a_container_is_left(picture: Picture, services: dict[str, Service]) -> None:
    said = [picture.nginx(), *(word for command in picture.once() for word in command)]
    said += [word for service in services.values() for word in service.command]
    said += [value for service in services.values() for value in service.environment.values()]
    for text in said:
        assert not re.search(
            r"/run/|/var/lib/skyledger|/var/cache|0\.0\.0\.0|\b(web\d|ws|redis|postgres):\d", text
        )
