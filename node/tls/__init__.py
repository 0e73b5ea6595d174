"""TLS as PS3.15 B.12 asks for it (BCP 195: RFC 8996, RFC 9325), for everything that listens or connects.

::

    Credentials(settings.tls).server()      the context of a port that asks every caller for a certificate, made again when a file changes
    client_context(settings.tls)            for one connection to a peer, from the files as they are now

What each file holds: `contexts` the two kinds of context, `certificates` what is read from PEM files, `credentials` a port's side of it,
`ocsp` the question to a certificate's responder, `diagnosis` why a peer could not be spoken to.

Decisions
---------
*TLS 1.2 and 1.3; ephemeral elliptic curves with AES-GCM or ChaCha20 only.* RFC 9325 wants forward secrecy and AEAD, and advises against
finite-field Diffie-Hellman; every toolkit since 2014 has the suites that are left. No renegotiation, no compression.

*A session is resumed for five minutes at most*, in TLS 1.2 alone, and never past a change of the files: a certificate that was taken back
an hour ago must not come in on a session of this morning. Tickets, which outlive all that, are not given out.

*A list of revoked certificates that has run out turns everybody away*, as OpenSSL does, because it says nothing about today; `ember check`
tells before. The list must hold one from each authority that issues certificates to callers, since a caller whose authority has none in
it cannot be judged.

*OCSP, "when-named"*: a responder that does not answer lets the caller in with a warning. It is the network of the authority that failed,
not the caller, and images that cannot be sent are lost to the patient of today; the list of revoked certificates and the site's own table
of fingerprints hold all the same. Who cannot accept that says "required": no responder named, no answer, or one that is not
trustworthy turns the caller away. An answer "revoked" or "unknown" turns away in both. Only callers are asked about; of the peers that
we call, the list of revoked certificates is the check.

*A peer that we call must have a certificate in the name by which the settings call it* (host name or IP address): else any device with a
certificate of the hospital's could play the PACS. A device's own, self-signed certificate may stand among the trusted.

*A key with a passphrase is refused with a sentence.* A service starts with nobody there to type it, and OpenSSL would ask on a terminal
that is not there; a passphrase beside the key in a file protects nothing.

*A file that is changed and broken keeps the old ones in force*, with an error in the log each minute, because a half-copied certificate
must not stop a hospital's images. Certificate, key, trusted and revoked are taken together or not at all.
"""

from node.tls.certificates import Dates, dates, normal_identity, own_certificate
from node.tls.contexts import TlsFiles, client_context, server_context, server_context_without_callers
from node.tls.credentials import Credentials
from node.tls.diagnosis import why_no_tls
from node.tls.ocsp import Ocsp

__all__ = [
    "Credentials",
    "Dates",
    "Ocsp",
    "TlsFiles",
    "client_context",
    "dates",
    "normal_identity",
    "own_certificate",
    "server_context",
    "server_context_without_callers",
    "why_no_tls",
]
