"""What `ember check` tries of the network: our own ports, the files of [tls], who may come in, and the peers that we ask."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from node.errors import RefusedError, SettingsError, TemporaryError
from node.settings import PeerSection, Settings

if TYPE_CHECKING:
    from node.dimse import Peer

SOON = timedelta(days=30)


class Warned(str):
    """What was found: it works, and deserves a look."""


def port(settings: Settings) -> str:
    """The plain port: free, or held by our own receiver, which then answers a C-ECHO."""
    section = settings.receiver
    if not section.plain:
        return "none: nobody is let in but by TLS"
    return _held_or_free(settings, section.port)


def tls_port(settings: Settings) -> str:
    """The TLS port, likewise."""
    if settings.receiver.tls_port is None:
        return "none"
    return _held_or_free(settings, settings.receiver.tls_port)


def tls(settings: Settings) -> str:
    """The files of [tls]: they belong together, and until when they are good."""
    from node.tls import dates, server_context

    files = settings.tls
    if files is None:
        return "none: nothing is encrypted"
    server_context(files)
    now = datetime.now(UTC)
    found = dates(files.certificate, files.trusted, files.revoked)
    ended = [f"{one.what} ended on {one.until:%Y-%m-%d}" for one in found if one.until <= now]
    if ended:
        raise SettingsError([f"tls: {'; '.join(ended)}"])
    first = found[0]
    told = f"our certificate is good until {first.until:%Y-%m-%d}, {len(found) - 1} authorities and lists besides"
    # A list of revoked certificates is made anew each week or day; its authority does that, not the site.
    soon = [one for one in found if one.until < now + SOON and "revoked" not in one.what]
    if soon:
        return Warned("; ".join(f"{one.what} ends in {(one.until - now).days} days, on {one.until:%Y-%m-%d}: renew it" for one in soon))
    if files.key.stat().st_mode & 0o077:
        return Warned(f"{told}; others than its owner may read {files.key}: chmod 600")
    return told


def peers(settings: Settings) -> str:
    """Who may come in."""
    from node.app import prepare_store
    from node.receive.admission import PeerAdmission

    PeerAdmission(settings.peer, max_associations=1)  # raises where a certificate can be none
    rows = prepare_store(settings).callers.all()
    accepted = sum(row.accepted_as is not None for row in rows)
    strangers = len(rows) - accepted
    if not settings.peer and not accepted:
        called = f"; {strangers} called and were turned away: `ember callers`" if strangers else ""
        raise SettingsError(
            [f"there is none, so that nobody may send: add a [[peer]], or let in who called, by `ember callers accept`{called}"]
        )
    told = f"{len(settings.peer)} in the settings, {accepted} let in by `ember callers accept`"
    open_doors = [peer.name for peer in settings.peer if not peer.addresses and not peer.certificates and settings.receiver.plain]
    if open_doors:
        told = f"{told}; from any address, since none is named: {', '.join(open_doors)}"
    return Warned(f"{told}; {strangers} turned away: `ember callers`") if strangers else told


def query_service(peer: PeerSection, settings: Settings) -> str:
    """A peer that we ask, by C-ECHO."""
    from node.dimse import echo
    from node.workflow.steps.places import peer as place

    result = echo(place(peer, settings))
    if result.status != 0:
        raise OSError(f"C-ECHO was answered with 0x{result.status:04X}; expected 0x0000")
    return f"{peer.ae_title} at {peer.host}:{peer.port} answers C-ECHO in {1000 * result.seconds:.0f} ms"


def _held_or_free(settings: Settings, number: int) -> str:
    family = socket.getaddrinfo(settings.receiver.host, number, type=socket.SOCK_STREAM)[0][0]
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.receiver.host, number))
        except OSError:
            return _own_echo(settings, number)
    return f"port {number} is free; the node is not running"


def _own_echo(settings: Settings, number: int) -> str:
    """Our own receiver, called as a peer that may call from this machine; where none may, being turned away proves that it is there."""
    from node.dimse import echo

    itself = _itself(settings, number)
    for title in _titles(settings, itself.host):
        result = echo(replace(itself, calling_ae=title))
        return f"the node is running and answers C-ECHO on port {number} with 0x{result.status:04X} in {1000 * result.seconds:.0f} ms"
    try:
        echo(itself)
    except RefusedError as error:
        if "Calling AE title" not in str(error):
            raise
    except TemporaryError as error:
        if itself.tls is None:
            raise
        return Warned(f"port {number} is held, and did not let our own certificate in: {error}")
    return f"the node is running on port {number}, and turned us away as it should: no peer calls from this machine"


def _itself(settings: Settings, number: int) -> Peer:
    from node.dimse import Peer
    from node.tls import client_context

    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(settings.receiver.host, settings.receiver.host)
    context = None
    if number == settings.receiver.tls_port and settings.tls is not None:
        context = client_context(settings.tls)
        context.check_hostname = False  # we call by an address of this machine, the certificate is in the name that others call
    return Peer("itself", host, number, settings.node.ae_title, settings.node.ae_title, tls=context)


def _titles(settings: Settings, host: str) -> Iterator[str]:
    """The titles under which a caller from that address may come in without showing a certificate of its own."""
    address = ip_address(socket.getaddrinfo(host, None)[0][4][0])
    for peer in settings.peer:
        networks = [ip_network(text, strict=False) for text in peer.addresses]
        if not peer.certificates and (not networks or any(address in network for network in networks)):
            yield from peer.ae_titles
