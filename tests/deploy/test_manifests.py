"""The manifests of one machine name settings that exist, and keep their times in the right order."""

from __future__ import annotations

import configparser
import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.settings import Settings
from server.settings.environment import load_settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc", ".sql"})
# Variables of the compose file itself, which the server does not get.
COMPOSE_ONLY = {"TESSERA_DOMAIN", "TESSERA_EXTRAS"}
VARIABLE = re.compile(r"\bTESSERA_[A-Z_]*[A-Z]\b")


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "tessera.service")
    return parser


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_variable_is_a_setting(path: Path) -> None:
    settings = {f"TESSERA_{name.upper()}" for name in Settings.model_fields}
    assert set(VARIABLE.findall(path.read_text("utf-8"))) - settings <= COMPOSE_ONLY


def test_the_server_of_the_compose_file_gets_settings_only_and_time_to_drain() -> None:
    server = compose()["services"]["server"]
    assert not COMPOSE_ONLY & server["environment"].keys()
    assert (
        float(server["stop_grace_period"].removesuffix("s"))
        >= float(server["environment"]["TESSERA_DRAIN_GRACE_S"]) + 15
    )
    assert server["read_only"] is True
    assert "/tmp" in server["tmpfs"]


def filled(value: object) -> str:
    """The value of a compose file with the defaults of its variables."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", str(value))


def test_the_server_of_the_compose_file_trusts_the_proxy_alone() -> None:
    file = compose()
    given = {name: filled(value) for name, value in file["services"]["server"]["environment"].items()}
    names = ("TRUSTED_PROXIES", "PROXY_HEADER", "PUBLIC_URL", "ALLOWED_HOSTS")
    settings = load_settings({f"TESSERA_{name}": given[f"TESSERA_{name}"] for name in names})
    address = filled(file["services"]["proxy"]["networks"]["outside"]["ipv4_address"])
    (subnet,) = file["networks"]["outside"]["ipam"]["config"]
    hosts = list(ipaddress.ip_network(filled(subnet["subnet"])).hosts())
    assert settings.trusted_proxies == [f"{address}/32"]
    assert ipaddress.ip_address(address) in hosts[1:], "the first address is the gateway's"
    assert settings.public_url == "https://localhost"
    assert settings.allowed_hosts == ["localhost"]


def test_only_the_proxy_of_the_compose_file_is_published() -> None:
    services = compose()["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert "inside" not in services["proxy"]["networks"]


def test_the_example_has_every_variable_that_the_compose_file_requires() -> None:
    required = set(re.findall(r"\$\{([A-Z_]+):\?\}", (DEPLOY / "compose.yaml").read_text("utf-8")))
    example = re.findall(r"^([A-Z_]+)=", (DEPLOY / "compose.env.example").read_text("utf-8"), re.MULTILINE)
    assert required <= set(example)


def test_systemd_waits_for_ready_and_longer_than_the_drain() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify"
    assert service["ExecStart"].endswith("/bin/tessera run")
    assert service["RestartPreventExitStatus"] == "2"
    assert float(service["WatchdogSec"]) > 0
    drain_s = Settings.model_fields["drain_grace_s"].default
    assert float(service["TimeoutStopSec"]) >= drain_s + 10
