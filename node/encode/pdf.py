"""The encapsulated PDF: the summary's pages for print, in the PET's study (PS3.3 A.45.1).

The same pages as the secondary captures, dark ink on white paper, with text that can be searched and copied. Written by a site's choice:
a PACS that files it shows it in a viewer of its own or not at all.
"""

from __future__ import annotations

import highdicom as hd
from pydicom import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from node.encode.headers import MODEL, describe, reference, write
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.page import PRODUCT, RESEARCH_USE
from node.encode.print_pages import Imprint, print_pages
from node.encode.quantities import dicom
from node.encode.sr_codes import TITLE
from node.encode.summary import summary_pages


def encode_pdf(material: Material) -> tuple[Encoded, ...]:
    """The document in the PET's study."""
    maker = material.maker
    pages = summary_pages(material)
    title = f"{material.say(PRODUCT)}: {material.say(RESEARCH_USE)}"
    document = print_pages(pages, Imprint(title, f"{MODEL} {maker.provenance.software}", maker.provenance.made_at, maker.say.code))
    dataset = _document(document)
    sources = (instance for series in material.cited() for instance in series.instances)
    dataset.SourceInstanceSequence = [reference(source.sop_class_uid, source.sop_instance_uid) for source in sources]
    # Common Instance Reference and the body part are no part of this IOD.
    describe(dataset, Kind.PDF, material.pet_header, maker, cited=(), description="RESEARCH TSPO signal summary for print")
    del dataset.BodyPartExamined
    return (write(dataset, Kind.PDF, maker),)


def _document(content: bytes) -> Dataset:
    """The Encapsulated Document module (PS3.3 C.24.2); its bytes are padded to an even length, and the true length is told."""
    dataset = Dataset()
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.Modality = "DOC"
    dataset.ConversionType = "WSD"
    dataset.AcquisitionDateTime = ""
    # Every page names the patient and shows the head.
    dataset.BurnedInAnnotation = dataset.RecognizableVisualFeatures = "YES"
    dataset.DocumentTitle = "TSPO signal summary, research use only"
    dataset.ConceptNameCodeSequence = [hd.sr.CodedConcept.from_code(dicom(TITLE))]
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(content)
    dataset.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    return dataset
