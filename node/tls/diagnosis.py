"""Why a connection by TLS to a peer did not come about: asked once more, by itself, since the library that connects does not tell."""

from __future__ import annotations

import socket
import ssl

LATE_S = 1.0
"""In TLS 1.3 our own handshake is done before the peer looks at our certificate: so long we wait for its verdict."""


def why_no_tls(context: ssl.SSLContext, host: str, port: int, *, timeout_s: float) -> str:
    """What is wrong with the handshake with a peer; empty where nothing is, or where it cannot even be reached."""
    try:
        with socket.create_connection((host, port), timeout_s) as raw, context.wrap_socket(raw, server_hostname=host) as secured:
            secured.settimeout(min(LATE_S, timeout_s))
            secured.recv(1)
    except ssl.SSLCertVerificationError as error:
        return f"its certificate was not taken: {error.verify_message}"
    except ssl.SSLError as error:
        return f"TLS failed: {error.reason or error}"
    except OSError:
        return ""
    return ""
