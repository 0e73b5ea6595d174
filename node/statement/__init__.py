"""Statements to other systems' engineers: what the node speaks and writes, printed from the tables that the code runs on.

::

    conformance()              # DICOM conformance statement (PS3.2), Markdown
    attributes(datasets)       # its appendix: the attributes of written objects, and where each value comes from
    integration()              # IHE integration statement

Decisions
---------
*Printed, not written.* SOP classes, transfer syntaxes, statuses, settings, kinds of object, codes and the copied attributes are read from
the modules that use them, so that a statement cannot promise what the node does not do. We chose that instead of a document beside the
code, since every conformance statement that is kept by hand is out of date. What stays prose is what no table holds: policies.

*The appendix is read from objects*, not from a list of what should be in them: every attribute that the kinds of object were found to hold.

*The order of the sections* is that of PS3.2's template as far as they apply: overview, implementation model, the application entity as
acceptor and as initiator, objects, communication, extensions, configuration, character sets, security.

*Only what was tested is claimed.* IHE actors whose transactions are there in part are listed as "not claimed", with what is missing.
"""

from node.statement.conformance import conformance
from node.statement.integration import integration
from node.statement.objects import attributes

__all__ = ["attributes", "conformance", "integration"]
