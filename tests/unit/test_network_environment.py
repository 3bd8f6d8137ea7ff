"""The environment's proxies, exceptions to them, and certificate authorities."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.requests import Request
from starlette.responses import Response

from flows.api_config import ConfigError
from flows.api_config.network_environment import check_environment, usable_environment, usable_no_proxy
from flows.integration import EnergyDataPipelineIntegration
from flows.sandbox.loopback_server import LoopbackServer
from tests.conftest import IsoneSandbox
from tests.providers.service import provider_service
from tests.unit.test_hostile_responses import api_at, raw_server
from tests.unit.test_http_collector import collect, failure_of

UNPARSEABLE = "127.0.0.1, ::1 ,fd00::/8,[::1],2001:db8::/32,http://[::1"
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("value", "usable"),
    [
        ("", ""),
        ("*", "*"),
        ("localhost, 127.0.0.1,.example.com,10.0.0.0/8", "localhost, 127.0.0.1,.example.com,10.0.0.0/8"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("127.0.0.1,::1,fd00::/8", "127.0.0.1,::1"),
        ("fd00::/8", ""),
        (UNPARSEABLE, "127.0.0.1,::1,::1"),
        ("example.com:8080,https://x.org,x.org:y", "example.com:8080,https://x.org"),
    ],
)
def test_entries_of_no_proxy_that_httpx_cannot_parse_are_set_aside(
    monkeypatch: pytest.MonkeyPatch, value: str, usable: str
) -> None:
    monkeypatch.setenv("NO_PROXY", value)
    with usable_environment():
        assert os.environ["NO_PROXY"] == usable == usable_no_proxy(value)
        httpx.Client().close()
        with usable_environment():
            assert os.environ["NO_PROXY"] == usable
        assert os.environ["NO_PROXY"] == usable
    assert os.environ["NO_PROXY"] == value


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_a_request_goes_out_in_spite_of_them_and_the_environment_is_as_before(
    isone: IsoneSandbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv(name, UNPARSEABLE)
    before = dict(os.environ)
    assert collect(isone.api("x", "genfuelmix/current")).startswith(b'{"GenFuelMixes"')
    assert dict(os.environ) == before


def test_requests_go_through_the_proxy_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(request: Request, _: bytes) -> Response:
        asked.append(str(request.url))
        return Response(b'[{"a": 1}]')

    with LoopbackServer(provider_service(answer)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url)
        monkeypatch.setenv("NO_PROXY", "fd00::/8")
        assert collect(api_at("http://data.example/x", allow_insecure=True)) == b'[{"a": 1}]'
    (url,) = asked
    assert url.endswith("data.example/x")


def test_a_proxy_that_does_not_answer_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    reason = failure_of(api_at("http://data.example/x", allow_insecure=True, max_attempts=1))
    assert "cannot connect to http://data.example/x through the proxy that the environment names" in reason


def serve_socks(connection: socket.socket, _: threading.Event) -> None:
    """The rest of a SOCKS5 exchange, whose greeting has been read, up to a response of its own."""
    connection.sendall(b"\x05\x00")
    connection.recv(65536)
    connection.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def test_a_socks_proxy_works_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(serve_socks) as (url, _):
        monkeypatch.setenv("ALL_PROXY", url.replace("http:", "socks5:").removesuffix("/x"))
        check_environment()
        assert collect(api_at("http://data.example/x", allow_insecure=True)) == b"{}"


@pytest.mark.parametrize("name", ["ALL_PROXY", "https_proxy"])
def test_a_socks_proxy_without_its_extra_is_refused_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    # as if it were not installed
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(name, "socks5://user:secret@127.0.0.1:9")
    pipeline = EnergyDataPipelineIntegration(tmp_path / "none.json", "bucket")
    with pytest.raises(ConfigError) as raised:
        pipeline.preview_api("x")
    (problem,) = map(str, raised.value.problems)
    assert problem.startswith(f"{name}: SOCKS proxies need the package socksio, which is not installed")
    assert "energy-pipeline[socks]" in problem
    assert "secret" not in problem
    assert pipeline.run_full_pipeline()["errors"] == [problem]
    monkeypatch.setenv("NO_PROXY", "*")
    check_environment()


@pytest.mark.parametrize("url", ["socks4://127.0.0.1:9", "ftp://secret@127.0.0.1", "http://x:secret", "::"])
def test_a_proxy_that_cannot_be_used_is_refused_without_its_url(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", url)
    with pytest.raises(ConfigError) as raised:
        check_environment()
    (problem,) = raised.value.problems
    assert problem.where == "HTTP_PROXY"
    assert "secret" not in str(problem)


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_certificate_authorities_that_cannot_be_read_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(ConfigError) as raised:
        check_environment()
    assert f"SSL_CERT_FILE: {file} is no file of certificate authorities" in str(raised.value)


def certificate_for_loopback(folder: Path) -> Path:
    """A file with a new self-signed certificate of 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return file


def test_a_certificate_that_is_not_trusted_is_told_with_the_variable_that_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = certificate_for_loopback(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)

    def serve_https(listener: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(65536)
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve_https, args=[listener], daemon=True)
        server.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/x"
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
        reason = failure_of(api_at(url))
        assert f"the certificate of {url} is not trusted" in reason
        assert "SSL_CERT_FILE" in reason
        assert "REQUESTS_CA_BUNDLE and AWS_CA_BUNDLE are not used for APIs" in reason
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        check_environment()
        assert collect(api_at(url)) == b"{}"
        server.join()
