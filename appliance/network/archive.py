"""A DICOMweb archive: QIDO-RS to look for series, WADO-RS to fetch one, STOW-RS to send results.

References
----------
DICOM PS3.18 10.4 (retrieve), 10.5 (store), 10.6 (search); F.2 (DICOM JSON).
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pydicom
import requests
from dicomweb_client import DICOMwebClient

from appliance.core.errors import ApplianceError, BadRequest, NotFound, TooLarge, Unavailable
from appliance.network.scu import result_of
from appliance.settings import Settings

_ANY = (("application/dicom", "*"),)
_ATTEMPTS = 3
_CHUNK = 1 << 20
FILTERS = {
    "study": "StudyInstanceUID",
    "patient_id": "PatientID",
    "accession": "AccessionNumber",
    "date": "StudyDate",
    "modality": "Modality",
}
"""What can be looked for, and the attribute that is compared."""
_SHOWN = {
    "study_instance_uid": "0020000D",
    "series_instance_uid": "0020000E",
    "study_date": "00080020",
    "modality": "00080060",
    "series_description": "0008103E",
    "images": "00201209",
}
_PATIENT = {"patient_name": "00100010", "patient_id": "00100020"}


class Archive:
    """A DICOMweb service.

    Parameters
    ----------
    url : str
        Its address; the one of the settings by default.
    settings : Settings
        Credentials, certificates, time and size limits.

    Raises
    ------
    BadRequest
        When the address is none, or credentials would go over an open wire to another machine.
    """

    def __init__(self, settings: Settings, url: str = "") -> None:
        self._url = (url or settings.pacs_url).rstrip("/")
        parts = urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise BadRequest(
                "expected the http or https address of a DICOMweb service, without a password in "
                "it; give it with --url or NEURALSCAN_PACS_URL"
            )
        self._most = settings.upload_bytes
        # They log addresses, which hold UIDs.
        for name in ("dicomweb_client", "urllib3", "retrying"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        session = requests.Session()
        secret = settings.pacs_token or settings.pacs_user
        if secret and parts.scheme != "https" and parts.hostname not in _HERE:
            raise BadRequest(
                "credentials are sent over https only; change NEURALSCAN_PACS_URL, or take the "
                "credentials out of the environment"
            )
        if settings.pacs_token:
            session.headers["Authorization"] = f"Bearer {settings.pacs_token}"
        elif settings.pacs_user:
            session.auth = (settings.pacs_user, settings.pacs_password)
        session.trust_env = False  # no credentials or proxies from files nobody named
        session.verify = str(settings.pacs_ca) if settings.pacs_ca else True
        try:
            self._client = DICOMwebClient(
                self._url,
                session=session,
                callback=self._bound,
                chunk_size=_CHUNK,
                permissive_uid=True,
                timeout=(min(10.0, settings.dicom_timeout_s), settings.dicom_timeout_s),
            )
        except ValueError as error:
            raise BadRequest(f"the address of the archive cannot be read: {error}") from error
        self._client.set_http_retry_params(max_attempts=_ATTEMPTS)

    def __str__(self) -> str:
        return f"the archive at {urlsplit(self._url).hostname}"

    def _bound(self, response: requests.Response, *_: Any, **__: Any) -> requests.Response:
        """Stop reading an answer that is longer than is taken."""
        plain, most = response.iter_content, self._most

        def iter_content(*given: Any, **named: Any) -> Iterator[bytes]:
            total = 0
            for chunk in plain(*given, **named):
                total += len(chunk)
                if total > most:
                    response.close()
                    raise TooLarge(
                        f"expected at most {most >> 20} MiB in one answer; "
                        "NEURALSCAN_UPLOAD_BYTES allows more"
                    )
                yield chunk

        response.iter_content = iter_content  # type: ignore[method-assign]
        return response

    def find(
        self, filters: Mapping[str, str], limit: int = 50, patients: bool = False
    ) -> list[dict[str, Any]]:
        """Series that fit, with what tells them apart.

        Parameters
        ----------
        filters : mapping
            By the names of `FILTERS`; dates as ``20240101`` or ``20240101-20240131``.
        patients : bool
            Show names and numbers of patients, too.

        Raises
        ------
        Unavailable, NotFound, TooLarge
        """
        chosen = {FILTERS[name]: value for name, value in filters.items() if value}
        shown = {**_SHOWN, **(_PATIENT if patients else {})}
        with self._talking():
            found = self._client.search_for_series(
                search_filters=chosen, fields=list(shown.values()), limit=limit
            )
        return [{name: _first(one, tag) for name, tag in shown.items()} for one in found[:limit]]

    def fetch(self, study: str, series: str) -> Iterator[bytes]:
        """The images of a series as DICOM files, one at a time.

        Raises
        ------
        Unavailable, NotFound, TooLarge
        """
        with self._talking():
            for dataset in self._client.iter_series(study, series, media_types=_ANY):
                yield _file(dataset)

    def send(self, files: Sequence[bytes]) -> None:
        """Store results; all are stored afterwards.

        Raises
        ------
        Unavailable, NotFound, BadRequest
        """
        objects = [result_of(data) for data in files]
        with self._talking():
            answer = self._client.store_instances(objects)
        stored = len(answer.get("ReferencedSOPSequence", ()))
        refused = answer.get("FailedSOPSequence", ())
        if refused:
            code = int(refused[0].get("FailureReason", 0))
            raise Unavailable(f"{self} refused {len(refused)} objects (0x{code:04X})")
        if stored < len(objects):
            raise Unavailable(f"{self} confirms {stored} of {len(objects)} objects")

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Translate what goes wrong; no message names an address with UIDs in it."""
        try:
            yield
        except ApplianceError:
            raise
        except requests.exceptions.SSLError as error:
            raise Unavailable(
                f"{self} shows a certificate that is not trusted; name the authority's with "
                "NEURALSCAN_PACS_CA"
            ) from error
        except requests.exceptions.HTTPError as error:
            raise self._answered(error.response.status_code) from error
        except requests.exceptions.Timeout as error:
            raise Unavailable(f"{self} did not answer in time") from error
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as e:
            raise Unavailable(f"{self} cannot be reached, or hung up") from e
        except Exception as error:  # an answer that is no DICOMweb makes the client raise anything
            raise Unavailable(
                f"{self} does not answer as a DICOMweb service does; check the address"
            ) from error

    def _answered(self, status: int) -> ApplianceError:
        if status in (401, 403):
            return Unavailable(
                f"{self} refuses us ({status}); check NEURALSCAN_PACS_USER and "
                "NEURALSCAN_PACS_PASSWORD, or NEURALSCAN_PACS_TOKEN"
            )
        if status == 404:
            return NotFound(f"{self} has no such study or series, or is elsewhere (404)")
        return Unavailable(f"{self} answers {status}")


_HERE = ("localhost", "127.0.0.1", "::1")


def _first(found: Mapping[str, Any], tag: str) -> Any:
    """The first value of an element in DICOM JSON."""
    values = found.get(tag, {}).get("Value") or [None]
    value = values[0]
    return value.get("Alphabetic") if isinstance(value, dict) else value


def _file(dataset: pydicom.Dataset) -> bytes:
    """A data set as a DICOM file."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
