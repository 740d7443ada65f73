"""A source of secrets that anyone can foresee."""

import hashlib


class FixedSecrets:
    """Answers by a hash of the question, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def key(self, account: str) -> tuple[str, bytes]:
        self.asked.append(f"key {account}")
        return f"generated-{account}", hashlib.sha512(account.encode()).digest()

    def secret(self, name: str) -> bytes:
        self.asked.append(f"secret {name}")
        return hashlib.sha512(f"secret {name}".encode()).digest()
