#!/usr/bin/env python3
"""Write the tabular fixtures of hepml-io and what NumPy says is in them.

Files go to ``hepml-io/tests/data/``: events as NumPy (.npy, .npz), h5py, pandas
with PyTables, pyarrow and awkward write them, a few kB each.  What they hold
goes to ``hepml-io/tests/reference/tables.json``: counts, column names, sums of
the columns, sums of the four-momenta, labels and weights.  Sums are exact
(``math.fsum``) over double-precision terms.

``--check FILE.npz`` instead reads a file that hepml-io wrote and prints its
aggregates, for comparing by eye; hepml-io's own tests read back what it writes.

Versions used for the committed files::

    CPython 3.11, numpy 2.4.6, h5py 3.16.0, pandas 3.1.1, tables 3.11.1,
    pyarrow 26.0.1, awkward 2.14.0

    pip install numpy h5py pandas tables pyarrow awkward
    python tools/io_table_reference.py
"""

import argparse
import gzip
import io
import json
import math
import sys
from importlib.metadata import version
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

CRATE = Path(__file__).resolve().parent.parent / "hepml-io"
DATA = CRATE / "tests" / "data"
PACKAGES = ["numpy", "h5py", "pandas", "tables", "pyarrow", "awkward"]
IDS = np.array([22, 211, -211, 130, 321, -321, 2112, -2112, 2212, 11, -13])


def jets(rng, events, most, dtype):
    """Events of 0 to `most` particles (pt, y, phi, pid), hardest first, padded
    with zeros to `most`."""
    X = np.zeros((events, most, 4), dtype)
    for i, n in enumerate(rng.integers(0, most + 1, events)):
        X[i, :n, 0] = np.sort(rng.exponential(20.0, n) + 0.1)[::-1]
        X[i, :n, 1] = rng.normal(0.5, 0.4, n)
        X[i, :n, 2] = rng.uniform(-math.pi, math.pi, n)
        X[i, :n, 3] = rng.choice(IDS, n)
    return X


def fsum(values):
    return math.fsum(np.asarray(values, np.float64).ravel().tolist())


def exact(values):
    """Numbers as text: not every JSON reader rounds correctly."""
    return [repr(v) for v in np.asarray(values, np.float64).tolist()]


def of_table(columns, values):
    """Aggregates of a table; of a very wide one, the first 200 columns and the
    last."""
    values = np.asarray(values).astype(np.float64)
    shown = [*range(min(200, values.shape[1] - 1)), values.shape[1] - 1]
    return {
        "rows": values.shape[0],
        "width": values.shape[1],
        "shown": shown,
        "columns": [str(columns[j]) for j in shown],
        "sums": [fsum(values[:, j]) for j in shown],
        "last": exact(values[-1, shown]),
    }


def of_particles(rows, momenta, labels=None, weights=None):
    """Aggregates of events: `rows` and `momenta` (E, px, py, pz) are lists of
    arrays, one an event, without padding."""
    flat = np.concatenate([np.asarray(r, np.float64) for r in rows])
    p = np.concatenate([np.asarray(q, np.float64) for q in momenta])
    out = {
        "events": len(rows),
        "particles": len(flat),
        "counts": [len(r) for r in rows],
        "column_sums": [fsum(flat[:, j]) for j in range(flat.shape[1])],
        "momentum_sums": [fsum(p[:, j]) for j in range(4)],
        # The scale of rounding errors: components cancel.
        "momentum_scale": fsum(p[:, 0]),
    }
    if labels is not None:
        out["labels"] = exact(labels)
    if weights is not None:
        out["weights"] = exact(weights)
    return out


def massless(rows, rapidity=True):
    """(E, px, py, pz) of massless particles (pt, y or eta, phi, ...): the two
    are the same for them."""
    r = np.asarray(rows, np.float64)
    pt, y, phi = r[:, 0], r[:, 1], r[:, 2]
    return np.stack([pt * np.cosh(y), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(y)], 1)


def unpad(X):
    return [x[x[:, 0] > 0] for x in X]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=Path, metavar="NPZ")
    arguments = parser.parse_args()
    if arguments.check:
        with np.load(arguments.check) as file:
            X = file["X"]
            rows = unpad(X)
            print(json.dumps(of_particles(rows, [massless(r) for r in rows],
                                          file["y"] if "y" in file else None,
                                          file["weights"] if "weights" in file else None)))
        return

    DATA.mkdir(parents=True, exist_ok=True)
    (CRATE / "tests" / "reference").mkdir(exist_ok=True)
    rng = np.random.default_rng(20261122)
    tables, particles = {}, {}

    # NumPy: EnergyFlow's layout, compressed and not, other types and orders.
    X = jets(rng, 12, 9, np.float32)
    y = rng.integers(0, 2, len(X)).astype(np.int8)
    w = rng.normal(1.0, 0.6, len(X))
    np.savez_compressed(DATA / "jets.npz", X=X, y=y, weights=w)
    rows = unpad(X)
    particles["jets.npz"] = of_particles(rows, [massless(r) for r in rows], y, w)

    X3 = jets(rng, 5, 4, np.float64)[..., :3]
    np.savez(DATA / "plain.npz", X=np.asfortranarray(X3), y=np.array([True, False, True, True, False]),
             extra=rng.normal(size=(3, 2)).astype(">f4"))
    rows = unpad(X3)
    particles["plain.npz"] = of_particles(rows, [massless(r) for r in rows], [1, 0, 1, 1, 0])
    with np.load(DATA / "plain.npz") as file:
        tables["plain.npz:extra"] = of_table(range(2), file["extra"])

    for name, dtype in [("f2", "<f2"), ("f4", "<f4"), ("f8", "<f8"), ("f8_big", ">f8"), ("f4_big", ">f4"),
                        ("i1", "i1"), ("i2_big", ">i2"), ("i4", "<i4"), ("i8", "<i8"), ("u1", "u1"),
                        ("u2", "<u2"), ("u4_big", ">u4"), ("u8", "<u8"), ("b1", "?")]:
        values = rng.normal(0, 100, (4, 3))
        if "u" in dtype:
            values = np.abs(values)
        if dtype == "?":
            values = values > 0
        values = values.astype(dtype)
        np.save(DATA / f"table_{name}.npy", values)
        tables[f"table_{name}.npy"] = of_table(range(3), values)
    values = rng.normal(size=(7, 2))
    np.save(DATA / "table_fortran.npy", np.asfortranarray(values))
    tables["table_fortran.npy"] = of_table(range(2), values)
    np.save(DATA / "vector.npy", values[:, 0])
    tables["vector.npy"] = of_table(range(1), values[:, :1])
    buffer = io.BytesIO()
    np.save(buffer, values)
    (DATA / "table.npy.gz").write_bytes(gzip.compress(buffer.getvalue(), mtime=0))
    tables["table.npy.gz"] = of_table(range(2), values)
    record = np.zeros(3, [("a", "<f4"), ("b", "<i8")])
    np.save(DATA / "structured.npy", record)
    np.save(DATA / "objects.npy", np.array([{}, []], object), allow_pickle=True)

    # h5py: plain arrays, chunked and filtered arrays, compound tables, old and new file format.
    for libver in ["earliest", "v114"]:
        name = f"arrays_{libver}.h5"
        with h5py.File(DATA / name, "w", libver=(libver, "v114")) as file:
            contiguous = rng.normal(size=(6, 3))
            file["contiguous"] = contiguous
            tables[f"{name}:contiguous"] = of_table(range(3), contiguous)
            chunked = rng.normal(size=(50, 4)).astype(np.float32)
            file.create_dataset("group/chunked", data=chunked, chunks=(20, 3), compression="gzip", shuffle=True,
                                fletcher32=True, maxshape=(None, 4))
            tables[f"{name}:group/chunked"] = of_table(range(4), chunked)
            lzf = rng.integers(-5, 5, (40, 2)).astype(">i2")
            file.create_dataset("lzf", data=lzf, chunks=(16, 2), compression="lzf")
            tables[f"{name}:lzf"] = of_table(range(2), lzf)
            compound = np.zeros(9, [("pt", "<f4"), ("n", "<i8"), ("axis", ">f8", (3,)), ("tag", "?"), ("name", "S3")])
            compound["pt"] = rng.exponential(size=9)
            compound["n"] = rng.integers(-9, 9, 9)
            compound["axis"] = rng.normal(size=(9, 3))
            compound["tag"] = rng.integers(0, 2, 9)
            file.create_dataset("compound", data=compound, chunks=(4,), compression="gzip")
            tables[f"{name}:compound"] = of_table(
                ["pt", "n", "axis_0", "axis_1", "axis_2", "tag"],
                np.column_stack([compound["pt"], compound["n"], compound["axis"], compound["tag"]]))
            vector = np.arange(5, dtype=np.uint8)
            file["vector"] = vector
            tables[f"{name}:vector"] = of_table(["0"], vector[:, None])
            X = jets(rng, 8, 6, np.float32)
            y = np.arange(8) % 2
            file.create_dataset("X", data=X, chunks=(3, 6, 4), compression="gzip")
            file["y"] = y
            file["w"] = np.linspace(-1, 2.5, 8).astype(np.float32)
            rows = unpad(X)
            particles[f"{name}:X"] = of_particles(rows, [massless(r) for r in rows], y, np.linspace(-1, 2.5, 8))
            file["text"] = "not a table"
            file.create_dataset("never_written", shape=(3, 2), dtype="f8", chunks=(2, 2), fillvalue=1.5)
            tables[f"{name}:never_written"] = of_table(range(2), np.full((3, 2), 1.5))

    with h5py.File(DATA / "layout_v5.h5", "w", libver="latest") as file:
        file.create_dataset("chunked", data=np.arange(6.0).reshape(3, 2), chunks=(2, 2), compression="gzip")

    # pandas, as the top-tagging reference set (a table) and the LHC Olympics file (fixed) were written.
    most = 12
    X = jets(rng, 6, most, np.float64)
    p = np.stack([massless(x) for x in X]).astype(np.float32)
    p[X[..., 0] == 0] = 0
    names = [f"{c}_{i}" for i in range(most) for c in ("E", "PX", "PY", "PZ")]
    frame = pd.DataFrame(p.reshape(len(p), -1), columns=names)
    for c in ["truthE", "truthPX", "truthPY", "truthPZ"]:
        frame[c] = rng.normal(500, 50, len(p)).astype(np.float32)
    frame["ttv"] = np.arange(len(p)) % 3
    frame["is_signal_new"] = [1, 0, 0, 1, 1, 0]
    frame.index = [4, 17, 5, 99, 3, 2]
    rows = [q[q[:, 0] > 0] for q in p]
    expected = of_particles(rows, rows, frame["is_signal_new"])
    for name, options in [("toptagging_table.h5", {"format": "table", "complib": "zlib", "complevel": 9, "index": False}),
                          ("toptagging_fixed.h5", {"format": "fixed"}),
                          ("toptagging_columns.h5", {"format": "table", "complib": "zlib", "complevel": 9, "index": False,
                                                     "data_columns": ["is_signal_new", "E_1"]})]:
        frame.to_hdf(DATA / name, key="table", mode="w", **options)
        particles[name] = expected
        tables[name] = of_table(frame.columns, frame.to_numpy())
    frame.iloc[:, :2].to_hdf(DATA / "blosc.h5", key="table", mode="w", format="table", complib="blosc", complevel=5,
                              index=False)

    most = 700
    X = jets(rng, 5, 60, np.float64)[..., :3]
    flat = np.zeros((5, 3 * most + 1))
    flat[:, :180] = X.reshape(5, -1)
    flat[:, -1] = [0, 1, 0, 0, 1]
    for name, options in [("olympics_fixed.h5", {"format": "fixed"}), ("olympics_table.h5", {"format": "table", "index": False})]:
        pd.DataFrame(flat).to_hdf(DATA / name, key="df", mode="w", complib="zlib", complevel=9, **options)
        rows = unpad(X)
        particles[name] = of_particles(rows, [massless(r) for r in rows], flat[:, -1])
        tables[name] = of_table(range(3 * most + 1), flat)

    # Parquet: flat columns, and lists of every kind of nullability, in several row groups.
    n = 25
    flat = pa.table({
        "mass": pa.array(rng.normal(90, 3, n)),
        "pt": pa.array(rng.exponential(30, n).astype(np.float32)),
        "count": pa.array(rng.integers(0, 4, n).astype(np.int64)),
        "small": pa.array(rng.integers(-100, 100, n).astype(np.int8)),
        "unsigned": pa.array(rng.integers(2**31, 2**32, n).astype(np.uint32)),
        "tag": pa.array(rng.integers(0, 2, n).astype(bool)),
    })
    sums = of_table(flat.column_names, flat.to_pandas().astype(np.float64).to_numpy())
    for name, options in [
        ("flat_snappy.parquet", {"compression": "snappy", "row_group_size": 10}),
        ("flat_gzip.parquet", {"compression": "gzip", "data_page_version": "2.0"}),
        ("flat_none.parquet", {"compression": "none", "use_dictionary": False, "use_byte_stream_split": ["mass", "pt"]}),
        ("flat_zstd.parquet", {"compression": "zstd"}),
    ]:
        pq.write_table(flat, DATA / name, **options)
        tables[name] = sums
    pq.write_table(flat.select(["pt"]), DATA / "flat_brotli.parquet", compression="brotli")
    pq.write_table(flat.append_column("name", pa.array(["x"] * n)), DATA / "flat_text.parquet")
    pq.write_table(pa.table({"a": pa.array([1.0, None, 3.0])}), DATA / "null.parquet")

    X = jets(rng, 20, 7, np.float64)
    rows = unpad(X)
    label = rng.integers(0, 2, 20)
    weight = rng.normal(1, 0.1, 20)
    expected = of_particles(rows, [massless(r) for r in rows], label, weight)
    lists = {c: [r[:, j].tolist() for r in rows] for j, c in enumerate(["pt", "y", "phi"])}
    lists["pid"] = [r[:, 3].astype(int).tolist() for r in rows]
    nullable = pa.table({
        "label": pa.array(label),
        "pt": pa.array(lists["pt"], pa.list_(pa.float64())),
        "y": pa.array(lists["y"], pa.list_(pa.field("element", pa.float64(), nullable=False))),
        "phi": pa.array(lists["phi"], pa.large_list(pa.float64())),
        "pid": pa.array(lists["pid"], pa.list_(pa.int32())),
        "weight": pa.array(weight),
    })
    pq.write_table(nullable, DATA / "lists_pyarrow.parquet", row_group_size=12, compression="snappy")
    particles["lists_pyarrow.parquet"] = expected
    ak.to_parquet(ak.Array({**lists, "label": label, "weight": weight}),
                  str(DATA / "lists_awkward.parquet"), compression="snappy", list_to32=True)
    particles["lists_awkward.parquet"] = expected
    # awkward's default is Zstandard; pages of version 2, several a column.
    pq.write_table(nullable, DATA / "lists_zstd.parquet", compression="zstd", data_page_version="2.0",
                   data_page_size=256, write_batch_size=8)
    particles["lists_zstd.parquet"] = expected
    records = ak.Array({"particles": ak.zip(lists), "label": label, "weight": weight})
    ak.to_parquet(records, str(DATA / "records_awkward.parquet"), compression="gzip", list_to32=True)
    particles["records_awkward.parquet"] = expected
    crowded = max(range(7, 20), key=lambda i: len(rows[i]))
    broken = nullable.set_column(2, "y", pa.array([v[:-1] if i == crowded else v for i, v in enumerate(lists["y"])]))
    pq.write_table(broken, DATA / "lists_unequal.parquet")
    holes = nullable.set_column(1, "pt", pa.array(
        [[None] + v[1:] if i == crowded else v for i, v in enumerate(lists["pt"])], pa.list_(pa.float64())))
    pq.write_table(holes, DATA / "lists_null.parquet")

    # The jets that tests check against where they are (they are not part of the project).
    shared = {}
    path = CRATE.parent.parent / "shared" / "data" / "jets_top_qcd.npz"
    if path.exists():
        with np.load(path) as file:
            X = file["X"].astype(np.float64)
        X = X[X[..., 0] > 0]
        shared[path.name] = {"particles": len(X), "column_sums": [fsum(c) for c in X.T],
                             "column_moduli": [fsum(np.abs(c)) for c in X.T]}

    reference = {
        "source": "tools/io_table_reference.py",
        "versions": {"python": sys.version.split()[0], **{p: version(p) for p in PACKAGES}},
        "tables": tables,
        "particles": particles,
        "shared": shared,
    }
    # JSON knows no NaN: there is none.
    text = json.dumps(reference, allow_nan=False)
    (CRATE / "tests" / "reference" / "tables.json").write_text(text + "\n")
    mine = [f for f in DATA.iterdir() if f.suffix in {".npy", ".npz", ".h5", ".parquet"}]
    print("total", sum(f.stat().st_size for f in mine), "bytes")


if __name__ == "__main__":
    main()
