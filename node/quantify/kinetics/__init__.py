"""Kinetic models of a dynamic scan with a reference curve: maps, fits of single curves, and what both rest on.

*T* is a tissue's curve, *R* the reference's, both frame means, decay-corrected to one instant; *k2′* the reference's efflux constant; *DVR*
the distribution volume ratio, 1 + BP_ND; *R1* the relative delivery; *t\\** the time from which a plot is straight. Seconds and 1/s inside.

One method a file, named by method, author and year: `logan`, `mrtm2` (with `mrtm` for single curves), `srtm`, `srtm2`, `zhou`. They
take curves frame-first, (F, ...), as a `Volume` holds them, and give small records of arrays (...), NaN where there is no answer. Under
them: `frames` (integrals, weights, which frames count), `voxels` (chunks), `basis` and `search` (SRTM). Beside them: `estimate_k2_ref`,
`t_star_check`, `regional_fits`.

Use: `frame_weights` once → `estimate_k2_ref` on the curves of regions → `logan` / `mrtm2` on the frames → `t_star_check` on the
NAWM → `regional_fits` for the page.

Decisions
---------
We chose to fit means over frames with means over frames of the integrals, because every model here is linear in curves and their
integrals and therefore holds for such means exactly; instead of integrals up to mid-frame beside the mean of the frame, which differ by
a twelfth of the frame's length squared times the slope. On noise-free curves that takes the error of Logan and MRTM2 from 0.1 % to 0.01 %,
and that of k2′ from 1 % to 0.1 %, and noise has no more effect than before.

We chose k2′ per person from MRTM over the frames after 3 min, because earlier ones hold blood and later ones alone hardly determine R1
and k2′; a scan on which no region gives it is refused, instead of a default, which would be somebody else's. SRTM and Zhou's form need
none.

We chose MRTM2 for maps, because dividing by a noisy T biases Logan's slope; Logan stands beside it for comparison with the literature.

We chose basis functions averaged over frames and a search over all of them, because it cannot stop in a local minimum; instead of a
non-linear fit a voxel, which can and is far slower. Between two basis functions k2a is found by parabolas.

What no reference model can do: the tracers of TSPO need two tissue compartments, in the reference too. On simulated curves with two, MRTM2
and Logan at t* 30 min read a slowly fed white matter 2 % ([11C]PK11195-like rates) to 8 % ([11C]PBR28-like) too low, and the thalamus
0.5 to 3 %; SRTM and Zhou, which use the early frames, read white matter 4 to 11 % too low (`benchmarks/kinetics.py`).

The matrices are small and the chunks fit a core's cache: one thread of BLAS is best. With more on a busy machine, threads that wait for
each other made SRTM several times slower (OPENBLAS_NUM_THREADS=1 where the process starts).

Every function takes `weights` and the caller decides: a default would be a silent choice.
"""

from __future__ import annotations

from node.quantify.kinetics.frames import LATEST_START_S, frame_weights
from node.quantify.kinetics.k2_ref import K2Ref, estimate_k2_ref
from node.quantify.kinetics.logan_1996 import LoganFit, logan
from node.quantify.kinetics.mrtm_ichise_2003 import Mrtm2Fit, MrtmFit, mrtm, mrtm2
from node.quantify.kinetics.regional import regional_fits
from node.quantify.kinetics.srtm2_wu_carson_2002 import srtm2
from node.quantify.kinetics.srtm_gunn_1997 import SrtmFit, srtm
from node.quantify.kinetics.t_star import TStarCheck, t_star_check
from node.quantify.kinetics.zhou_2003 import ZhouFit, zhou

__all__ = [
    "K2Ref",
    "LATEST_START_S",
    "LoganFit",
    "Mrtm2Fit",
    "MrtmFit",
    "SrtmFit",
    "TStarCheck",
    "ZhouFit",
    "estimate_k2_ref",
    "frame_weights",
    "logan",
    "mrtm",
    "mrtm2",
    "regional_fits",
    "srtm",
    "srtm2",
    "t_star_check",
    "zhou",
]
