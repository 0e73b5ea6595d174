"""Assemble: stored instances to one Exam.

::

    file ── header.read_header ──▶ Header ──(the store keeps it as JSON: header.to_json, from_json)
    headers of a series ── series.summarise ──▶ SeriesSummary: complete? one volume a frame? whose?
    summary ── roles.judge ──▶ Judgement: role, wanted, tracer, and why as a sentence
    judged series ── choice.choose ──▶ Choice: one series a role, why that one, why the others not
    chosen ── identity.conflicts, identity.identity_checks ──▶ one person?
    chosen files, corrections.parse_correction of what a person put right ── read.read_exam ──▶ Exam

A *position* is the place of a slice in LPS mm, *depth* its distance along the normal. A *slice* is one classic image or one frame of a
multi-frame object; a *frame* is a time frame of a PET, but where functional groups are read. Time is the local time of the scanner,
without a zone, as scanners write it.

What each file holds: `parts` and `header` the nouns of one instance, `attributes`, `tags`, `enhanced`, `enhanced_pet` and `names` how they
are read, `slices` the slices of a multi-frame object; `geometry`, `counts` and `series` what a series is; `tables`, `rules`, `tracer` and
`roles` the site's word on series, `exam_rules` its word on exams, `overruling` a person's on either; `choice` and `identity`; `drawings`
who drew a SEG of lesions, and when. Of the reading of pixels and numbers: `stored` opens files; `mr`, `activity` and `lesions` read pixels;
`units` and `body` what values are; `corrections`, `subject` and `injection` who and how much; `decay`, `frames` and `zero` when; `uptake`
the SUV of a cross-check and `chain` all of that with its sources; `pet` and `read` put it together.

Decisions
---------
- **Physics first, names second.** A T1 is a T1 because of its echo, inversion, TR and TE; what a technician called it rules a series out
  at most. We chose so because every site names its series as it likes, instead of lists of names. The rules are data
  (``config/rules.toml``), and a site's own rule, which may name the tracer or a role, always leaves a Check.
- **Two IDs are one only when they are the same characters**, padding apart. Case and leading zeros count, because an ID that a console has
  shortened may be another person's; a person merges what belongs together, and a Check says so. An issuer that is not said fits any, until
  two issuers have given out the ID here: then what does not say its own is held.
- **A rule on exams is data**, and asks one series for all that it says, so that a dry run can show what each rule would have done;
  instead of an expression that can do anything, and of conditions that several series fulfil together by accident.
- **FDG is never guessed away.** A PET is of a TSPO tracer by its code, by its text, or by the site's own rule, in this order; and the
  radionuclide and half-life must fit in any case.
- **Order comes from geometry and time alone.** InstanceNumber, SliceLocation and file names are never asked, because vendors and
  converters fill them as they like. A frame is what shares acquisition time and length; FrameReferenceTime helps where a console wrote
  one time over all frames.
- **A promise is believed only where it can be true** (`counts`). NumberOfTimeSlices counts in dynamic series only (static GE series write
  the number of beds there); a count below what is here counts something else; counts that differ leave nobody sure. A series is *sure*
  by a count, or else as far as is known: gaps show and a missing end does not, and the site's quiet time is for that.
- **Wanted without a role** is our word for a TSPO PET that cannot be used: the radiologist gets a page. What is not wanted is filed with
  its reason, and nobody is disturbed. A PET that was not corrected for attenuation is not wanted, because a corrected one usually follows
  it.
- **The decay reference** is the instant that an attribute names (Enhanced PET, GE and Siemens private), else the series time where it is
  not after the scan, else calculated from the first frame: no single rule is right for every vendor, and this order gave the published
  factor for each of four vendors' headers. Where two ways differ, a Check says so. The calculation prefers DecayFactor to
  FrameReferenceTime, which points at the average of a frame by the standard, at its start in real GE headers, and is 0 in others.
- **Multi-frame objects become slices, then everything is as with classic images.** Classic, Legacy Converted Enhanced and Enhanced PET
  and MR take one path of code from `series.summarise` on, so that a conversion gives the same exam to the last bit, instead of a second
  reader with faults of its own. Enhanced PET has its unit in the real world value mapping, which then gives the values too; a
  concatenation is whole when all its parts are here. Several multi-frame objects are one PET series (one a time frame), but no MR: there
  they are different images. A conversion gives way to the classic series that stands beside it.
- **What a person corrects counts more than the header**, from the dose to time zero, and each correction leaves a Check and its author in
  the chain. SUV that the scanner has divided are multiplied by what the correction changes; where it is not known what the scanner
  divided by, there is no SUV. The header stays as `as_scanned`.
- **The dose and the kinetics have a time each.** A console's time of injection is often that of the dose measurement: right for SUV,
  since dose and time belong together, minutes off as the start of the kinetics. Time zero is a person's word, else the bolus in the head
  where the header cannot be, else the header. We chose to keep the header where the bolus is seen within a minute of it or in its frame
  (our default), because frames are coarser; instead of always taking the frame in which 5 % of the peak is passed. Where the
  first frame is too long to show the arrival, a head that still fills minutes after the injection is told, and nothing is moved.
- **SUV of another kind are turned back** to body weight with the formula of their SUVType, and lose their SUV, but not their ratios,
  where height or sex is missing. Counts per second are refused. Philips' two factors and the two ways to the decay reference are
  compared, and a difference is told with both SUV.
- **A residual is taken off only on evidence**: a person's word, or GE's private count where the total is seen to be the whole syringe.
- **Decay factors of 1 are believed**, as the standard has them, and told prominently with the factor that was added: images alone cannot
  say whether a console corrected and wrote 1 nevertheless. A single frame is never multiplied on that word.
- **What may be repaired is repaired with a Check** (MBq for Bq, grams for kg, cm for m, the day before midnight, frames that were
  corrected to their own start); what would be a guess is refused (`node.errors.DataError`) with what was found and expected, by UID.
- **A grid is even or it is refused.** Slices up to a quarter of a step off are read as if even, with a Check; beyond, or with a gap,
  nothing is resampled in silence.
- **Headers are read from raw bytes** (`attributes`) instead of pydicom's converted values, because a real header with a number of
  seventeen digits or an unknown code must not stop an exam, and because it takes a third of the time.
- **A SEG of lesions** with one segment falls apart into its connected parts; with several, each segment is one lesion, as its maker said.
  Segments of ours that are no lesions (rims, regions, raised signal) are told by our coding scheme, whoever writes the SEG.
- **Of several SEGs a person's counts before a program's, then that drawn last, then that come last**, because a reader who corrects
  twice means the second; and a program that runs again must not undo what a reader drew. Whether a person drew is told from the
  segments' algorithm type, from a named creator, or from our own tracking identifier on another maker's object. A person's SEG without a
  voxel says that there is no lesion; a program's is a fault.
- **A deflated file is never inflated whole for its header** (`inflating`), and for its pixels up to 1 GiB only, because two megabytes may
  become two thousand. UIDs must be digits and dots: they become UIDs of results and names of files.

Not read: colour MR, PET in two units, gated frames at one place and time, FRACTIONAL lesion SEGs; the reason says so each time.
"""
