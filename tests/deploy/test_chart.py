"""The Helm chart: rendered by Helm and validated with the schemas of Kubernetes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.settings.environment import load_settings

CHART = Path(__file__).resolve().parents[2] / "deploy" / "chart"
VERSIONS = ("1.30", "1.34")

pytestmark = pytest.mark.deploy


def render(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The objects of the chart by kind; there is at most one of each."""
    helm = importlib.import_module("helm_python")
    files = helm.Chart.load(str(CHART)).render(values, name="tessera", namespace="apps")
    objects = [item for text in files.values() for item in yaml.safe_load_all(text) if item]
    kinds = {item["kind"]: item for item in objects}
    assert len(kinds) == len(objects)
    return kinds


def validate(objects: dict[str, dict[str, Any]]) -> None:
    kubernetes_validate = importlib.import_module("kubernetes_validate")
    for item in objects.values():
        for version in VERSIONS:
            kubernetes_validate.validate(item, version, strict=True)


def pod_settings(objects: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    (server,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    found: list[dict[str, str]] = server["env"]
    return found


def test_an_ingress_without_trusted_proxies_is_refused() -> None:
    with pytest.raises(Exception, match="trustedProxies is not set"):
        render({"ingress": {"enabled": True}})


def test_helm_finds_no_fault() -> None:
    report = importlib.import_module("helm_python.chart").lint(str(CHART), strict=True)
    messages = [message for message in report["messages"] if message["severity"] not in ("INFO", 1)]
    assert not messages


def test_the_defaults_are_valid_and_drain() -> None:
    objects = render({})
    validate(objects)
    assert set(objects) == {
        "Deployment",
        "HorizontalPodAutoscaler",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "Service",
    }
    deployment = objects["Deployment"]["spec"]
    assert "replicas" not in deployment, "the autoscaler sets it"
    pod = deployment["template"]["spec"]
    (server,) = pod["containers"]
    settings = {item["name"]: item["value"] for item in server["env"]}
    assert settings["TESSERA_RELAY"] == "true"
    assert pod["terminationGracePeriodSeconds"] >= float(settings["TESSERA_DRAIN_GRACE_S"]) + 15
    assert server["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_every_option_is_valid() -> None:
    objects = render(
        {
            "autoscaling": {"enabled": False},
            "replicas": 3,
            "ingress": {"enabled": True, "trustedProxies": ["10.244.0.0/16", "10.96.0.7"]},
            "keyShares": {"enabled": False},
            "settings": {"TESSERA_MODEL_NAME": "gpt-4.1-mini", "TESSERA_MAX_TOOL_ROUNDS": "0"},
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "a", "operator": "Exists"}],
        }
    )
    validate(objects)
    assert set(objects) == {"Deployment", "Ingress", "PodDisruptionBudget", "Service"}
    assert objects["Deployment"]["spec"]["replicas"] == 3
    settings = {item["name"]: item["value"] for item in pod_settings(objects)}
    assert settings["TESSERA_TRUSTED_PROXIES"] == "10.244.0.0/16,10.96.0.7"
    assert settings["TESSERA_PUBLIC_URL"] == "https://tessera.example.com"
    assert settings["TESSERA_ALLOWED_HOSTS"] == "tessera.example.com"
    load_settings(settings | {"TESSERA_MODEL_URL": "http://127.0.0.1:1"})
    paths = objects["Ingress"]["spec"]["rules"][0]["http"]["paths"]
    ports = {path["path"]: path["backend"]["service"]["port"]["name"] for path in paths}
    assert ports == {"/api/v1/ws/device": "device", "/": "http"}
