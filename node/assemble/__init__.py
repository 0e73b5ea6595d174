"""Assemble: stored instances to one Exam.

::

    file ── header.read_header ──▶ Header ──(the store keeps it as JSON: header.to_json, from_json)
    headers of a series ── series.summarise ──▶ SeriesSummary: complete? one volume a frame? whose?
    summary ── roles.judge ──▶ Judgement: role, wanted, tracer, and why as a sentence
    judged series ── choice.choose ──▶ Choice: one series a role, why that one, why the others not
    chosen ── identity.conflicts, identity.identity_checks ──▶ one person?
    chosen files ── read.read_exam ──▶ Exam

A *position* is the place of a slice in LPS mm, *depth* its distance along the normal. A *frame* is a time frame of a PET, never a frame
of a multi-frame object. Time is the local time of the scanner, without a zone, as scanners write it.

What each file holds: `parts` and `header` the nouns of one instance, `attributes`, `tags`, `enhanced` and `names` how they are read;
`geometry` and `series` what a series is; `tables`, `rules`, `tracer` and `roles` the site's word; `choice` and `identity`; `stored`, `mr`,
`pet`, `decay`, `injection`, `frames` and `lesions` the reading of pixels and numbers; `read` all of it.

Decisions
---------
- **Physics first, names second.** A T1 is a T1 because of its echo, inversion, TR and TE; what a technician called it rules a series
  out at most. We chose so because every site names its series as it likes, instead of lists of names. The rules are data
  (``config/rules.toml``), and a site's own rule, which may name the tracer or a role, always leaves a Check.
- **FDG is never guessed away.** A PET is of a TSPO tracer by its code, by its text, or by the site's own rule, in this order; and the
  radionuclide and half-life must fit in any case.
- **Order comes from geometry and time alone.** InstanceNumber, SliceLocation and file names are never asked, because vendors and
  converters fill them as they like. A frame is what shares acquisition time and length; FrameReferenceTime helps where a console
  wrote one time over all frames.
- **A promise is believed only where the standard makes it.** NumberOfTimeSlices counts in dynamic series only (static GE series write the
  number of beds there); MR headers promise nothing, so that gaps show and a missing end does not: the site's quiet time and deadline are
  for that.
- **Wanted without a role** is our word for a TSPO PET that cannot be used: the radiologist gets a page. What is not wanted is filed
  with its reason, and nobody is disturbed. A PET that was not corrected for attenuation is not wanted, because a corrected one usually
  follows it.
- **The decay reference** is the vendor's private instant, else the series time where it is not after the scan, else calculated from the
  first frame: no single rule is right for every vendor, and this order gave the published factor for each of four vendors' headers.
  Where two ways differ, a Check says so.
- **What may be repaired is repaired with a Check** (MBq for Bq, grams for kg, cm for m, the day before midnight, frames that were
  corrected to their own start); what would be a guess is refused (`node.errors.DataError`) with what was found and expected, by UID.
- **A grid is even or it is refused.** Slices up to a quarter of a step off are read as if even, with a Check; beyond, or with a gap,
  nothing is resampled in silence.
- **Headers are read from raw bytes** (`attributes`) instead of pydicom's converted values, because a real header with a number of
  seventeen digits or an unknown code must not stop an exam, and because it takes a third of the time.
- **A SEG of lesions** with one segment falls apart into its connected parts; with several, each segment is one lesion, as its maker said.

Enhanced multi-frame MR is read; enhanced and legacy converted enhanced PET is not yet, and the reason says so.
"""
