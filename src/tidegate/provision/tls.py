"""Certificates of the venue's own making, so that TLS is real from the first start."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from tidegate.config import TlsPolicy
from tidegate.provision.files import (
    DIRECTORY_MODE,
    PUBLIC_FILE_MODE,
    SECRET_FILE_MODE,
    ProvisionError,
    write_atomically,
)

CA_LIFETIME: Final = datetime.timedelta(days=3_652)  # ten years
SERVER_LIFETIME: Final = datetime.timedelta(days=730)  # more than 825 days some clients refuse
RENEWAL_LEAD: Final = datetime.timedelta(days=30)

_CLOCK_DIFFERENCE: Final = datetime.timedelta(hours=1)  # clients whose clock is behind
_ALWAYS: Final = ("localhost", "127.0.0.1", "::1")
_TLS_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class TlsError(ProvisionError):
    """A certificate or key cannot be used; the text names the file."""


class TlsFiles(Struct, frozen=True, kw_only=True):
    """PEM files: what the server shows, its key, and what clients verify it with (`ca` is None
    where that is the trust store of their system)."""

    certificate: Path
    key: Path
    ca: Path | None


class _Issuer(Struct, frozen=True):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def provide_tls(
    directory: Path, host: str, policy: TlsPolicy, *, now: datetime.datetime | None = None
) -> TlsFiles:
    """The files to serve TLS with: the configured ones, or the data directory's own.

    Own ones are made at the first call. The server certificate is renewed, by the same authority,
    when the names it is for have changed or it ends within 30 days of `now` (an aware time;
    default: the clock). Raises `TlsError`.
    """
    if policy.certificate is not None and policy.key is not None:
        files = TlsFiles(certificate=policy.certificate, key=policy.key, ca=policy.ca)
    else:
        moment = datetime.datetime.now(datetime.UTC) if now is None else now
        try:
            files = _own_files(directory / "tls", certificate_names(host, policy.names), moment)
        except OSError as error:
            raise TlsError(f"{error.filename or directory}: {error.strerror}") from error
    server_context(files, policy.minimum)  # a wrong file shall stop the start, not a logon
    return files


def server_context(files: TlsFiles, minimum: Literal["1.3", "1.2"]) -> ssl.SSLContext:
    """What listeners need. Raises `TlsError` for files that do not go together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _TLS_VERSIONS[minimum]
    try:
        # The empty password keeps a start from waiting at a prompt nobody sees.
        context.load_cert_chain(files.certificate, files.key, password="")
    except (OSError, ValueError) as error:
        raise TlsError(
            f"{files.certificate} and {files.key} are no certificate and its unencrypted key: "
            f"{error}"
        ) from error
    return context


def certified_name(files: TlsFiles) -> str:
    """A name or address that the server certificate is for; empty where it has none."""
    certificate = _read_certificate(files.certificate)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    hosts = [name.replace("*", "venue", 1) for name in names.get_values_for_type(x509.DNSName)]
    return [*hosts, *map(str, names.get_values_for_type(x509.IPAddress)), ""][0]


def certificate_names(host: str, more: tuple[str, ...]) -> tuple[str, ...]:
    """Names and addresses the server certificate is for, each once. A host that means every
    address is none that a client could connect to."""
    names = list(_ALWAYS)
    for name in (host, *more):
        plain = _address(name)
        if plain is not None and plain.is_unspecified:
            continue
        text = name.lower() if plain is None else str(plain)
        if text not in names:
            names.append(text)
    return tuple(names)


def _own_files(directory: Path, names: tuple[str, ...], now: datetime.datetime) -> TlsFiles:
    directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    files = TlsFiles(
        certificate=directory / "server.pem", key=directory / "server.key", ca=directory / "ca.pem"
    )
    authority_file = directory / "ca.pem"
    if not authority_file.exists():
        _make_authority(directory, now)
    authority = _read_certificate(authority_file)
    if not _good_server(files, authority, names, now):
        _make_server(files, _issuer(directory, authority, now), names, now)
    return files


def _make_authority(directory: Path, now: datetime.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tidegate venue CA")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_DIFFERENCE)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    # The key first: an authority whose certificate is there has its key there too.
    write_atomically(directory / "ca.key", _key_pem(key), SECRET_FILE_MODE)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    write_atomically(directory / "ca.pem", pem, PUBLIC_FILE_MODE)


def _make_server(
    files: TlsFiles, issuer: _Issuer, names: tuple[str, ...], now: datetime.datetime
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + SERVER_LIFETIME, issuer.certificate.not_valid_after_utc)
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tidegate venue")]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_DIFFERENCE)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority_key, critical=False)
        .sign(issuer.key, hashes.SHA256())
    )
    write_atomically(files.key, _key_pem(key), SECRET_FILE_MODE)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    write_atomically(files.certificate, pem, PUBLIC_FILE_MODE)


def _good_server(
    files: TlsFiles, authority: x509.Certificate, names: tuple[str, ...], now: datetime.datetime
) -> bool:
    """Whether the server certificate may stay. A crash between its two files leaves a pair that
    does not match, and a damaged file is as good as none: both are simply made again."""
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
        certificate.verify_directly_issued_by(authority)
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return (
        certificate.public_key() == key.public_key()
        and set(extension.value) == {_general_name(name) for name in names}
        and certificate.not_valid_after_utc - RENEWAL_LEAD > now
    )


def _issuer(directory: Path, certificate: x509.Certificate, now: datetime.datetime) -> _Issuer:
    if certificate.not_valid_after_utc - RENEWAL_LEAD <= now:
        raise TlsError(
            f"{directory / 'ca.pem'} has ended or ends within {RENEWAL_LEAD.days} days; remove "
            f"{directory} to have a new authority made, and give its ca.pem to every client"
        )
    path = directory / "ca.key"
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise TlsError(f"{path} is missing: the server certificate cannot be renewed") from None
    except (ValueError, TypeError):
        raise TlsError(f"{path} is damaged") from None
    if (
        not isinstance(key, ec.EllipticCurvePrivateKey)
        or key.public_key() != certificate.public_key()
    ):
        raise TlsError(f"{path} is not the key of {directory / 'ca.pem'}")
    return _Issuer(certificate, key)


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise TlsError(f"{path} is damaged") from None


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    address = _address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
