"""`DimseDestination`: a PACS that takes C-STORE, and says by storage commitment or C-FIND whether it holds what it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.deliver.commitment import Asked, request_commitment
from node.deliver.compression import Compression
from node.deliver.destination import Held, Proof
from node.deliver.holdings import held_by, instance_of
from node.deliver.ledger import Outcome
from node.deliver.send import send
from node.dimse import Peer
from node.domain.ports import Parcel, Receipts


@dataclass(frozen=True)
class DimseDestination:
    """Fulfils `Destination`; what it offers besides is `commit`.

    Parameters
    ----------
    queried : where the same archive answers queries, in case it does not where it stores
    """

    peer: Peer
    compression: Compression = Compression.NONE
    queried: Peer | None = None

    def send(self, parcels: Sequence[Parcel], receipts: Receipts) -> Outcome:
        """By C-STORE over one association."""
        return send(parcels, self.peer, receipts, compression=self.compression)

    def prove(self, parcels: Sequence[Parcel]) -> tuple[Proof, ...]:
        """By C-FIND."""
        wanted = [instance_of(parcel) for parcel in parcels]
        proofs = held_by(self.peer, wanted)
        if self.queried is not None and all(proof.held is Held.UNASKABLE for proof in proofs):
            return held_by(self.queried, wanted)
        return proofs

    def commit(self, transaction_uid: str, parcels: Sequence[Parcel]) -> Asked:
        """Ask it to commit to these; its result may come now, later and to another process of the node, or never."""
        return request_commitment(self.peer, transaction_uid, [(parcel.sop_class_uid, parcel.sop_instance_uid) for parcel in parcels])
