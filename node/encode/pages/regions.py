"""Page 3, regions and atrophy: TSPO signal by region on the left, volumes and lesions by zone on the right."""

from __future__ import annotations

from collections.abc import Sequence

from node.encode.canvas import GUTTER, Box, Canvas
from node.encode.flow import Section
from node.encode.material import Material
from node.encode.page import BODY_BOTTOM, BODY_TOP, LEFT, REGIONS, RIGHT, start_page
from node.encode.pages.signal_table import signal_sections
from node.encode.pages.spread import fill_whole
from node.encode.pages.volume_table import load_section, volume_section

SIGNAL_WIDTH = 970


def draw_regions(material: Material) -> list[Canvas]:
    """The pages, still without their feet: one, and more where words are long or a site's own atlas adds regions."""
    left: Sequence[Section] = signal_sections(material)
    right: Sequence[Section] = (volume_section(material), load_section(material))
    pages = []
    while left or right:
        page = start_page(material, REGIONS)
        left = fill_whole(page, Box(LEFT, BODY_TOP, LEFT + SIGNAL_WIDTH, BODY_BOTTOM), left)
        right = fill_whole(page, Box(LEFT + SIGNAL_WIDTH + GUTTER, BODY_TOP, RIGHT, BODY_BOTTOM), right)
        pages.append(page)
    return pages
