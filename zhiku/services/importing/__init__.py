"""Roster import: from a dirty table to rows, with a report on every one of them.

    report = import_file(sessions, "experts", path, now)

Reading a table (`tables`), its header (`headings`), its rows (`rows`) and values (`values`, `dates`, `lives`,
`townships`, `units`, `fields`, `people`) come first; then one importer for each kind of row plans what will change
and stores it.
"""

from __future__ import annotations

from zhiku.services.importing.report import Outcome, Report, RowReport
from zhiku.services.importing.run import KINDS, import_file
from zhiku.services.importing.unusable import UnusableFile

__all__ = ["KINDS", "Outcome", "Report", "RowReport", "UnusableFile", "import_file"]
