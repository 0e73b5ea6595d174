"""Images come in: C-ECHO and C-STORE, the journal, and the inbox on disk.

::

    Receiver(ReceiverSettings((Door("0.0.0.0", 11112),), AssociationSettings(("EMBER",))), peers, journal, book, clock).start()

An image that is answered Success stands in the *journal* (`journal`): one record, appended and made durable by one fdatasync, which
associations that come together share. The *filer* (`filing`), another process, reads the journals in order and makes of them files of the
inbox and rows of the register; then the record's place is used again. Nothing is decoded in a network thread, nor by the filer. What is a
series, and whose, is found later by `assemble`.

Decisions
---------
*The digest* is the SHA-256 of the whole file. The file is a preamble, a file meta information of ours that depends on SOP class, SOP
instance and transfer syntax alone, and the data set as it came. We chose the file because ``sha256sum`` can check it, instead of the
data set alone. The same image in another transfer syntax is therefore another arrival: whether its pixels are the same can't be told
without decoding it.

*The same UID with other bytes* is kept aside in ``quarantine/``, recorded, warned of in the log, and answered Success. A warning status
(0xB000) would say that we changed the image; some senders take any warning for a failure and stop their queue, others send again for
ever; and nothing is lost. The first arrival stays what the UID stands for.

*A journal*, instead of a file and a row for each image before its answer, because those cost several times as much as the image's way
over the network; and a log of our own instead of a database's, because its segments are written over again and again, so that one
fdatasync touches no table of the file system. The first ones are made at the start, since all senders wait for one that is made
meanwhile. Each process that brings something in has its own, so that none waits for another.

*Records are written one after the other*, each whole before the next begins (`log`), so that no hole can come to lie before one that was
promised. A segment has a random mark that is drawn anew for each use, so that neither what stood there before nor what a sender wrote into
an image is taken for a record. A writer that starts begins a new segment: the end of the last one may be torn.

*The filer's position is a row* in the transaction of what it files (`Register.file`): nothing is filed twice or passed over, wherever it
is killed. Files are durable before their rows. It has seen bytes that the power may yet take: the position names the segment's mark, and
a segment that begins anew is filed from its beginning. A register that is locked, or a disk that is full, leaves the journal as it is.
A journal that cannot be read holds up no other.

*The filer lets others go first.* Files of one batch are synchronised together, since those that wait at the same time share one flush of
the disk; one after the other, each costs a flush, which the receiver's own writes wait for. And it begins when a burst of images has
paused, two seconds after its first at the latest: while they come, a sender waits for the receiver, and nobody for the filer.

*Large images* (more than 4 MiB, or any while 64 MiB are held in memory) go to a file as they come, which the journal names and the filer
only gives its name in the inbox: memory is bounded, whatever comes.

*A full disk* (or less free space than the site wants to keep free), *too much that waits to be filed* and *a disk at fault* are answered
0xA700, out of resources: the sender keeps the image and tries again. Space for what waits is counted twice, since filing copies it.

*A crash* leaves at most: a torn end of a segment, of which nothing was answered; a half file in the spool, removed at the next start; files
without rows, which the filer writes over, or finds when there is nothing else to do (`recovering`).

*What is accepted* is derived from the decoders that this installation has (`contexts`), so that the list can't promise what `assemble`
could not open.

*A connection has a thread of its own from the moment it is accepted* (`listener`), and a deadline until it has its association. The thread
of the port does nothing but accept: the library shook hands there, so that one silent client on the TLS port kept everybody out. Threads,
instead of one loop for all, because what follows blocks on the disk, and because their number is bounded.

*Who has asked for nothing is bounded by closing the oldest* (`lobby`), instead of refusing the newest: silent connections keep nobody out.
One address has a quarter of the places, so that a flood pushes out its own.

*Who may call* (`admission`) is a closed list: the site's peers, by AE title, address and, where the site names some, certificate; a peer
that has named certificates cannot come in by the plain port. AE titles are no proof of identity, and addresses are one within a hospital's
network at best. With no peer at all nobody is let in, not even for C-ECHO, because a node that answers strangers tells them whom to play.
Limits on associations, of each peer and in all, count who was let in; beyond, the rejection is transient and the sender tries again.

*Who was turned away is remembered* (`strangers`), each title and host once, in memory first and every two seconds in the register, so that
a flood of strangers is not a flood of transactions. A person lets a caller in with `ember callers accept`; the receiver reads that with the
same turn, and needs no restart. It adds to the settings, and takes nothing from them: the name is that of a [[peer]], whose limit it then
shares, or a new one. It holds for one title at one address, and for the certificate that the caller showed, if it showed one.

*Associations* are heard of by the register with their first image, so that C-ECHO leaves no trace in it. Their end is told until the disk
takes it (`ends`), because an exam waits for whoever is still open.

*The protocol is our own* (`wire`, `messages`, `association`), in one thread that reads the socket and answers. The library's acceptor
polls, reads 4 KB at a time, passes everything between threads and holds an image in memory three times; and of damaged requests its threads
die without an answer. A data set goes to the inlet in the pieces in which it arrives, so that memory is the same whatever its size. It is
compared with the library's, byte for byte, and each difference has a name (tests/receive/test_differential.py).

*What is illegal is aborted* with its reason (PS3.8 9.3.8) and nothing of the message is kept; *what is merely odd is taken*: unknown items,
even or repeated context IDs (those contexts alone are refused), command elements of odd length, a group length that is missing, empty
fragments, a P-DATA-TF that forgets to count its own headers. A vendor's oddity that costs an image costs it each day.

*Messages may be sent ahead*: a sender that does not wait for our acceptance, or for an answer, is served in its order.

*N-services* are checked as far as their answer depends on it, kept and answered; nothing is looked up. A performed procedure step is known
for as long as this process lives: one that began before is taken at its word. *Storage commitment* is accepted from scanners where the site
allows it, and from an archive that takes the provider's role; one that reports
without saying so is refused where the site does not allow it.

*Every answer* is a row of one table (`statuses`), from which code, conformance statement and tests come.

*Stopping* (`Receiver.stop`) lets nobody in, ends the reading side of every association and waits: an image that is being kept is kept and
answered, then the peer gets an A-ABORT.
"""
