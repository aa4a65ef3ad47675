"""The one exception tree of the project.

::

    ApplianceError
    ├── InputError                     the input is at fault; its code is a refusal code
    │   ├── CorruptFile                unreadable
    │   ├── UnsupportedFormat          unsupported_format
    │   ├── EncryptedFile              encrypted
    │   ├── TooLarge                   too_large
    │   ├── EmptyFile                  empty (no bytes, no files)
    │   ├── BlankImage                 empty (pixels, but nothing in them)
    │   ├── NoPixels                   no_pixels
    │   ├── NotGreyscale               not_greyscale
    │   ├── WrongModality              wrong_modality
    │   ├── WrongSequence              wrong_sequence
    │   ├── GeometryError              bad_geometry
    │   ├── OutOfDistribution          out_of_distribution
    │   ├── BurnedInText               burned_in_text (pictures with text, which were to leave)
    │   └── MissingSeries              missing_series (a task's input role cannot be filled)
    ├── BadRequest                     bad_request (a malformed call, not a malformed image)
    ├── NotFound                       not_found (study, series, slice, result, job, task, model)
    ├── ModelError                     model_error
    │   ├── ManifestError              bad_manifest
    │   ├── ChecksumMismatch           checksum_mismatch
    │   ├── SignatureError             bad_signature
    │   └── ProbeFailed                probe_failed
    └── Unavailable                    unavailable (a device or part is missing; says the remedy)
        ├── Busy                       busy (try again later)
        └── WrongImportOrder           unavailable (libraries that only load in one order)

Every class has a stable ``code``; every message says what was expected, what was found and
what to do. HTTP status codes and exit codes are tables in ``appliance.app`` and
``appliance.cli``: this module knows nothing of either. Foreign exceptions are translated
where they enter, ``from`` the cause.
"""


class ApplianceError(Exception):
    """Base of all errors this project raises on purpose."""

    code = "internal"

    @property
    def message(self) -> str:
        """The text meant for a person."""
        return str(self)


class InputError(ApplianceError):
    """The input cannot be analysed."""

    code = "bad_input"


class CorruptFile(InputError):
    """The bytes are damaged, truncated or not what they claim to be."""

    code = "unreadable"


class UnsupportedFormat(InputError):
    """The bytes are a format that is not read here."""

    code = "unsupported_format"


class EncryptedFile(InputError):
    """The file is protected by a password or encrypted."""

    code = "encrypted"


class TooLarge(InputError):
    """A size limit was exceeded: bytes, pixels, files, or unpacked size."""

    code = "too_large"


class EmptyFile(InputError):
    """There is nothing to read: no bytes, or a folder or archive without files."""

    code = "empty"


class BlankImage(InputError):
    """The picture has no content: one value everywhere, or nothing that stands out."""

    code = "empty"


class NoPixels(InputError):
    """A DICOM object without pixel data."""

    code = "no_pixels"


class NotGreyscale(InputError):
    """A colour picture: its median saturation is 0.15 or more."""

    code = "not_greyscale"


class WrongModality(InputError):
    """The header names another modality than the model was trained on."""

    code = "wrong_modality"


class WrongSequence(InputError):
    """The header names another MR sequence than the model was trained on."""

    code = "wrong_sequence"


class GeometryError(InputError):
    """Positions, spacing or orientation are missing, contradictory or not invertible."""

    code = "bad_geometry"


class OutOfDistribution(InputError):
    """The picture resembles nothing the model was trained on."""

    code = "out_of_distribution"


class BurnedInText(InputError):
    """Text is, or is said to be, part of the pictures that were to leave."""

    code = "burned_in_text"


class MissingSeries(InputError):
    """A study holds no series that fits a task's input role."""

    code = "missing_series"


class BadRequest(ApplianceError):
    """A call that is malformed, whatever the image."""

    code = "bad_request"


class NotFound(ApplianceError):
    """No such study, series, slice, result, job, task or model."""

    code = "not_found"


class ModelError(ApplianceError):
    """A model package is unusable."""

    code = "model_error"


class ManifestError(ModelError):
    """A manifest is incomplete, contradictory or of an unknown schema."""

    code = "bad_manifest"


class ChecksumMismatch(ModelError):
    """A file of a package differs from the manifest's checksum."""

    code = "checksum_mismatch"


class SignatureError(ModelError):
    """A package's signature is missing where one is required, foreign, or does not fit."""

    code = "bad_signature"


class ProbeFailed(ModelError):
    """A package's probe gives another answer on this machine than it was shipped with."""

    code = "probe_failed"


class Unavailable(ApplianceError):
    """A device, a model or an optional part is missing; the message names the remedy."""

    code = "unavailable"


class Busy(Unavailable):
    """All workers are taken and the queue is full; try again later."""

    code = "busy"


class WrongImportOrder(Unavailable, ImportError):
    """OpenVINO was imported before scikit-learn-intelex, which cannot be loaded after it."""
