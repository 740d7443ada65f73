"""What tests of configuration and provisioning share."""

import pytest

from tests.config.fixed_secrets import FixedSecrets


@pytest.fixture
def secrets() -> FixedSecrets:
    return FixedSecrets()
