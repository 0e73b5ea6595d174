"""Certificates for benchmarks, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.peers import command


def issue(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """Certificate and key of a new name, for both ends of a connection on this machine, and the certificate of the authority.

    The authority is made with the first.
    """
    authority, authority_key = folder / "ca.crt", folder / "ca.key"
    if not authority.exists():
        _openssl("req", "-x509", "-days", "30", "-subj", "/CN=Benchmark CA", *_new_key(authority_key), "-out", str(authority))
    certificate, key, extensions = folder / f"{name}.crt", folder / f"{name}.key", folder / f"{name}.ext"
    extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n", encoding="ascii")
    request = folder / f"{name}.csr"
    _openssl("req", "-new", "-subj", f"/CN={name}", *_new_key(key), "-out", str(request))
    signed = ("-CA", str(authority), "-CAkey", str(authority_key), "-CAcreateserial", "-extfile", str(extensions))
    _openssl("x509", "-req", "-days", "30", "-in", str(request), *signed, "-out", str(certificate))
    return certificate, key, authority


def _new_key(file: Path) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(file))


def _openssl(*words: str) -> None:
    subprocess.run([command("openssl"), *words], check=True, capture_output=True)
