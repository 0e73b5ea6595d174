"""The TSPO genotype rs6971: what it lets a result say.

High-, mixed- and low-affinity binders (HAB, MAB, LAB) take up a second-generation tracer differently for reasons that are no disease
(Owen et al., J Cereb Blood Flow Metab 32:1, 2012). A ratio within one person keeps its order, not its size.
"""

from __future__ import annotations

from node.domain.exam import Check, Gravity, Subject
from node.domain.tracer import TracerProfile
from node.errors import DataError


def judge_genotype(subject: Subject, tracer: TracerProfile) -> Check:
    """What the genotype means for this exam.

    Raises
    ------
    DataError : a low-affinity binder, with a tracer whose image then says nothing
    """
    known = subject.genotype
    if known == "LAB" and not tracer.lab_interpretable:
        raise DataError(
            f"not interpretable: the TSPO genotype is LAB ({subject.genotype_source or 'source not told'}), and {tracer.name} hardly binds "
            "in low-affinity binders; expected HAB or MAB"
        )
    if not tracer.genotype_sensitive:
        return Check("genotype", True, f"{tracer.name} depends little on the TSPO genotype ({known or 'not known'}).", Gravity.NOTE)
    if known is None:
        return Check(
            "genotype",
            False,
            f"The TSPO genotype (rs6971) is not known, and {tracer.name} depends on it: absolute uptake is not to be compared with other "
            "people's; change within this person may be.",
        )
    told = f"TSPO genotype {known} ({subject.genotype_source or 'source not told'}): to be compared with {known} alone."
    return Check("genotype", known != "LAB", told, Gravity.WARNING if known == "LAB" else Gravity.NOTE)
