"""Programs that use an exported file without Regraft."""

from __future__ import annotations

import json
from pathlib import Path

_DECODE = """\
image = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
"""

_MIDDLE = """\
way = Image.Resampling.BOX if min(image.size) > {side} else Image.Resampling.BICUBIC
image = ImageOps.fit(image, ({side}, {side}), way)
"""

_STRETCHED = """\
way = Image.Resampling.BOX if min(image.size) > {side} else Image.Resampling.BICUBIC
image = image.resize(({side}, {side}), way)
"""

_SHOW = """\
best = int(np.argmax(probabilities[0]))
print(classes[best], round(float(probabilities[0][best]), 4))
"""

_MARK = """\
if strangeness[0] > 0:
    print("unlike anything it learnt from")
"""

_RUN = {
    "onnx": """\
import json

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession({path}, providers=["CPUExecutionProvider"])
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
{decode}
{outputs} = session.run(None, {{"images": np.asarray(image)[None]}})
{show}""",
    "openvino": """\
import json

import numpy as np
import openvino
from PIL import Image, ImageOps

core = openvino.Core()
graph = core.read_model({path})
classes = json.loads(graph.get_rt_info(["regraft", "classes"]).astype(str))
{hint}
model = core.compile_model(graph, "CPU", {{"INFERENCE_PRECISION_HINT": "f32"}})
{decode}
{outputs} = model({{"images": np.asarray(image)[None]}}).values()
{show}""",
    "torch": """\
import json

import numpy as np
import torch
from PIL import Image, ImageOps

held = {{"regraft.json": ""}}
model = torch.export.load({path}, extra_files=held).module()
classes = json.loads(held["regraft.json"])["classes"]
{decode}
with torch.no_grad():
    {outputs} = model(torch.from_numpy(np.array(image)[None]))
{show}""",
    "tflite": """\
import zipfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

classes = zipfile.ZipFile({path}).read("labels.txt").decode().split("\\n")
model = Interpreter({path})
model.allocate_tensors()
{decode}
model.set_tensor(model.get_input_details()[0]["index"], np.asarray(image)[None])
model.invoke()
found = sorted(model.get_output_details(), key=lambda output: -len(output["shape"]))
{outputs} = [model.get_tensor(output["index"]) for output in found]
{show}""",
}


_HINTS = {
    "f32": "# Without the hint, a processor that has bf16 computes in it: faster, and a little less exact.",
    "int8": "# Without the hint, a processor that has bf16 computes the rest in it, which costs accuracy.",
}


def snippet(to: str, path: Path, *, told: bool, side: int | None, stretch: bool, precision: str = "f32") -> str:
    """Return a Python program that names the image `photo.jpg` with an exported file.

    Parameters
    ----------
    to : str
        The file's kind.
    path : Path
    told : bool
        Whether the file also tells which images are unlike anything seen.
    side : int or None
        Pixels of the squares that the file takes.
    stretch : bool
        Whether the whole image is made a square, and not its middle.
    precision : {"f32", "int8"}
    """
    squared = "" if side is None else (_STRETCHED if stretch else _MIDDLE).format(side=side)
    return _RUN[to].format(
        path=json.dumps(str(path)),  # also a literal of Python, in the usual quotes
        hint=_HINTS[precision],
        decode=(_DECODE + squared).rstrip("\n"),
        outputs="probabilities, strangeness" if told else "(probabilities,)",
        show=(_SHOW + (_MARK if told else "")).rstrip("\n") + "\n",
    )
