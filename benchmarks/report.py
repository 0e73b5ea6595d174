"""The record of one exam as a table for people, with a mark at each limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """One row: what it is, the value, the truth beside it where there is one, the limit; `ok` is None where nothing is asked."""

    name: str
    value: str
    beside: str
    limit: str
    ok: bool | None


def lines(record: dict[str, Any]) -> list[Line]:
    """Every row of a record, in the order in which a reader wants them."""
    brain, miss = record["brain"], record["pet_to_t1_mm"]
    rows = [
        _row("brain: grey and white matter inside", brain["parenchyma_inside_percent"], "%", at_least=98.0),
        _row("brain: mask on other tissue", brain["mask_on_other_tissue_percent"], "%", at_most=5.0),
        _row("PET → T1, mean", miss["mean"], "mm", at_most=1.0),
        _row("PET → T1, max", miss["max"], "mm", at_most=2.0),
        *_compared(f"{record['reference']['region']} SUV", record["reference"], "suv_mean"),
    ]
    for name, region in record["regions"].items():
        rows += _compared(f"{name} SUVR", region, "suvr")
    rows += [_lesions(record["lesions"])]
    rows += [
        _row("last image → last result", record["seconds_last_image_to_last_result"], "s", at_most=90.0),
        Line("processor time, all processes", f"{record['cpu_seconds']:.1f} s", "", "", None),
        _row("peak memory, all processes", record["peak_mib"], "MiB", at_most=2048.0),
    ]
    return rows


def holds(record: dict[str, Any]) -> bool:
    """Whether every limit holds."""
    return all(line.ok is not False for line in lines(record))


def table(record: dict[str, Any]) -> str:
    """A record as text."""
    head = [f"{record['exam']}: {record['state']} — {record['reason']}"]
    body = []
    for line in lines(record) if record["state"] == "DELIVERED" else []:
        mark = {True: "✓", False: "✗", None: " "}[line.ok]
        body.append(f"  {mark} {line.name:<38} {line.value:>12}  {line.beside:<28} {line.limit}".rstrip())
    objects = ", ".join(f"{count} × {name}" for name, count in record["objects"].items()) or "nothing"
    tail = [f"    in the PACS: {objects}"]
    if record["checks_failed"]:
        tail.append(f"    checks that did not pass: {', '.join(record['checks_failed'])}")
    return "\n".join(head + body + tail)


def _row(name: str, value: float | None, unit: str, *, at_most: float | None = None, at_least: float | None = None) -> Line:
    limit = f"≤ {at_most:g} {unit}" if at_most is not None else f"≥ {at_least:g} {unit}"
    if value is None:
        return Line(name, "–", "", limit, False)
    ok = value <= at_most if at_most is not None else at_least is not None and value >= at_least
    return Line(name, f"{value:.2f} {unit}", "", limit, ok)


def _compared(name: str, values: dict[str, Any], key: str) -> list[Line]:
    if values[key] is None:
        return [Line(name, "–", "", "", False)]
    rows = []
    for what, known, bias, limit in (
        ("own mask", values["own_mask_truth"], values["own_mask_bias_percent"], 1.5),
        ("true region", values["truth"], values["bias_percent"], 5.0),
    ):
        beside = f"{what} {known:.4f}: {bias:+.2f} %"
        rows.append(Line(name, f"{values[key]:.4f}", beside, f"≤ {limit:g} %", abs(bias) <= limit))
    return rows


def _lesions(values: dict[str, Any]) -> Line:
    dice = "–" if values["dice"] is None else f"{values['dice']:.2f}"
    pacs = "" if values.get("dice_in_pacs") is None else f", in the PACS {values['dice_in_pacs']:.2f}"
    found = f"{values['hit']} of {values['true']} hit, {values['false']} false, Dice {dice}{pacs}"
    return Line("lesions", f"{values['found']} found", found, "", None)
