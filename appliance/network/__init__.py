"""The appliance in a hospital's network: DICOM in and out, DICOMweb, a watched folder.

Nothing here is needed to analyse a file; `appliance.serve` starts it and `neuralscan pacs` uses it.
What comes in is parsed, put under pseudonyms and only then written (`reception`, `spool`); a series
is complete when it was quiet for a while (`intake`); results leave through the `outbox`.
"""
