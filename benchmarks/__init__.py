"""Outside judges: what the node claims of numbers, speed, memory and standing up again, measured by programs that share no code with it.

Each script prints what was found beside the truth, the limit or the peer, and ends with 1 where a claim does not hold:

- `exam_accuracy`: a whole exam by C-STORE, its results in an Orthanc, the numbers beside the known truth;
- `ingest`: images taken a second, beside pynetdicom, Orthanc and DCMTK, and what memory large ones take;
- `kill`: the node killed at awkward moments; every result accepted once, with one digest;
- `conformance`: dciodvfy, dcentvfy and dcmqi on the objects in a folder;
- `many_lesions`: hundreds of simulated lesions, found and phenotyped, with intervals;
- `pipeline`: the same exam by ANTsPy and NiftyPAD, time and accuracy beside ours.

The other modules are the harness, which the acceptance tests use too: `peers` (DCMTK, Orthanc), `pacs` (a PACS that counts),
`running` (a node of our own settings, started, watched and killed), `in_process` (the verbs without network and store), `truth` and
`lesion_truth` (a known exam), `comparison` (what the verbs made beside it), `images` (other people's image files), `report` (limits and
table). Scripts of single rooms (kinetics, alignment, atlas, lesions of one real case) say in their own docstring what they are.

Decisions
---------
Time and memory are taken from outside (the PACS's count, the kernel's PSS), because a node that measures itself leaves out what it
does not see; instead of the node's own events.

No judge imports `node.quantify` or `node.align`: what is judged would be the judge. `in_process` does, to run them. The artefacts are
read through `node.workflow.artefacts` and the nouns, because a second reader of that format would only test itself.
"""
