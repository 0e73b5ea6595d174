"""What the worker cannot read or must not believe is quarantined, and costs no other image."""

from __future__ import annotations

from pathlib import Path

from small_site import small_site

from node.workflow.store.snapshot import Snapshot
from tests.assemble.assemble_dicom import mr_series


def test_an_image_that_is_another_than_was_announced_is_quarantined(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    first, second, *rest = mr_series()
    site.receive([first, second, *rest])
    storage = site.settings.node.storage
    (storage / f"{first.SOPInstanceUID}.dcm").write_bytes((storage / f"{second.SOPInstanceUID}.dcm").read_bytes())
    site.settle()

    (row,) = Snapshot(storage).quarantined()
    assert row.sop_instance_uid == first.SOPInstanceUID
    assert row.reason == f"expected instance {first.SOPInstanceUID}, as it was sent; found {second.SOPInstanceUID} in the data set"
    assert site.store.register.counts()["unreadable"] == 1
    assert len(site.store.register.instances_of(second.SeriesInstanceUID)) == len(rest) + 1


def test_a_file_that_cannot_be_read_is_quarantined_and_the_others_are_read(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    datasets = mr_series()
    site.receive(datasets)
    (site.settings.node.storage / f"{datasets[0].SOPInstanceUID}.dcm").write_bytes(b"torn")
    site.settle()

    (row,) = Snapshot(site.settings.node.storage).quarantined()
    assert (row.kind, row.sop_instance_uid) == ("unreadable", datasets[0].SOPInstanceUID)
    assert site.store.register.unread(10) == ()
    assert len(site.store.register.instances_of(datasets[1].SeriesInstanceUID)) == len(datasets) - 1
