#!/bin/sh
# Kernel logistic regression of hepml-ratio against NumPy, each on one core: sh benches/peers/run_falkon.sh [--help].
# Needs Rust and Python 3.11; NumPy and SciPy go into a virtual environment in the target folder, unless FALKON_PYTHON names a
# Python that has them.
set -eu
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
if [ -z "${FALKON_PYTHON:-}" ]; then
    venv=$target/falkon_peer
    FALKON_PYTHON=$venv/bin/python
    [ -x "$FALKON_PYTHON" ] || "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement benches/peers/requirements_falkon.txt
fi
cargo build --release --quiet --package hepml-benches --bin falkon_throughput
exec env OMP_NUM_THREADS=1 "$FALKON_PYTHON" benches/peers/falkon_peer.py --hepml "$target/release/falkon_throughput" "$@"
