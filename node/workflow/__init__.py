"""What remembers: the states of an exam, the pure `decide`, the steps, the durable engine and the store.

*State* is what an exam is, a participle of the verb that was done last (`states`). *Facts* are what is known of it now; `decide`
turns facts into the next action and the reason as a sentence, without clock or I/O. The *sweep* gathers facts and acts on what
`decide` says; the *engine* runs the steps so that they survive a crash; the *store* holds our own rows, which are the truth, while
the engine's queue is a hint: a sweep enqueues again whatever has no live work.

Decisions
---------
Artefacts of a step are plain JSON beside a NumPy archive (`artefacts`), because a result must be readable in ten years and a file
that someone swapped must not run code; instead of pickles.

What a person corrects is a row of its own with author and reason, for the version that it makes and all later ones, and the database
refuses to change it; instead of a changed header, because the files are evidence and a number must be traceable to who said it. A
correction said before a version has begun joins that version, because there is nothing yet that a new one would replace.

A reader answers a result: by lesions that are sent back, which begin a new version of the exam whose MR they lie on (`steps.reading_back`),
or by a verdict (`steps.judging`). Each object that may be an answer is looked at once and kept with what became of it, in the transaction
that acts on it, so that a kill loses no answer and gives none twice; and nothing that the node made itself is an answer, however it comes
back. A SEG that fits no exam of its patient is told in the story and waits; one that came alone, of a patient whom we know, is HELD after
the deadline, since somebody waits for what follows from it.

That all images are here is judged by evidence, and the reason says by whose: counts in headers where they can be true (`assemble.counts`),
gaps, associations of the patient still open, what peers announce (`steps.announcing`), what the source counts (`steps.asking`); a time
without an image is the last resort, and longer. The largest count speaks, since a wait too long costs minutes and one too short half a
head; but a count by a header alone, with no gap to be seen, ends at the deadline in a Check and not in a refusal, because consoles count
images that they never send. What is known to be whole begins at once, instead of after a time that is right for nobody; but a list of
what was sent, or a count at an archive, is of what there is so far, and leaves the shorter time without an image. Words of others
are rows of evidence, of which a later one under the same subject takes the earlier one's place; a notice is read for its evidence and
acted on by two readers, each with a mark of its own.

Late images make a new version by themselves only where they matter and only when the exam would begin as it then is (`steps.late`): so
what trickles in makes one version, what spoils an exam makes none, and a result that was sent stays the one that counts until a better
one is here. While the old version is being computed it is given up at once, since nothing of it was sent. After so many automatic
versions the story tells and a person runs it, instead of HELD, because the result that was delivered is still right for its images.
News of a series is a row that is written with the headers and goes when all that follows is done: a kill in between repeats a look.

A rule on exams, its protocol and its priority are fixed in the plan with the values of the protocol, when a version begins, so that a rule
that is changed later changes nothing under way. What only routes is not in the digest of the settings (`node.settings`): a rule that is
added changes nobody's UIDs.

Which series are of an exam is the rules' word and, over it, a person's (`domain.assignment`, `steps.belonging`): rows with author and
reason that are never changed, like corrections, and like them the beginning of a new version. A merge moves no study to another exam, so
that it can be taken back; what it set aside is a Check in the result. It covers the patient ID that the other exam has and no other,
because a third person's images may come into that study when the word has long been said. A word that is said while a sweep chooses the
series is not passed over: what was seen is no longer so, and the sweep fixes nothing.

Two patient IDs that were swapped contradict each other by birth date or sex, and are held by that; where only names do, an exam is held
when its MR bears the name of a patient with another ID here, instead of for every name that is written otherwise, which is a Check; but
where an ID is missing, names that differ hold it. What shows a swap, or a second issuer of an ID, may come late: it is looked for before
the new study has its exam (`steps.swapped`), so that a kill leaves nothing unseen.

Images that come again under another person hold what was made from them (`steps.updating`), because the node cannot know which of the two
is right, and whatever comes to use them later; it follows when a person has released the later ones and none of the former is left. Images
that a rejection note names count no longer, whenever they come (`steps.taking_back`); what was made from them and delivered is withdrawn
like a result that a reader rejects, and begins again by itself when their replacement is here, which the other does not.

Our own results are known by the table of the UIDs that we made, then by what they say of their equipment, never by the root of a UID. They
are filed and counted. A SEG that a person signed is the person's, whatever it says of equipment.

What was delivered and then rejected is WITHDRAWN, a state of its own, because REJECTED means that there never was a result, looks at an
exam again when images come, and owes a page and not a note. Only what a destination stored is taken back there. A version that follows a
withdrawn one takes its place in nothing, since an archive may hide what was taken back. The next version waits until the note is in the
outbox, because the notes are made from the row of the version that they take back; once there they go out whatever has begun since.

Whatever ends for one version leaves the next one alone (`of_version`): a person corrects an exam while it is being computed or sent, and
the end of the old work must not be taken for an end of the new.

Each destination is delivered to by itself, an attempt a workflow: what waits, waits in the rows of deliveries with the time of its next
attempt, because a workflow that sleeps holds a place that another destination needs, and because the rows outlive the engine's tables. A
destination that is away is tried by whichever exam is first, and holds back the others; all go on when one gets through. An exam whose
objects are all stored and not yet proven stays ENCODED, with a progress that says what was asked and when, because DELIVERED is what
people and retention rely on; a reader may judge it all the same, since it can be seen. What was not handed over when the next version
began, or the result was withdrawn, is DROPPED: a reader should not find two results where the second is the right one.

The earlier exams that an exam is compared with are fixed when its version is aligned, and what is needed of them is copied into the
version's folder (`steps.priors`), because an old exam may be rejected, analysed again or deleted meanwhile; instead of looking them up in
each step. They are part of the Provenance, so that another set gives other objects. An old exam that arrives later changes nothing that was
sent: its follow-up is analysed again where a person asks for it.

The site's list of genotypes (`genotypes`) is read when an exam is assembled and not when the node starts, because it grows every week; a
mistake in it stops that exam with the line of the mistake, instead of leaving a genotype out in silence.

What is quarantined is let in by a person alone (`steps.releasing`). Changed bytes that are let in change places with the former ones, in
one transaction, and every exam that used these is told; instead of overwriting, because a result must be traceable to the bytes it was made
from. An image whose data set is another than its sender announced is quarantined when its header is read, because rows and files go by the
announced UID.

The engine is DBOS on the node's own SQLite file, behind `engine` alone, because it resumed every workflow in kill tests and needs no
broker; instead of a queue of our own.

What an exam lacks is fetched series by series, the likeliest first, and judged by its physics when it is here (`steps.seeking`); a peer's
description is a hint for the order, because consoles are free to write anything. A study whose birth date, sex or issuer differs from the
PET's is not fetched. Earlier exams that are fetched are exams like any other, with results of their own, because a comparison needs their
numbers; the exam of today waits for them no longer than the site says.

Images and results are removed by an exam's end and age, never because the disk is full (`steps.keeping`): whoever is full refuses, and the
sender keeps. File and row go in one transaction, so that the same image sent again meanwhile is kept.
"""
