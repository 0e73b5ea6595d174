"""The errors that the node raises on purpose, and what becomes of an exam that meets one.

::

    NodeError
    ├── DataError        the exam cannot be used as it is         → REJECTED, a page in the PACS says why
    ├── ConflictError    PET and MR may be of two people          → HELD, a person decides
    ├── QualityError     computed, but not to be trusted unseen   → HELD, a person releases or rejects
    ├── TemporaryError   may pass: peer unreachable, disk full    → tried again
    ├── RefusedError     a peer refused an object for good        → that delivery stops, the reason is kept
    └── SettingsError    the site's settings, all mistakes listed → the node does not start

Anything else is our own fault: the exam becomes FAILED, the traceback is kept, the node lives on.

A message says what was found, what was expected and where, by UID and never by a patient's name: it is logged, and it may be
printed on a page.
"""


class NodeError(Exception):
    """The root of the errors raised on purpose."""


class DataError(NodeError):
    """The exam cannot be used as it is."""


class ConflictError(NodeError):
    """The series of one exam may belong to two people."""


class QualityError(NodeError):
    """A number was computed that must not be trusted unseen."""


class TemporaryError(NodeError):
    """It may work later: a peer is unreachable, a disk is full."""


class RefusedError(NodeError):
    """A peer refused an object for good; sending the same again cannot help."""


class SettingsError(NodeError):
    """The site's settings are wrong; every mistake is listed with its key path.

    Parameters
    ----------
    mistakes : one sentence each, beginning with the key path
    """

    def __init__(self, mistakes: tuple[str, ...] | list[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))
