"""The brain template, and the region definitions that are drawn in its space.

`load_template` gives the skull-stripped T1 average and the grey and white matter probability maps of ICBM 152 (2009a, nonlinear,
symmetric, 1 mm), LPS mm. `regions.level_mm` says how far inside a structure a point of its space lies, `lobes.nearest_lobe` to which lobe
it belongs; both are a few kilobytes of numbers in ``regions.json``.

Decisions
---------
We chose to read the three NIfTI files where they lie in nilearn's wheel, because that is the one kept and licence-clean copy on the
package index, and because a template that is downloaded at run time is missing in a hospital; instead of importing nilearn, which
takes seconds and a quarter of the memory, or copying the files here. A site may name a folder of its own.

Licence of the template
-----------------------
Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill University.
Permission to use, copy, modify, and distribute this software and its documentation for any purpose and without fee is hereby
granted, provided that the above copyright notice appear in all copies. The authors and McGill University make no representations
about the suitability of this software for any purpose. It is provided "as is" without express or implied warranty. The authors are
not responsible for any data loss, equipment damage, property loss, or injury to subjects or patients resulting from the use or
misuse of this software package.

References: Fonov et al., NeuroImage 54:313 (2011); Fonov et al., NeuroImage 47 Suppl. 1:S102 (2009).
"""
