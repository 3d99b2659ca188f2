#!/bin/sh
# The EMD of hepml against wasserstein and POT, each on one core: sh benches/peers/run.sh [--help].
# Needs Rust and Python 3.11; the peers go into a virtual environment in the target folder.
set -eu
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
venv=$target/peers
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement benches/peers/requirements.txt
cargo build --release --quiet --package hepml-benches --bin emd_throughput
exec env OMP_NUM_THREADS=1 "$venv/bin/python" benches/peers/compare.py --hepml "$target/release/emd_throughput" "$@"
