"""The limits of one exam as a table, and the record of an exam as text for people, with a mark at each limit.

What has a limit and is not there fails it, and says "absent".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limit:
    """What is asked of one number: at most `most`, or at least `least`; of a bias, its size. Without either it is only shown."""

    unit: str
    most: float | None = None
    least: float | None = None
    digits: int = 2

    def holds(self, value: float) -> bool | None:
        """Whether a value lies within; None where nothing is asked."""
        if self.most is not None:
            return abs(value) <= self.most
        return None if self.least is None else value >= self.least

    def __str__(self) -> str:
        if self.most is None and self.least is None:
            return ""
        sign, bound = ("≤", self.most) if self.most is not None else ("≥", self.least)
        return f"{sign} {bound:g} {self.unit}".rstrip()


LIMITS = {
    "brain_inside": Limit("%", least=98.0),
    "brain_elsewhere": Limit("%", most=5.0),
    "pet_to_t1_3d": Limit("mm", most=0.5),
    "pet_to_t1_2d": Limit("mm", most=0.8),
    "pet_to_t1_max": Limit("mm", most=2.0),
    "frame_motion": Limit("mm", most=0.5),
    "own_mask": Limit("%", most=1.0),
    "true_region": Limit("%", most=4.0),
    "lesions_detected": Limit("%", least=80.0, digits=0),
    "lesions_false": Limit("per true", most=0.3),
    "phenotype_right": Limit("%", least=85.0, digits=0),
    "rim_called_overall": Limit("", most=0.0, digits=0),
    "dice_cerebellum": Limit("", least=0.90),
    "dice_thalamus": Limit("", least=0.80),
    "dice_brainstem": Limit("", least=0.85),
    "seconds_static": Limit("s", most=60.0, digits=0),
    "seconds_dynamic": Limit("s", most=150.0, digits=0),
    "peak": Limit("MiB", most=2048.0, digits=0),
}
"""Every limit of an exam, by name. *own mask* and *true region* hold for SUVR and DVR alike, the former for each region of at least
`SMALLEST_ML`, the latter for those of `truth.REGIONS`."""

SMALLEST_ML = 2.0
SHOWN = Limit("")


@dataclass(frozen=True)
class Line:
    """One row: what it is, the value, what is beside it, the limit; `ok` is None where nothing is asked."""

    name: str
    value: str
    beside: str
    limit: str
    ok: bool | None


def lines(record: dict[str, Any]) -> list[Line]:
    """Every row of a record, in the order in which a reader wants them."""
    return [
        *_geometry(record),
        *_biases("SUV of the reference", "suv_mean", record["reference"], asked=True),
        *_values(record, "suvr"),
        *(_values(record, "dvr") if record["dynamic"] else []),
        *_kinetics(record),
        *_shapes(record["dice"]),
        *_lesions(record["lesions"]),
        *_phenotypes(record["phenotypes"]),
        *_costs(record),
    ]


def holds(record: dict[str, Any]) -> bool:
    """Whether every limit holds."""
    return all(line.ok is not False for line in lines(record))


def table(record: dict[str, Any]) -> str:
    """A record as text."""
    head = [f"{record['exam']}: {record['state']} — {record['reason']}", f"    {_setting(record)}"]
    body = []
    rows = lines(record) if record["state"] == "DELIVERED" else []
    for line in rows:
        mark = {True: "✓", False: "✗", None: " "}[line.ok]
        body.append(f"  {mark} {line.name:<40} {line.value:>14}  {line.limit:<20} {line.beside}".rstrip())
    asked = [line for line in rows if line.ok is not None]
    tail = [f"    {sum(1 for line in asked if line.ok)} of {len(asked)} limits hold"] if rows else []
    objects = ", ".join(f"{count} × {name}" for name, count in record["objects"].items()) or "nothing"
    tail.append(f"    in the PACS: {objects}")
    if record["checks_failed"]:
        tail.append(f"    checks that did not pass: {', '.join(record['checks_failed'])}")
    return "\n".join(head + body + tail)


def _setting(record: dict[str, Any]) -> str:
    scanner = record["scanner"]
    psf = "the camera's point spread is not told to the node" if scanner is None else f"the node knows the camera: {scanner}"
    return f"{'dynamic' if record['dynamic'] else 'static'} PET, {record['t1_is'] or '–'} T1; {psf}"


def _row(name: str, value: float | None, limit: Limit, beside: str = "") -> Line:
    if value is None:
        asked = bool(str(limit))
        return Line(name, "absent", beside, str(limit), False if asked else None)
    return Line(name, f"{value:.{limit.digits}f} {limit.unit}".rstrip(), beside, str(limit), limit.holds(value))


def _geometry(record: dict[str, Any]) -> Iterator[Line]:
    brain, miss, motion = record["brain"], record["pet_to_t1_mm"], record["frame_motion_mm"]
    yield _row("brain: grey and white matter inside", brain["parenchyma_inside_percent"], LIMITS["brain_inside"])
    yield _row("brain: mask on other tissue", brain["mask_on_other_tissue_percent"], LIMITS["brain_elsewhere"])
    yield _row("PET → T1, mean", miss["mean"], LIMITS["pet_to_t1_2d" if record["t1_is"] == "2-D" else "pet_to_t1_3d"])
    yield _row("PET → T1, max", miss["max"], LIMITS["pet_to_t1_max"])
    beside = ""
    if motion["worst"] is not None:
        beside = f"mean {motion['mean']:.2f}, all frames {motion['worst_of_all']:.2f}; the head truly moved {motion['moved']:.1f} mm"
    yield _row(f"frame motion left, worst of {motion['frames']} frames", motion["worst"], LIMITS["frame_motion"], beside)


def _values(record: dict[str, Any], key: str) -> Iterator[Line]:
    """Rows of one quantity, a region after the other."""
    regions = {name: region for name, region in record["regions" if key == "suvr" else "dvr_regions"].items() if region}
    if not regions:
        yield _row(key.upper(), None, LIMITS["own_mask"])
    others = {name: region for name, region in regions.items() if not region["judged"] and region["bias_percent"] is None}
    for name, region in regions.items():
        if name not in others:
            yield from _biases(f"{key.upper()} {name}", key, region, asked=region["judged"])
    yield from _worst(key, {name: region for name, region in others.items() if region["volume_ml"] >= SMALLEST_ML})


def _worst(key: str, regions: dict[str, Any]) -> Iterator[Line]:
    """One row for the regions that the truth does not have: the worst of them over its own mask."""
    if regions:
        name = max(regions, key=lambda name: abs(regions[name]["own_mask_bias_percent"]))
        within = sum(1 for region in regions.values() if LIMITS["own_mask"].holds(region["own_mask_bias_percent"]))
        beside = f"the worst, {name}; {within} of {len(regions)} regions are within"
        yield _row(f"{key.upper()} further regions: own mask", regions[name]["own_mask_bias_percent"], LIMITS["own_mask"], beside)


def _biases(name: str, key: str, values: dict[str, Any], *, asked: bool) -> Iterator[Line]:
    """Own mask, and true region where there is one. A region that is too small, or whose true region is drawn otherwise, is only shown."""
    if values[key] is None:
        yield _row(name, None, LIMITS["own_mask"])
        return
    large = values.get("volume_ml") is None or values["volume_ml"] >= SMALLEST_ML
    own = f"{values[key]:.4f}, over its own mask {values['own_mask_truth']:.4f}"
    yield _row(f"{name}: own mask", values["own_mask_bias_percent"], LIMITS["own_mask"] if large else Limit("%"), own)
    if values["bias_percent"] is not None:
        beside = f"true region {values['truth']:.4f}"
        yield _row(f"{name}: true region", values["bias_percent"], LIMITS["true_region"] if asked else Limit("%"), beside)


def _kinetics(record: dict[str, Any]) -> Iterator[Line]:
    kinetics = record["kinetics"]
    if kinetics is not None:
        beside = f"truth {kinetics['truth_per_min']}; {kinetics['k2_ref_basis']}; reference: {kinetics['reference']}"
        yield _row("k2', 1/min", kinetics["k2_ref_per_min"], Limit("", digits=4), beside)
        yield Line("DVR by", "", kinetics["dvr_method"], "", None)


def _shapes(dice: dict[str, float | None]) -> Iterator[Line]:
    for name, value in dice.items():
        yield _row(f"Dice of {name}", value, LIMITS.get(f"dice_{name}", SHOWN))


def _lesions(values: dict[str, Any]) -> Iterator[Line]:
    of = f"{values['detected']} of {values['judged']} of at least 0.1 mL"
    none = values["judged"] == 0
    detected, false = (SHOWN, SHOWN) if none else (LIMITS["lesions_detected"], LIMITS["lesions_false"])
    yield _row("lesions detected", values["detected_percent"], detected, of)
    yield _row("lesions found that are false", values["false_per_true"], false, f"{values['judged_false']} of at least 0.1 mL")
    dice = "–" if values["dice"] is None else f"{values['dice']:.2f}"
    pacs = "" if values.get("dice_in_pacs") is None else f", in the PACS {values['dice_in_pacs']:.2f}"
    beside = f"{values['hit']} of {values['true']} touched, {values['false']} touch none, Dice {dice}{pacs}"
    yield Line("lesions of any size", f"{values['found']} found", beside, "", None)


def _phenotypes(values: dict[str, Any]) -> Iterator[Line]:
    if not values["given"]:
        yield _row("phenotype", None, LIMITS["phenotype_right"], "no lesion carries one")
        return
    beside = f"{values['right']} of {values['callable']} callable, of {values['matched']} matched"
    asked = LIMITS["phenotype_right"] if values["callable"] else Limit("%")
    yield _row("phenotype right", values["right_percent"], asked, beside)
    yield _row("rim-active called overall-active, surely", values["rim_called_overall"], LIMITS["rim_called_overall"])
    for true, row in values["confusion"].items():
        yield Line(f"  truly {true}", "", ", ".join(f"{n} {call}" for call, n in row.items()), "", None)


def _costs(record: dict[str, Any]) -> Iterator[Line]:
    limit = LIMITS["seconds_dynamic" if record["dynamic"] else "seconds_static"]
    yield _row("last image → last result", record["seconds_last_image_to_last_result"], limit)
    yield Line("processor time, all processes", f"{record['cpu_seconds']:.1f} s", "", "", None)
    yield _row("peak memory, all processes", record["peak_mib"], LIMITS["peak"])
