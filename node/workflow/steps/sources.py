"""The site's peers as sources for `node.retrieve`, and the images that we take from them."""

from __future__ import annotations

import re
from functools import cache

from node.errors import SettingsError
from node.receive.contexts import STORAGE_CLASSES, decodable_syntaxes
from node.retrieve import By, Source, Storage, WebPeer
from node.settings import PeerSection, Settings
from node.tls import client_context
from node.workflow.steps.places import peer as dimse_peer

PLAIN = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2")
"""Explicit and Implicit VR Little Endian, Explicit VR Big Endian: one context a class; the compressed ones another."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750 2.1. The library names anything else in full in its complaint, which would be logged."""


def may_ask(settings: Settings) -> bool:
    """Whether the site lets the node fetch anything by itself."""
    return (settings.retrieve.missing_roles or settings.retrieve.priors) and any(peer.ask == "images" for peer in settings.peer)


def sources(settings: Settings) -> tuple[Source, ...]:
    """The peers from which images may be fetched, in the order of the settings."""
    return tuple(source(peer, settings) for peer in settings.peer if peer.ask == "images")


def source_named(settings: Settings, name: str) -> Source:
    """One peer.

    Raises
    ------
    SettingsError : there is none of that name, or the site does not let us ask it for images
    """
    found = next((peer for peer in settings.peer if peer.name == name), None)
    if found is None:
        raise SettingsError(
            [f"peer {name}: expected the name of a [[peer]]; found {', '.join(one.name for one in settings.peer) or 'none'}"]
        )
    if found.ask != "images":
        raise SettingsError([f'peer {name}: expected ask = "images" for it; found "{found.ask}"'])
    return source(found, settings)


def source(peer: PeerSection, settings: Settings) -> Source:
    """A peer as it is asked and fetched from; see `PeerSection` for what must be there."""
    return Source(peer.name, By(peer.fetch_by), peer=dimse_peer(peer, settings) if _speaks_dimse(peer) else None, web=_web(peer, settings))


@cache
def storage() -> tuple[Storage, ...]:
    """What we take by C-GET: every class in its plain forms, then in the compressed ones, one context each, images first."""
    compressed = tuple(str(uid) for uid in decodable_syntaxes() if uid not in PLAIN)
    plain = tuple(Storage(str(uid), PLAIN) for uid in STORAGE_CLASSES)
    images = [str(uid) for uid in STORAGE_CLASSES[:6]]
    return plain + tuple(Storage(uid, (syntax,)) for uid in images for syntax in compressed)


def _speaks_dimse(peer: PeerSection) -> bool:
    return None not in (peer.host, peer.port, peer.ae_title)


def _web(peer: PeerSection, settings: Settings) -> WebPeer | None:
    if peer.url is None:
        return None
    secure = peer.url.startswith("https:") and settings.tls is not None
    return WebPeer(
        name=peer.name,
        url=peer.url,
        token=_token(peer),
        timeout_s=peer.timeout_s,
        tls=client_context(settings.tls) if secure and settings.tls is not None else None,
    )


def _token(peer: PeerSection) -> str:
    if peer.token is None:
        return ""
    try:
        token = peer.token.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingsError([f"peer {peer.name}: token: expected a file with the bearer token; {error.strerror}"]) from error
    except UnicodeDecodeError:
        token = ""
    if _TOKEN.fullmatch(token) is None:
        what = f"expected one bearer token in {peer.token}, and nothing else; found other characters"
        raise SettingsError([f"peer {peer.name}: token: {what}"])
    return token
