"""Keys for tests: an authority, a signer of code, and somebody else."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests import needs

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Keys:
    """Files: the authority's certificate, and a certificate of it with its key."""

    ca: Path
    certificate: Path
    key: Path


def make(folder: Path, usage: str = "codeSigning", name: str = "Test releases", days: int = 30) -> Keys:
    """A fresh authority and a signer whose certificate has that extended usage."""
    program = needs.program("openssl")
    folder.mkdir(parents=True, exist_ok=True)
    keys = Keys(folder / "ca.pem", folder / "signer.pem", folder / "signer.key")
    ca_key = folder / "ca.key"

    def run(*args: str) -> None:
        subprocess.run((program, *args), check=True, capture_output=True, timeout=60)

    run("req", "-x509", *EC, "-keyout", str(ca_key), "-out", str(keys.ca), "-subj", f"/CN={name} authority")
    request = folder / "request"
    run("req", "-new", *EC, "-keyout", str(keys.key), "-out", str(request), "-subj", f"/CN={name}")
    extensions = folder / "extensions"
    extensions.write_text(f"keyUsage=digitalSignature\nextendedKeyUsage={usage}\n")
    authority = ("-CA", str(keys.ca), "-CAkey", str(ca_key), "-extfile", str(extensions))
    run("x509", "-req", "-in", str(request), "-out", str(keys.certificate), "-days", str(days), *authority)
    return keys
