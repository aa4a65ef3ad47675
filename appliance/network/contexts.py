"""What is spoken over an association: SOP classes, transfer syntaxes, quiet logs.

References
----------
DICOM PS3.4 B.5 (storage SOP classes), PS3.5 A (transfer syntaxes), PS3.7 9.3.1 (C-STORE).
"""

from __future__ import annotations

import logging

import pynetdicom
from pydicom import uid
from pynetdicom import _config, sop_class

IMAGES = (
    sop_class.MRImageStorage,
    sop_class.EnhancedMRImageStorage,
    sop_class.LegacyConvertedEnhancedMRImageStorage,
    sop_class.CTImageStorage,
    sop_class.EnhancedCTImageStorage,
    sop_class.LegacyConvertedEnhancedCTImageStorage,
    sop_class.PositronEmissionTomographyImageStorage,
    sop_class.EnhancedPETImageStorage,
    sop_class.NuclearMedicineImageStorage,
    sop_class.SecondaryCaptureImageStorage,
    sop_class.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    sop_class.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
)
"""Images that are taken."""

TAKEN = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.RLELossless,
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
)
"""Their transfer syntaxes, all of which the reader decodes."""

RESULTS = {
    sop_class.SegmentationStorage: "segmentation",
    sop_class.Comprehensive3DSRStorage: "structured report",
    sop_class.EncapsulatedPDFStorage: "PDF report",
    sop_class.RTStructureSetStorage: "structure set",
}
"""Objects that are sent, and what a person calls them."""

SENT = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)

VERIFICATION = sop_class.Verification

SUCCESS = 0x0000
NO_ROOM, NOT_UNDERSTOOD, FAULT = 0xA700, 0xC000, 0x0110
"""Answers to a C-STORE: out of resources, unreadable, our fault."""


def entity(aet: str, timeout_s: float) -> pynetdicom.AE:
    """An application entity whose doings reach no log: they name data sets, and UIDs."""
    _config.LOG_HANDLER_LEVEL = "none"
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    ae = pynetdicom.AE(aet)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = timeout_s
    ae.connection_timeout = min(timeout_s, 10.0)
    return ae
