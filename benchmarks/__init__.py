"""Outside judges: what the node claims of numbers, speed, memory and standing up again, measured by programs that share no code with it.

Each script prints what was found beside the truth, the limit or the peer, and ends with 1 where a claim does not hold:

- `exam_accuracy`: a whole exam by C-STORE, its results in an Orthanc, the numbers beside the known truth;
- `kill`: the node killed at awkward moments; every result accepted once, with one digest;
- `conformance`: dciodvfy, dcentvfy and dcmqi on the objects in a folder.

The other modules are the harness, which the acceptance tests use too: `peers` (DCMTK, Orthanc), `pacs` (a PACS that counts),
`running` (a node of our own settings, started, watched and killed), `truth` (a known exam and the comparison with it),
`images` (other people's image files), `report` (the table).

Decisions
---------
Time and memory are taken from outside (the PACS's count, the kernel's PSS), because a node that measures itself leaves out what it
does not see; instead of the node's own events.

Nothing here imports `node.quantify` or `node.align`: what is judged would be the judge. The artefacts are read through
`node.workflow.artefacts` and the nouns, because a second reader of that format would only test itself.
"""
