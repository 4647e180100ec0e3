"""Certificates for tests, made by the openssl program."""

from __future__ import annotations

import subprocess
from pathlib import Path

from router.sip.net import TlsFiles
from tests import needs


class Authority:
    """A certificate authority of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.key, self.certificate = folder / "ca.key", folder / "ca.pem"
        openssl(
            *(
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
            ),
            *("-subj", "/CN=test authority", "-keyout", str(self.key), "-out", str(self.certificate)),
        )

    def issue(self, name: str, alternative: str) -> TlsFiles:
        """A certificate and its key. `alternative`: as `IP:127.0.0.1` or `DNS:pbx.example`."""
        wish, key, certificate = (self._folder / f"{name}.{kind}" for kind in ("csr", "key", "pem"))
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\n")
        openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={name}", "-keyout", str(key), "-out", str(wish)),
        )
        openssl(
            *("x509", "-req", "-in", str(wish), "-CA", str(self.certificate), "-CAkey", str(self.key)),
            *("-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", str(certificate)),
        )
        return TlsFiles(certificate, key)


def openssl(*arguments: str) -> None:
    subprocess.run((needs.program("openssl"), *arguments), check=True, capture_output=True, timeout=60)
