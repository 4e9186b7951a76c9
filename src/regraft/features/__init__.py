"""Bottlenecks: a backbone's features of images, computed once and kept."""

import sys

# OpenVINO and NNCF report to their makers over the network, the first of them as soon as it is imported, unless this
# package of theirs is missing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
