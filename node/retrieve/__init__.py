"""Images are fetched: what an exam lacks, and a patient's earlier exams, from peers that the site lets us ask.

::

    source = Source("pacs", By.GET, peer=Peer("pacs", "10.1.2.3", 104, "PACS", "EMBER"))
    for study in find_studies(source, Question("4711", first=date(2025, 1, 1))):
        print(study.study_uid, study.modalities, find_series_counts(source, study.study_uid))
    done = fetch(source, Wanted(study_uid, series_uid, "4711"), inlet, calling_ae="EMBER", storage=storage, tell=print)

Words: a *source* is a peer as it is asked and fetched from; a *question* goes to it by C-FIND (Study Root) or QIDO-RS; what is *wanted* is
a series, or some of its images; an image that came is *kept* when the inlet has made it durable, and *turned away* when it is none of those
that were wanted.

Decisions
---------
*Answers are compared with the question.* Archives differ in which keys they match, DICOM has no way to write a ``*`` that is no wildcard,
and a patient ID of wildcards alone would ask for everybody. So each answer is held against what was asked, and what does not fit is left
out; a question that names nobody is not asked. Too many answers cancel the question, instead of reading on for ever.

*What comes is held against what was wanted,* by study, series, SOP instance and patient ID in its data set, before it goes into the inlet.
An archive that sends another's images under an answer to our query is what mixing two people would begin with. By C-MOVE the receiver takes
the images, as it takes any: there `assemble` compares.

*The same durability as C-STORE.* Each image goes through an `Inlet` and is durable before the peer hears Success, or, by WADO-RS, before
the next is read. A fetch that is cut off leaves what has come, and the next one asks for what is missing by SOP Instance UID.

*C-GET is the default,* because it needs no second connection and no entry for us at the archive; C-MOVE is for archives that have no
C-GET; WADO-RS streams, and an enhanced object of 500 MB is never whole in memory. By C-GET one image at a time is, for the library that
speaks it has no other way but a process-wide switch and a second copy on the disk: one of more than 1 GiB is refused.

*No redirect and no proxy* is followed by DICOMweb: a bearer token belongs to one machine.

*Silence in the middle of a fetch* is borne for five minutes, because archives bring images from slow stores before they send the first.
"""

from node.retrieve.ask import find_images, find_series, find_series_counts, find_studies, find_study
from node.retrieve.fetch import fetch
from node.retrieve.found import Fetched, ImageFound, PersonFound, Question, SeriesFound, StudyFound, Wanted
from node.retrieve.get import Storage
from node.retrieve.source import By, Source, WebPeer

__all__ = [
    "By",
    "Fetched",
    "ImageFound",
    "PersonFound",
    "Question",
    "SeriesFound",
    "Source",
    "Storage",
    "StudyFound",
    "Wanted",
    "WebPeer",
    "fetch",
    "find_images",
    "find_series",
    "find_series_counts",
    "find_studies",
    "find_study",
]
