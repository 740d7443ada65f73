"""How others learn to reach the venue."""

import base64
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.config.fixed_secrets import FixedSecrets
from tidegate.config import load
from tidegate.provision import TlsFiles, print_ready, ready_document, remove_ready, write_ready

CONTROL = Path("/d/control.sock")
TLS = TlsFiles(certificate=Path("/d/server.pem"), key=Path("/d/server.key"), ca=Path("/d/ca.pem"))


@pytest.fixture
def document(secrets: FixedSecrets) -> dict[str, Any]:
    return ready_document(load("venue.port_offset = 1000", secrets), TLS, 4711, control=CONTROL)


def test_the_document(document: dict[str, Any]) -> None:
    sessions = [
        {
            "firm": firm,
            "account": f"{firm}-1",
            "market": "spot",
            "role": "trading",
            "sender_comp_id": firm,
            "target_comp_id": "KRAKEN-TRD",
            "port": 5001,
            "api_key": f"generated-{firm}-1",
            "api_secret": base64.b64encode(FixedSecrets().key(f"{firm}-1")[1]).decode(),
        }
        for firm in ("ACME", "BETA", "PRIME")
    ]
    assert document == {
        "pid": 4711,
        "profile": "uat",
        "host": "127.0.0.1",
        "tls": True,
        "ca_file": "/d/ca.pem",
        "ports": {
            "spot_market_data_l2": 5000,
            "spot_trading": 5001,
            "spot_market_data_l3": 5005,
        },
        "sessions": sessions,
        "market_data_sessions": [
            {
                "firm": firm,
                "market": "spot",
                "role": role,
                "sender_comp_id": firm,
                "target_comp_id": "KRAKEN-MD",
                "port": port,
            }
            for firm in ("ACME", "BETA", "PRIME")
            for role, port in (("market_data_l2", 5000), ("market_data_l3", 5005))
        ],
        "drop_copy_sessions": [],
        "control": "/d/control.sock",
    }
    assert list(document) == [
        "pid", "profile", "host", "tls", "ca_file", "ports", "sessions", "market_data_sessions",
        "drop_copy_sessions", "control",
    ]  # fmt: skip


def test_sessions_that_cannot_log_on_are_left_out(secrets: FixedSecrets) -> None:
    config = load(
        """
        [[firm]]
        name = "A"
        account = [{ id = "on" }, { id = "off", enabled = false }]
        [[firm.session]]
        sender_comp_id = "S1"
        account = "on"
        [[firm.session]]
        sender_comp_id = "S2"
        account = "on"
        enabled = false
        [[firm.session]]
        sender_comp_id = "S3"
        account = "off"
        """,
        secrets,
    )
    document = ready_document(config, TLS, 1, control=CONTROL)
    assert [session["sender_comp_id"] for session in document["sessions"]] == ["S1"]
    listed = [session["sender_comp_id"] for session in document["market_data_sessions"]]
    assert listed == ["S1", "S1"], "at both ports"


@pytest.mark.parametrize(
    ("host", "reached_at"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.1", "10.0.0.1"), ("localhost", "localhost")],
)
def test_the_host_is_one_to_connect_to(host: str, reached_at: str, secrets: FixedSecrets) -> None:
    config = load(f'venue.host = "{host}"', secrets)
    assert ready_document(config, TLS, 1, control=CONTROL)["host"] == reached_at


def test_no_authority_of_our_own(secrets: FixedSecrets) -> None:
    tls = TlsFiles(certificate=TLS.certificate, key=TLS.key, ca=None)
    assert ready_document(load("", secrets), tls, 1, control=CONTROL)["ca_file"] is None


def test_the_file_comes_and_goes(tmp_path: Path, document: dict[str, Any]) -> None:
    remove_ready(tmp_path)
    path = write_ready(tmp_path, document)
    assert path == tmp_path / "ready.json"
    assert json.loads(path.read_text()) == document
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    document["pid"] = 1
    write_ready(tmp_path, document)
    assert json.loads(path.read_text())["pid"] == 1
    remove_ready(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("width", [40, 200])
def test_the_table_for_people(tmp_path: Path, document: dict[str, Any], width: int) -> None:
    document["sessions"][0]["sender_comp_id"] = "[b]AC"
    out = io.StringIO()
    print_ready(tmp_path, document, Console(file=out, width=width))
    text = out.getvalue()
    assert "Tidegate: uat on 127.0.0.1\n" in text
    assert "API key of [b]AC: generated-ACME-1\n" in text
    assert f"API secrets: {tmp_path / 'ready.json'}\n" in text
    assert "TLS, CA file: /d/ca.pem\n" in text
    assert text.count("5001") == 4
    for session in document["sessions"]:
        assert session["api_secret"] not in text
    if width == 200:
        for word in ("SenderCompID", "TargetCompID", "spot_trading", "KRAKEN-TRD", "PRIME-1"):
            assert word in text
