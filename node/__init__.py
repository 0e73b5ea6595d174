"""Ember: a DICOM node that shows smouldering inflammation.

A result comes into being on one path, and the folders are the steps of that path, as verbs:
**receive, assemble, align, segment, quantify, encode, deliver.**

Under them lies `domain` (what things are), over them `workflow` (what remembers), and the faces to people: `cli` (and, in
time, the site's pages). `imaging` is the only file in which axes are reversed, `dimse` the only one that opens an
association to a peer, `settings` the only one that reads the site's configuration, and `app` the only one that sees everything.
`multipart` and `part10` take apart what comes by HTTP, in or as an answer.
Each verb imports the nouns and its own one or two libraries, and no other verb; `tests/test_floors.py` holds us to it.
"""

__version__ = "0.1.0"
