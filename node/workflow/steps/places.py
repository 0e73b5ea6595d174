"""From the settings to what the verbs speak with: destinations of every kind, and peers."""

from __future__ import annotations

from ssl import SSLContext

from node.deliver import Compression, Destination, DimseDestination, FolderDestination, HttpServer, StowDestination
from node.dimse import Peer
from node.settings import Destination as Section
from node.settings import PeerSection, Settings
from node.tls import client_context


def place(section: Section, settings: Settings, label: str) -> Destination:
    """A destination as it is now: certificates are read anew each time.

    Parameters
    ----------
    label : what a folder calls the objects that are sent together, "E00012-v1"
    """
    match section.kind:
        case "dimse":
            return DimseDestination(peer(section, settings), Compression(section.compression), _queried(section, settings))
        case "stow":
            return stow_at(section, settings)
        case "folder":
            return folder_at(section, label)


def stow_at(section: Section, settings: Settings) -> StowDestination:
    """A destination that is a DICOMweb server."""
    assert section.url is not None
    tls = _tls(settings) if section.tls else None
    return StowDestination(section.name, HttpServer(section.name, section.url, token=section.token, tls=tls, timeout_s=section.timeout_s))


def folder_at(section: Section, label: str) -> FolderDestination:
    """A destination that is a folder."""
    assert section.folder is not None
    return FolderDestination(section.name, section.folder, label)


def peer(section: Section | PeerSection, settings: Settings) -> Peer:
    """A destination or a peer as the DIMSE code wants it; its host, port and ae_title are said in the settings."""
    assert section.host is not None
    assert section.port is not None
    assert section.ae_title is not None
    return Peer(
        name=section.name,
        host=section.host,
        port=section.port,
        called_ae=section.ae_title,
        calling_ae=settings.node.ae_title,
        connect_timeout_s=section.timeout_s,
        answer_timeout_s=section.timeout_s,
        tls=_tls(settings) if section.tls else None,
    )


def titles_of(section: Section, settings: Settings) -> frozenset[str]:
    """AE titles under which a destination may call us: its own, and those of the peers that have its title or its host."""
    same = _same_archive(section, settings)
    return frozenset(title for one in same for title in one.ae_titles) | ({section.ae_title} if section.ae_title else set())


def _same_archive(section: Section, settings: Settings) -> list[PeerSection]:
    """The peers that have a destination's title or its host."""
    return [one for one in settings.peer if _has_title(one, section.ae_title) or (one.host and one.host == section.host)]


def _has_title(one: PeerSection, ae_title: str | None) -> bool:
    return ae_title is not None and ae_title in (one.ae_title, *one.ae_titles)


def _queried(section: Section, settings: Settings) -> Peer | None:
    """Another door of a destination's archive, which answers queries."""
    doors = [one for one in _same_archive(section, settings) if one.host and one.port and one.ae_title]
    other = [one for one in doors if (one.host, one.port, one.ae_title) != (section.host, section.port, section.ae_title)]
    return next((peer(one, settings) for one in other if one.archive or one.ask != "nothing"), None)


def _tls(settings: Settings) -> SSLContext:
    assert settings.tls is not None
    return client_context(settings.tls)
