"""The certificate that the server shows, and its key; read again when they are renewed."""

from __future__ import annotations

import ssl


class BadCertificateError(Exception):
    """The files are not a certificate and its key; the message names them."""


class Certificate:
    """Files of a certificate, with those between it and its root, and of its key, both in PEM.

    Raises:
        BadCertificateError: they are not.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._files = certificate, key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load()

    def load(self) -> None:
        """Read the files: connections that begin from now on are shown what is in them; others go on.

        Raises:
            BadCertificateError: as above; what was shown before still is.
        """
        certificate, key = self._files
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
            self.context.load_cert_chain(certificate, key, password="")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            why = getattr(error, "strerror", None) or type(error).__name__
            raise BadCertificateError(f"{certificate} and {key} are no certificate and its key: {why}") from error
