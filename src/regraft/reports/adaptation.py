"""The report of an adaptation: one page, and the figures as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from regraft.domains.adapted import Adapted

REPORT = "report.html"
FIGURES = "adapt.json"


def write(adapted: Adapted, folder: Path) -> None:
    """Write `report.html` and `adapt.json` into a folder that is there."""
    (folder / FIGURES).write_text(json.dumps(adapted.to_dict(), indent=1), encoding="utf-8")
