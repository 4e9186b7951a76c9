"""Nothing that Regraft runs reports to anyone."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import regraft.features.engines
import openvino
from openvino.tools.ovc import telemetry_utils
print(telemetry_utils.tm.__name__, sys.modules["openvino_telemetry"])
"""


def test_openvino_finds_no_way_to_report() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "None"]
