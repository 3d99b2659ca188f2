#!/bin/sh
# Boosted trees of hepml-ratio against scikit-learn, each on one core: sh benches/peers/run_trees.sh [--help].
# Needs Rust and Python 3.11; scikit-learn goes into a virtual environment in the target folder.
set -eu
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
venv=$target/trees_peer
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement benches/peers/requirements_trees.txt
cargo build --release --quiet --package hepml-benches --bin trees_throughput
exec env OMP_NUM_THREADS=1 "$venv/bin/python" benches/peers/trees_peer.py --hepml "$target/release/trees_throughput" "$@"
