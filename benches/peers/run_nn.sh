#!/bin/sh
# Training and inference of hepml-nn against PyTorch, each on one core: sh benches/peers/run_nn.sh [--help];
# convolutions of lattice flows: sh benches/peers/run_nn.sh convolutions [--help].
# Needs Rust and Python 3.11; PyTorch (4 GB with what it wants) goes into a virtual environment in the target folder, unless
# TORCH_PYTHON names a Python that has it.
set -eu
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
if [ -z "${TORCH_PYTHON:-}" ]; then
    venv=$target/torch
    TORCH_PYTHON=$venv/bin/python
    if [ ! -x "$TORCH_PYTHON" ]; then
        "${PYTHON:-python3}" -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps torch==2.15.0
        "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement benches/peers/requirements_torch.txt
    fi
fi
case ${1:-} in
    convolutions) shift; what=conv ;;
    *) what=nn ;;
esac
cargo build --release --quiet --package hepml-benches --bin "${what}_throughput"
exec env OMP_NUM_THREADS=1 "$TORCH_PYTHON" "benches/peers/${what}_peer.py" --hepml "$target/release/${what}_throughput" "$@"
