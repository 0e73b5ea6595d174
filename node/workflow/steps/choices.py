"""The site's choices as the verbs take them: from the settings to the options of segment, quantify and encode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node import settings as settings_module
from node.settings import Settings
from node.workflow.store.rows import ExamRow

if TYPE_CHECKING:
    from node.encode import EncodeOptions
    from node.quantify import QuantifyOptions
    from node.segment import LesionProgram, SiteAtlas


def settings_for(settings: Settings, exam: ExamRow) -> Settings:
    """The settings of one exam: the site's, with what the protocol says otherwise that its plan has kept.

    Raises
    ------
    SettingsError : the protocol fits the rest of [analysis] no longer
    """
    protocol = (exam.plan or {}).get("protocol")
    return settings if protocol is None else settings_module.with_overrides(settings, protocol["overrides"])


def lesion_program(settings: Settings) -> LesionProgram | None:
    """The site's own program that draws lesions."""
    from node.segment import LesionProgram

    said = settings.analysis
    if not said.lesion_program:
        return None
    return LesionProgram(
        words=said.lesion_program,
        timeout_s=said.lesion_program_timeout_s,
        memory_mib=said.lesion_program_memory_mib,
        name=said.lesion_program_name,
        version=said.lesion_program_version,
    )


def site_atlas(settings: Settings) -> SiteAtlas | None:
    """The site's own label atlas.

    Raises
    ------
    SettingsError : image or table are not as BIDS has them
    """
    from node.segment import read_atlas

    return None if settings.analysis.atlas is None else read_atlas(settings.analysis.atlas)


def quantify_options(settings: Settings) -> QuantifyOptions:
    """What [analysis] says of the numbers.

    Raises
    ------
    SettingsError : a file that it names is wrong
    """
    from node.quantify import QuantifyOptions

    analysis = settings.analysis
    return QuantifyOptions(
        scanners=settings_module.scanners(analysis.scanners),
        reference=analysis.reference,
        svca_classes=analysis.svca_classes,
        maps=analysis.maps,
        partial_volume=analysis.partial_volume,
    )


def encode_options(settings: Settings) -> EncodeOptions:
    """What [analysis] says of the objects, and which of them any destination wants."""
    from node.encode import EncodeOptions

    analysis = settings.analysis
    return EncodeOptions(
        reading=analysis.reading,
        physicist_page=analysis.physicist_page,
        device_serial_number=settings.node.ae_title,
        seg_form=analysis.seg_form,
        language=analysis.language,
        objects=settings.wanted,
    )
