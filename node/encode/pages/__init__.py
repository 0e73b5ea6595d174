"""The pages that a radiologist reads, in the order in which they are asked for.

=================  ==========================================================================================================
`answer`           page 1: the answer in sentences, the large numbers, three planes, the quality light, how it was measured
`lesions`          a row for each lesion: MR and map in small, place, volume, core and rim, phenotype, fate since the visit
`regions`          every region with its norm, and the volumes; where an exam has them
`change`           what has changed since earlier visits, as plots; where there is one
`quality`          images on each other, motion, every check in words, what page 1 had no room for
=================  ==========================================================================================================

Each gives the pages that it needs, none where an exam has nothing for it; `node.encode.summary.PAGES` joins them into one series. The other
files are parts of a page. The frame, with patient, scan, title, research use and foot, is `node.encode.page`.

Decisions
---------
- **Page 1 answers in three layers**: a sentence or two in large letters that a stranger can repeat after ten seconds; below it the
  sentence to copy into a report; below that four numbers, each with what it is compared with in words. We chose this instead of the whole
  table of regions, which has a page of its own.
- **The light is three lamps with a sign and a word**, so that neither a colour-blind reader nor a grey print loses it. It is green where
  only notes failed, amber where a warning did, red where a check failed that holds an exam: such an exam is only here because a person
  released it, and a banner above everything says so. The banner stands for a warning too where that makes a number of the page doubtful;
  not for an unknown genotype without a norm, nor for what the SUV alone needs. We chose that since most exams have such a warning, and a
  banner that always stands is not read; the lamp is amber all the same, with the sentence beside it.
- **Without a norm a number is told against the patient's own NAWM**, as above, like or below it, from two robust standard deviations on.
  This is called a contrast, with its limits printed below, never a z-score.
- **A lesion has two pictures**, the MR without and with the map, because the map hides what the reader knows the lesion by. They are
  axial whatever the acquisition was, so that they can be compared.
- **Lesions stand by phenotype, rim-active first, then by volume**, since the question is which of them smoulder; their numbers are those
  of the SEG and of earlier visits. They stand in three columns, twenty to a page, instead of a table as wide as the page, of which ten
  fit: a reader compares lesions without leafing. Pages are filled evenly, so that none holds two rows alone.
- **An exam without lesions has no page of them**: page 1 says "none found" or "not assessed", and why.
- **Pages name each other by title, not by number**, because numbers shift with what an exam has.
- **Nothing is cut, and nothing told twice**: what a box cannot hold is counted there, and stands whole on the page Quality; what page 1
  holds whole does not stand there again. No word of a table is broken: columns grow by what others spare (`flow.fitted`).
- **Where a number lies is drawn as a strip of one shape**, the range in its middle third, instead of on an axis for each quantity: the eye
  runs down the column. A filled range is that of healthy people, and what lies outside is coloured; a frame is the spread of the patient's
  own NAWM, outside which grey matter may well lie, and nothing is coloured.
- **No page computes a number that the report does not hold**: volumes, shares, asymmetry and lesions by zone are findings. Atrophy of one
  person is shown and not judged (quantification section F).
- **Change is drawn over real dates, like joined to like**; an unlike visit stands apart, hollow, with a letter and its reason, instead of
  being left out. The plots stand in one row, so that tables and the list of lesions have room below. The axis reaches a tenth beyond the
  values, so that one per cent never fills a plot, and the band is the published repeatability, or there is none. No change of one lesion
  is judged.
- **Alignment is judged on outlines**: the T1's on the PET and the FLAIR, the PET's on the T1, in the same three planes through the middle
  of the brain in every exam, instead of a blend, in which 3 mm cannot be seen. The PET is black on white, as its readers know it.
- **A check that passed is told by its own sentence**, which says what was found and what was expected; the numbers follow only where it
  does not.
"""
