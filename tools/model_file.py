#!/usr/bin/env python3
"""Write, with Python's safetensors, the model file that hepml-core's tests read.

Writes ``hepml-core/tests/reference/model.safetensors`` below the root of the workspace (``--root``), and reads it back as
the documentation of ``hepml_core::ModelFile`` says.  The tests demand that hepml-core reads it and writes the same bytes.

Requires: numpy safetensors==0.8.0
"""

import argparse
import json
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

ABOUT = {
    "format": 1,
    "kind": "test/python",
    "version": 2,
    "header": {"layers": [3, 2], "name": "µ → e γ", "scale": 0.1, "shift": -0.0, "tiny": 5e-324},
    "models": {"inner": {"kind": "test/inner", "version": 1, "header": None, "models": {}}},
}
TENSORS = {
    "weight": np.array([[1.0, -0.0, 5e-324], [1.7976931348623157e308, -2.5, 1 / 3]]),
    "bias": np.array([0.1, -1e-45], dtype=np.float32),
    "counts": np.array([-(2**63), 2**63 - 1, 0]),
    "empty": np.zeros((0, 4)),
    "scalar": np.array(2.0),
    "inner/weight": np.array([3.0]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    path = parser.parse_args().root / "hepml-core" / "tests" / "reference" / "model.safetensors"
    about = json.dumps(ABOUT, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    save_file(TENSORS, path, metadata={"hepml": about})
    with safe_open(path, framework="np") as f:
        assert json.loads(f.metadata()["hepml"]) == ABOUT
        for name, tensor in TENSORS.items():
            read = f.get_tensor(name)
            assert read.shape == tensor.shape and read.tobytes() == tensor.tobytes(), name


if __name__ == "__main__":
    main()
