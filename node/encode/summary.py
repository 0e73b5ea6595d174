"""The summary: the pages that a radiologist reads, first the answer, then what stands behind it.

Each page is a file of `pages`: a function from the material to the pages that it needs, none where an exam has nothing to show on it. What
has no room on the first page is said on the page Quality.
"""

from __future__ import annotations

from collections.abc import Callable

from node.encode.canvas import Canvas
from node.encode.capture import write_pages
from node.encode.material import Material, once
from node.encode.objects import Encoded, Kind
from node.encode.page import NO_FREE_REGION, close_pages
from node.encode.pages.answer import draw_answer
from node.encode.pages.change import draw_change
from node.encode.pages.lesions import draw_lesions
from node.encode.pages.quality import draw_quality
from node.encode.pages.regions import draw_regions

PAGES: tuple[Callable[[Material], list[Canvas]], ...] = (draw_answer, draw_lesions, draw_regions, draw_change, draw_quality)
"""The pages in the order in which they are read."""


def encode_summary(material: Material) -> tuple[Encoded, ...]:
    """The summary's pages as secondary captures in the PET's study: one series, a page an instance, its title in Image Comments."""
    return write_pages(summary_pages(material), Kind.SUMMARY, material, description="RESEARCH TSPO signal summary")


@once
def summary_pages(material: Material) -> tuple[Canvas, ...]:
    """The pages with their feet, drawn once for screen and print."""
    pages = draw_summary(material)
    close_pages(pages, material.result.provenance, remark=NO_FREE_REGION)
    return tuple(pages)


def draw_summary(material: Material) -> list[Canvas]:
    """The pages, still without their feet."""
    return [page for draw in PAGES for page in draw(material)]
