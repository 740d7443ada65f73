"""What a venue makes for itself in its data directory, and what it tells others from there.

    DIR/tidegate.json   marks the directory as a venue's, with the version of its layout
    DIR/secrets.json    generated API keys and secrets
    DIR/tls/            certificate authority and server certificate
    DIR/ready.json      how to reach the running venue; there while it runs

Everything is written aside, synced and renamed, so that a file is whole or not there. What holds a
secret can be read by the owner alone.
"""

from tidegate.provision.directory import (
    DataDirectoryError,
    data_directory,
    existing_data_directory,
)
from tidegate.provision.files import ProvisionError
from tidegate.provision.ready import (
    print_ready,
    ready_document,
    remove_ready,
    sub_accounts,
    write_ready,
)
from tidegate.provision.secrets import Secrets, SecretsError, open_secrets
from tidegate.provision.tls import TlsError, TlsFiles, provide_tls, server_context

__all__ = [
    "DataDirectoryError",
    "ProvisionError",
    "Secrets",
    "SecretsError",
    "TlsError",
    "TlsFiles",
    "data_directory",
    "existing_data_directory",
    "open_secrets",
    "print_ready",
    "provide_tls",
    "ready_document",
    "remove_ready",
    "server_context",
    "sub_accounts",
    "write_ready",
]
