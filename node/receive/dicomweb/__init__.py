"""The web port: STOW-RS for images, QIDO-RS and WADO-RS of our own results (PS3.18).

A request passes `gate` (whose token, how many at a time, what is logged), `service` finds its route, and one of three services answers:
`stow` hands a body piece by piece to `stowing`, which takes it apart (`node.multipart`, `node.part10`, `study`) and streams each instance
into the inlet; `qido` searches the `index` of our results (`matching`, `attributes`); `wado` gives out their files (`frames`). `server` is
the port.

Decisions
---------
*The same inlet as C-STORE, and the same answers.* A part is answered as stored when its journal record is durable, not before; what
C-STORE refuses with a status is refused here with the same number as Failure Reason (`node.receive.statuses`). What was stored stays
stored when the request goes wrong later: the answer says which, and sending it again does no harm.

*No part is ever held.* The parser for multipart bodies is our own, because Starlette's and the standard library's hold or spool whole
parts; it passes pieces on and keeps no more than a delimiter may be long. Of a file only its head is read here, by hand and within limits.
Where the path names a study, the Study Instance UID is sought by walking over lengths; nothing is decoded.

*Only results of ours are given out*, and only of versions of exams that are DELIVERED, or REJECTED with their page: what is HELD waits
for a person, what was withdrawn or superseded is gone. Received images are in the archive, under the archive's own rules of access; a
second door to them would need those rules a second time.

*Tokens, not passwords or certificates.* A bearer token is what senders of DICOMweb can send; of each the site keeps the SHA-256 alone.
Without a file of tokens the port listens on a loopback address only, and there only under that machine's own names, so that a page of
another site that is open in a browser cannot ask it. TLS is ours ([web] tls = true, certificates as for the DICOM port, callers are not
asked for one) or a reverse proxy's on the same machine; one that passes on the Host header, or the addresses in answers are wrong.

*Metadata and bulk data apart* (STOW-RS in application/dicom+json) are refused: the data set that we would write from them is one that
nobody sent, and its digest nobody could check. *Pictures* (/rendered) are not made: the pages are there as secondary captures.

*The index is a file that may be lost.* Searches must not read a thousand headers; what is in it follows from the frozen files, so that a
damaged one is made anew.
"""
