"""Real servers of files for a test, vsftpd and OpenSSH: each with a configuration and a folder of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncssh

from appliance.making_certificates import make
from tests import needs

PASSWORD = "only this one"


@dataclass(frozen=True)
class FileServer:
    """`files`: what is in the folder that it gives access to."""

    port: int
    folder: Path
    certificate: Path | None = None


@contextmanager
def vsftpd(*, tls: bool = False) -> Iterator[FileServer]:
    """`anonymous` may write into the folder `backups`, with PASSWORD."""
    program = needs.program("vsftpd")
    with _place() as place:
        root, empty, port = place / "root", place / "empty", _free_port()
        for each in (root, empty):
            each.mkdir(mode=0o755)
        backups = root / "backups"
        backups.mkdir()
        shutil.chown(backups, "ftp", "ftp")
        certificate, key = place / "server.pem", place / "server.key"
        make(certificate, key, names=["localhost"], addresses=["127.0.0.1"], now=datetime.now(UTC), days=2)
        (place / "passwords").write_text(f"{PASSWORD}\n")
        settings = {
            "listen": "YES", "listen_port": port, "listen_address": "127.0.0.1", "background": "NO",
            "anonymous_enable": "YES", "anon_root": root, "write_enable": "YES", "anon_upload_enable": "YES",
            "anon_other_write_enable": "YES", "anon_world_readable_only": "NO",
            "secure_email_list_enable": "YES", "email_password_file": place / "passwords",
            "secure_chroot_dir": empty, "seccomp_sandbox": "NO", "isolate": "NO", "isolate_network": "NO",
            "delay_failed_login": 0, "max_login_fails": 1,
        }  # fmt: skip
        if tls:
            settings |= {
                "ssl_enable": "YES", "allow_anon_ssl": "YES", "force_anon_logins_ssl": "YES",
                "force_anon_data_ssl": "YES", "require_ssl_reuse": "YES",
                "rsa_cert_file": certificate, "rsa_private_key_file": key,
            }  # fmt: skip
        written = place / "vsftpd.conf"
        written.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        with _running([program, str(written)], port):
            yield FileServer(port, backups, certificate)


@dataclass(frozen=True)
class SshServer(FileServer):
    secret: str = ""
    host_key: str = ""


@contextmanager
def sshd() -> Iterator[SshServer]:
    """Root logs in with a private key, the secret."""
    program = needs.program("sshd", "openssh-server")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # else it does not start; Debian's unit makes it
    with _place() as place:
        files, port = place / "files", _free_port()
        files.mkdir()
        host, user = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        host.write_private_key(place / "host")
        (place / "host").chmod(0o600)
        user.write_public_key(place / "authorized")
        written = place / "sshd_config"
        written.write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {place / 'host'}\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {place / 'authorized'}\nStrictModes no\nPasswordAuthentication no\n"
            "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
        )
        with _running([program, "-D", "-e", "-f", str(written)], port):
            yield SshServer(port, files, None, user.export_private_key().decode(), host.get_fingerprint())


@contextmanager
def _place() -> Iterator[Path]:
    """A folder that a server's own user may enter: pytest's are for us alone."""
    place = Path(tempfile.mkdtemp(prefix="callisto-files-"))
    try:
        place.chmod(0o755)
        yield place
    finally:
        shutil.rmtree(place)


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while not _answers(port):
                said.seek(0)
                assert server.poll() is None, said.read().decode()
                assert time.monotonic() < deadline, "it does not answer"
                time.sleep(0.02)
            yield
        finally:
            server.terminate()
            server.wait(10)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
