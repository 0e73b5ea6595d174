"""A synthetic head with scalp and lesions, its MR and its PET with known truth, as DICOM: demo, self-test and tests use it.

``exam.write_exam(folder, options)`` writes ``dicom/{PET,MR_T1,MR_FLAIR}`` and ``truth/``; ``options.SimulationOptions`` says what is
wanted, and what is to be wrong with it; ``options.small_options`` and ``options.dynamic_options`` are quick;
``options.Stage`` makes later visits of the same head; ``whole_body.write_whole_body_fdg`` makes what is no exam.

The files beside it, in the order of work: ``head`` (tissue in template space), ``lesions``, ``warp`` (an individual, the grids, the
poses), ``appearance`` (T1 and FLAIR), ``anatomy`` (labels on the MR grid), ``kinetics`` (time courses), ``uptake`` (PET), ``headers``,
``mr_series``, ``pet_series``, ``truth`` with ``truth_regions`` and ``truth_table``. ``pacs`` is a small PACS for the demo.

Everything follows from the options: the same options give the same bytes, and other options other UIDs.

Decisions
---------
We chose to draw the head in template space, by rules that can be read, and then to bend it at random; instead of shipping a labelled
head, which would bring megabytes and a licence. The brain is the average of 152 people, so its sulci are shallow: it proves that the
numbers are right, not that the node finds its way in every head. For that there are real images.

We chose to blur on the MR grid and to take the truth "after the scanner" from the very PET that is written, before its noise; instead
of a formula, since what the node measures can then be compared voxel by voxel.

We chose not to erode by half voxels: "eroded by 1 mm" drops voxels whose middle lies within 1 mm of the middle of one outside, as the
node does it; on a 2 mm grid that drops none.

We chose to give the truth of thick 2-D MR on the grid of a 3-D one in the same frame of reference; instead of on slices on which a rim
of 2 mm cannot be drawn. In a moving head, the truth is in the mean pose of the late window.

What is not real: uptake is constant in a class but for a smooth variation; no vessels but the large sinuses; a Gaussian point spread
that is the same everywhere; noise is Gaussian with Poisson-like variance; the head lies still but for the nods that are asked for,
which fall between two frames. Distribution volume ratios are invented.
"""
