"""The venue's own certificates: real clients trust them, and they are renewed in time."""

import datetime
import ipaddress
import ssl
import stat
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tidegate.config import TlsPolicy
from tidegate.provision import TlsError, TlsFiles, provide_tls, server_context
from tidegate.provision.tls import certificate_names

NOW = datetime.datetime.now(datetime.UTC)
OWN = TlsPolicy(minimum="1.3", certificate=None, key=None, ca=None, names=())


def days(number: float) -> datetime.timedelta:
    return datetime.timedelta(days=number)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Both sides of a TLS handshake in memory; the client's end of it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_end = client.wrap_bio(to_client, to_server, server_hostname=name)
    server_end = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        done = 0
        for end in (client_end, server_end):
            try:
                end.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                pass
        if done == 2:
            return client_end
    raise AssertionError("the handshake does not end")


def client_of(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "fix.example.com", "10.1.2.3"])
def test_a_strict_client_trusts_the_venue(tmp_path: Path, name: str) -> None:
    policy = TlsPolicy(minimum="1.3", certificate=None, key=None, ca=None, names=("10.1.2.3",))
    files = provide_tls(tmp_path, "fix.example.com", policy)
    end = handshake(server_context(files, "1.3"), client_of(files), name)
    assert end.version() == "TLSv1.3"


def test_another_name_and_another_authority_are_not_trusted(tmp_path: Path) -> None:
    files = provide_tls(tmp_path, "127.0.0.1", OWN)
    server = server_context(files, "1.3")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(server, client_of(files), "fix.example.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, ssl.create_default_context(), "localhost")


def test_older_tls_only_where_it_is_switched_on(tmp_path: Path) -> None:
    files = provide_tls(tmp_path, "127.0.0.1", OWN)
    old = client_of(files)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(server_context(files, "1.2"), old, "localhost").version() == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        handshake(server_context(files, "1.3"), old, "localhost")


def test_keys_are_for_the_owner_alone(tmp_path: Path) -> None:
    files = provide_tls(tmp_path, "127.0.0.1", OWN)
    directory = tmp_path / "tls"
    assert files == TlsFiles(
        certificate=directory / "server.pem", key=directory / "server.key", ca=directory / "ca.pem"
    )
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {
        "ca.key": 0o600,
        "ca.pem": 0o644,
        "server.key": 0o600,
        "server.pem": 0o644,
    }
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_what_the_certificates_say(tmp_path: Path) -> None:
    files = provide_tls(tmp_path, "fix.example.com", OWN, now=NOW)
    assert files.ca is not None
    authority = x509.load_pem_x509_certificate(files.ca.read_bytes())
    server = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    assert days(3650) <= authority.not_valid_after_utc - NOW <= days(3653)
    assert days(729) <= server.not_valid_after_utc - NOW <= days(730)
    for certificate in (authority, server):
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert isinstance(key.curve, ec.SECP256R1)
        assert certificate.not_valid_before_utc < NOW
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "fix.example.com"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::1"),
    ]


@pytest.mark.parametrize(
    ("host", "more", "names"),
    [
        ("127.0.0.1", (), ()),
        ("localhost", ("LOCALHOST", "::1"), ()),
        ("0.0.0.0", (), ()),
        ("::", ("Fix.Example.com",), ("fix.example.com",)),
        ("10.0.0.1", ("0:0:0:0:0:0:0:2",), ("10.0.0.1", "::2")),
    ],
)
def test_names_of_the_certificate(host: str, more: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert certificate_names(host, more) == ("localhost", "127.0.0.1", "::1", *names)


def test_a_second_start_keeps_everything(tmp_path: Path) -> None:
    provide_tls(tmp_path, "127.0.0.1", OWN, now=NOW)
    before = contents(tmp_path / "tls")
    provide_tls(tmp_path, "127.0.0.1", OWN, now=NOW + days(699))
    assert contents(tmp_path / "tls") == before


@pytest.mark.parametrize(
    ("host", "later"),
    [("127.0.0.1", 700), ("127.0.0.1", 731), ("10.0.0.1", 1), ("fix.example.com", 1)],
)
def test_the_server_certificate_is_renewed_by_the_same_authority(
    tmp_path: Path, host: str, later: int
) -> None:
    provide_tls(tmp_path, "127.0.0.1", OWN, now=NOW)
    before = contents(tmp_path / "tls")
    provide_tls(tmp_path, host, OWN, now=NOW + days(later))
    after = contents(tmp_path / "tls")
    assert {name for name in after if after[name] != before[name]} == {"server.key", "server.pem"}
    server = x509.load_pem_x509_certificate(after["server.pem"])
    server.verify_directly_issued_by(x509.load_pem_x509_certificate(after["ca.pem"]))
    assert server.not_valid_after_utc > NOW + days(later + 729)


@pytest.mark.parametrize("name", ["server.key", "server.pem"])
@pytest.mark.parametrize("content", [None, b"", b"not PEM", "other"])
def test_a_server_pair_that_does_not_match_is_made_again(
    tmp_path: Path, name: str, content: bytes | str | None
) -> None:
    provide_tls(tmp_path, "127.0.0.1", OWN)
    file = tmp_path / "tls" / name
    if content is None:
        file.unlink()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    else:
        (tmp_path / "other").mkdir()
        provide_tls(tmp_path / "other", "127.0.0.1", OWN)
        file.write_bytes((tmp_path / "other" / "tls" / name).read_bytes())
    files = provide_tls(tmp_path, "127.0.0.1", OWN)
    assert handshake(server_context(files, "1.3"), client_of(files), "localhost")


def test_an_authority_cut_short_is_made_again(tmp_path: Path) -> None:
    files = provide_tls(tmp_path, "127.0.0.1", OWN)
    assert files.ca is not None
    files.ca.unlink()
    files = provide_tls(tmp_path, "127.0.0.1", OWN)
    assert handshake(server_context(files, "1.3"), client_of(files), "localhost")


def test_the_authority_is_not_replaced_behind_the_clients_backs(tmp_path: Path) -> None:
    provide_tls(tmp_path, "127.0.0.1", OWN, now=NOW)
    directory = tmp_path / "tls"
    key = (directory / "ca.key").read_bytes()
    (directory / "ca.key").unlink()
    provide_tls(tmp_path, "127.0.0.1", OWN, now=NOW)  # not needed yet
    with pytest.raises(TlsError, match=r"ca\.key is missing"):
        provide_tls(tmp_path, "10.0.0.1", OWN, now=NOW)
    (directory / "ca.key").write_bytes(b"x")
    with pytest.raises(TlsError, match=r"ca\.key is damaged"):
        provide_tls(tmp_path, "10.0.0.1", OWN, now=NOW)
    (directory / "ca.key").write_bytes((directory / "server.key").read_bytes())
    with pytest.raises(TlsError, match=r"ca\.key is not the key of"):
        provide_tls(tmp_path, "10.0.0.1", OWN, now=NOW)
    (directory / "ca.key").write_bytes(key)
    with pytest.raises(TlsError, match=r"ca\.pem has ended"):
        provide_tls(tmp_path, "10.0.0.1", OWN, now=NOW + days(3640))
    (directory / "ca.pem").write_bytes(b"x")
    with pytest.raises(TlsError, match=r"ca\.pem is damaged"):
        provide_tls(tmp_path, "127.0.0.1", OWN, now=NOW)


def test_an_error_of_the_system_is_told(tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("x")
    with pytest.raises(TlsError, match="tls: "):
        provide_tls(tmp_path, "127.0.0.1", OWN)


def test_configured_files_are_used_as_they_are(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("fix.example.com")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "a.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "a.key")
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    policy = TlsPolicy(
        minimum="1.2",
        certificate=tmp_path / "a.pem",
        key=tmp_path / "a.key",
        ca=tmp_path / "root.pem",
        names=(),
    )
    files = provide_tls(tmp_path, "127.0.0.1", policy)
    assert files == TlsFiles(
        certificate=tmp_path / "a.pem", key=tmp_path / "a.key", ca=tmp_path / "root.pem"
    )
    assert not (tmp_path / "tls").exists()
    assert handshake(server_context(files, "1.2"), client_of(files), "fix.example.com")


def test_configured_files_that_do_not_go_together_stop_the_start(tmp_path: Path) -> None:
    authority = trustme.CA()
    first, second = authority.issue_cert("a.example"), authority.issue_cert("b.example")
    first.cert_chain_pems[0].write_to_path(tmp_path / "a.pem")
    second.private_key_pem.write_to_path(tmp_path / "b.key")
    policy = TlsPolicy(
        minimum="1.3", certificate=tmp_path / "a.pem", key=tmp_path / "b.key", ca=None, names=()
    )
    with pytest.raises(TlsError, match=r"a\.pem and .*b\.key are no certificate"):
        provide_tls(tmp_path, "127.0.0.1", policy)
