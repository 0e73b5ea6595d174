"""`Tokens`: who may use the web port: a file of names and of the SHA-256 of each one's bearer token (RFC 6750), read again when it changes.

The file holds no secret: from a digest of 256 random bits nobody finds the bits. A token is a caller's name for the rules as well, in the
place of an AE title.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from pathlib import Path

import structlog

from node.errors import SettingsError

log = structlog.get_logger()

LOCAL = "local"
"""Who calls where the site has no tokens, which it may on a loopback address only."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,16}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")


def new_token(name: str) -> tuple[str, str]:
    """A token for a caller, and the line for the file.

    Raises
    ------
    SettingsError : the name is none
    """
    if _NAME.fullmatch(name) is None:
        raise SettingsError([f"a caller's name has 1 to 16 letters, digits, hyphens, dots and underscores; found {name!r}"])
    token = secrets.token_urlsafe(32)
    return token, f"{name} {_digest(token)}"


def read_tokens(file: Path) -> dict[str, str]:
    """Digest → name, of each line ``name digest``; empty lines and those that begin with # are skipped.

    Raises
    ------
    SettingsError : it cannot be read, or a line is wrong, by its number
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"web.tokens: {file} cannot be read: {error}"]) from error
    found: dict[str, str] = {}
    mistakes = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or _NAME.fullmatch(words[0]) is None or _DIGEST.fullmatch(words[1].lower()) is None:
            mistakes.append(
                f"web.tokens: {file.name} line {number}: expected a name and a SHA-256; `ember web-token NAME` prints such a line"
            )
        elif found.setdefault(words[1].lower(), words[0]) != words[0]:
            mistakes.append(f"web.tokens: {file.name} line {number}: the token of {words[0]} is that of {found[words[1].lower()]}")
    if mistakes:
        raise SettingsError(mistakes)
    return found


class Tokens:
    """Tells callers apart.

    Parameters
    ----------
    file : none lets everybody in as `LOCAL`

    Raises
    ------
    SettingsError : the file cannot be read, or is wrong
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._stamp = _stamp(file)
        self._names = {} if file is None else read_tokens(file)

    @property
    def open_to_all(self) -> bool:
        """Whether there are no tokens at all."""
        return self._file is None

    def caller(self, authorization: str | None) -> str | None:
        """The name of whoever sent an Authorization header; None for a stranger."""
        if self._file is None:
            return LOCAL
        match = _BEARER.fullmatch(authorization or "")
        if match is None:
            return None
        digest, name = _digest(match[1]), None
        for known, its_name in self._current(self._file).items():
            if hmac.compare_digest(known, digest):  # all are compared, so that the time tells nothing of the place
                name = its_name
        return name

    def _current(self, file: Path) -> dict[str, str]:
        with self._lock:
            stamp = _stamp(file)
            if stamp != self._stamp:
                self._stamp = stamp
                self._read_again(file)
            return self._names

    def _read_again(self, file: Path) -> None:
        """A file that is broken while the node runs keeps the callers that were known: it may be half-written."""
        try:
            self._names = read_tokens(file)
            log.info("tokens read again", callers=len(self._names))
        except SettingsError as error:
            log.error("the changed file of tokens is wrong; the old ones hold", why=str(error))


def _stamp(file: Path | None) -> tuple[int, int, int]:
    try:
        found = file.stat() if file is not None else None
    except OSError:
        found = None
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found else (0, 0, 0)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("ascii")).hexdigest()
