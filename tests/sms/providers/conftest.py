"""Lists in a contract's class become cases of its tests: `REFUSALS` for a test that asks for `refusal`."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from tests.sms.providers import vectors

pytest.register_assert_rewrite(
    *(f"tests.sms.providers.{name}" for name in ("contract", "callbacks", "submitting", "storable"))
)

CASES = {
    "refusal": lambda contract: contract.REFUSALS,
    "by_status": lambda contract: tuple(contract.BY_STATUS.items()),
    "no_yes": lambda contract: contract.NO_YES,
    "covered": lambda contract: contract.COVERS,
    "known": lambda contract: tuple(contract.PROVIDER.STATUS_BY_WORD.items()),
    "vector": lambda contract: vectors.of(contract.VECTORS),
}


def pytest_generate_tests(metafunc):
    """Give a contract's test the cases of the class that inherits it."""
    for name in CASES.keys() & set(metafunc.fixturenames):
        if metafunc.cls is not None and hasattr(metafunc.cls, "PROVIDER"):
            found = CASES[name](metafunc.cls)
            metafunc.parametrize(name, found, ids=[_name(one) for one in found])


def _name(case):
    return case["id"] if isinstance(case, dict) else str(case)[:60]


@pytest.fixture
def logs():
    """Everything that is logged, before anything is hidden from it."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory):
    """TLS with a certificate that nobody has vouched for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
