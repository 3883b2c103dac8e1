"""What ties a ticket to the TLS connection that it came over (channel bindings, RFC 5929)."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from recorder.errors import SessrecError


class CertificateError(SessrecError):
    """The certificate cannot be read."""

    exit_status = 2


def certificate_hash(pem: Path) -> bytes:
    """The hash of a server's certificate, the first in a PEM file, for tls-server-end-point. Raises CertificateError.

    By the hash of its signature, but for MD5 and SHA-1, in whose place SHA-256 stands, as it does where the signature
    has none of its own (RFC 5929, section 4.1).
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem.read_bytes())
    except OSError as error:
        raise CertificateError(f"{pem}: {error.strerror}; name the file of the server's certificate") from error
    except ValueError as error:
        raise CertificateError(f"{pem}: no certificate in PEM; name the file of the server's certificate") from error
    try:
        own = certificate.signature_hash_algorithm
    except Exception:  # an algorithm that this library does not know
        own = None
    weak = own is None or isinstance(own, hashes.MD5 | hashes.SHA1)
    return certificate.fingerprint(hashes.SHA256() if own is None or weak else own)
