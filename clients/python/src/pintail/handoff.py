"""How other drivers go on with a session."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from .channel import Tls

_CLIENT = "adbc.flight.sql.client_option."


def adbc_options(token: str, tls: Tls) -> dict[str, str]:
    """`db_kwargs` of `adbc_driver_flightsql.dbapi.connect`."""
    options = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    for name, value in [
        ("tls_root_certs", tls.root_certs),
        ("mtls_cert_chain", tls.cert_chain),
        ("mtls_private_key", tls.private_key),
    ]:
        if value is not None:
            options[_CLIENT + name] = value.decode()
    if tls.override_hostname is not None:
        options[_CLIENT + "tls_override_hostname"] = tls.override_hostname
    if not tls.verify:
        options[_CLIENT + "tls_skip_verify"] = "true"
    return options


def jdbc_url(uri: str, token: str, tls: Tls) -> str:
    """The URL for the Flight SQL driver of JDBC. It trusts the authorities of Java, or of the system."""
    parts = urlsplit(uri)
    encrypted = parts.scheme == "grpc+tls"
    verify = "" if tls.verify or not encrypted else "&disableCertificateVerification=true"
    return (
        f"jdbc:arrow-flight-sql://{parts.netloc}/"
        f"?useEncryption={str(encrypted).lower()}{verify}&token={quote(token)}"
    )
