#!/usr/bin/env python3
"""Reference values for transport on a line and a circle and what is built of it, from POT (exact solvers only).

Writes hepml-ot/tests/reference/line.json. Needs numpy, scipy and POT:

    python3 tools/ot_line_reference.py

- line: ot.emd2_1d on the line, W_p^p (metric "minkowski" with p, raised to p by hand through a cost matrix for other p).
- circle: ot.wasserstein_circle on circles of circumference 1, which is W_p^p, cross-checked here with ot.emd2 on the
  matrix of shorter ways round (a linear program); the program's value is what is written.
- sliced: the mean over directions of ot.emd2_1d.
- spectral: W_2^2 by ot.emd2_1d with the squared distance between the spectral functions, normalised or with the
  missing line at omega_max, for events in the plane, on the cylinder and on the sphere.
"""

import json
import math
import pathlib

import numpy as np
import ot
import scipy

SEED = 20240731
OUT = pathlib.Path(__file__).resolve().parent.parent / "hepml-ot" / "tests" / "reference" / "line.json"


def program(x, y, a, b, distance, p):
    """W_p^p by the network simplex of POT on the full cost matrix."""
    cost = distance(x[:, None], y[None, :]) ** p
    return float(ot.emd2(a, b, cost, numItermax=1_000_000))


def line(x, y, a, b, p):
    value = program(x, y, a, b, lambda s, t: np.abs(s - t), p)
    if p == 1:
        other = float(ot.emd2_1d(x, y, a, b, metric="cityblock"))
    elif p == 2:
        other = float(ot.emd2_1d(x, y, a, b, metric="sqeuclidean"))
    else:
        other = value
    assert abs(value - other) <= 1e-12 * max(value, other, 1e-3), (value, other)
    return other


def circle(x, y, a, b, p):
    def distance(s, t):
        d = np.abs(s - t) % 1.0
        return np.minimum(d, 1.0 - d)

    value = program(x, y, a, b, distance, p)
    other = float(np.ravel(ot.wasserstein_circle(x, y, a, b, p=p))[0])
    assert abs(value - other) <= 1e-5 * max(value, 1e-3), (p, value, other)
    return value


def spectral_function(energies, omega):
    i, j = np.triu_indices(len(energies), k=1)
    w = np.concatenate([[0.0], omega[i, j]])
    s = np.concatenate([[np.sum(energies**2)], 2.0 * energies[i] * energies[j]])
    return w, s


def plane(event, beta, periodic):
    e, y, phi = event.T
    dphi = np.abs(phi[:, None] - phi[None, :])
    if periodic:
        dphi = np.pi - np.abs(dphi % (2.0 * np.pi) - np.pi)
    theta = np.hypot(y[:, None] - y[None, :], dphi)
    return spectral_function(e, theta**beta / beta)


def sphere(momenta, beta):
    e, p = momenta[:, 0], momenta[:, 1:]
    n = p / np.linalg.norm(p, axis=1, keepdims=True)
    cosine = n @ n.T
    sine = np.linalg.norm(np.cross(n[:, None, :], n[None, :, :]), axis=2)
    return spectral_function(e, np.arctan2(sine, cosine) ** beta / beta)


def semd(s, t, omega_max=None):
    (w, a), (v, b) = s, t
    if omega_max is None:
        a, b, scale = a / math.fsum(a), b / math.fsum(b), 1.0
    else:
        total_a, total_b = math.fsum(a), math.fsum(b)
        scale = max(total_a, total_b)
        w, a = np.append(w, omega_max), np.append(a, scale - total_a) / scale
        v, b = np.append(v, omega_max), np.append(b, scale - total_b) / scale
    a, b = a / a.sum(), b / b.sum()
    return scale * float(ot.emd2_1d(w, v, a, b, metric="sqeuclidean"))


def main():
    rng = np.random.default_rng(SEED)
    weights = lambda n: rng.dirichlet(np.ones(n))

    lines, circles = [], []
    for n, m in [(1, 1), (1, 5), (4, 3), (12, 15), (40, 30)]:
        x, y, a, b = rng.normal(0, 1, n), rng.normal(0.5, 2, m), weights(n), weights(m)
        entry = {"x": x.tolist(), "y": y.tolist(), "a": a.tolist(), "b": b.tolist()}
        entry["w"] = [[p, line(x, y, a, b, p)] for p in (1.0, 1.5, 2.0, 3.0)]
        lines.append(entry)
        x, y = rng.uniform(0, 1, n), rng.uniform(0, 1, m)
        if n == 12:  # a bunch on both sides of the cut
            x, y = rng.normal(0, 0.05, n) % 1.0, rng.normal(0.95, 0.05, m) % 1.0
        entry = {"x": x.tolist(), "y": y.tolist(), "a": a.tolist(), "b": b.tolist()}
        entry["w"] = [[p, circle(x, y, a, b, p)] for p in (1.0, 1.5, 2.0, 3.0)]
        circles.append(entry)
    for n in (6, 9):  # equal weights on a grid: ties, coinciding points
        x, y = rng.integers(0, 8, n) / 8.0, rng.integers(0, 8, n) / 8.0
        a = np.full(n, 1.0 / n)
        entry = {"x": x.tolist(), "y": y.tolist(), "a": a.tolist(), "b": a.tolist()}
        lines.append(entry | {"w": [[p, line(x, y, a, a, p)] for p in (1.0, 1.5, 2.0, 3.0)]})
        circles.append(entry | {"w": [[p, circle(x, y, a, a, p)] for p in (1.0, 1.5, 2.0, 3.0)]})

    def jet(n):
        return np.column_stack([rng.exponential(10.0, n), rng.normal(0, 0.3, n), rng.normal(0, 0.3, n)])

    def momenta(n):
        p = rng.normal(0, 20.0, (n, 3))
        return np.column_stack([np.linalg.norm(p, axis=1) + rng.exponential(0.2, n), p])

    planar = []
    for n, m in [(1, 1), (1, 4), (2, 3), (8, 6), (15, 20)]:
        a, b = jet(n), jet(m)
        if n == 8:
            a[:, 2] += np.pi
            b[:, 2] -= np.pi
            a[3:, 2] -= 2.0 * np.pi
        entry = {"ev0": a.tolist(), "ev1": b.tolist()}
        entry["semd"] = [
            {"beta": beta, "periodic_phi": periodic, "omega_max": most,
             "value": semd(plane(a, beta, periodic), plane(b, beta, periodic), most)}
            for beta, periodic, most in [(1.0, False, None), (1.0, True, None), (2.0, False, None), (0.5, True, None),
                                         (1.0, False, 8.0), (2.0, True, 50.0)]
        ]
        entry["sliced"] = []
        for p, count in [(1.0, 5), (2.0, 8), (1.5, 3)]:
            angles = np.pi * (np.arange(count) + 0.5) / count
            along = [a[:, 1:] @ [math.cos(t), math.sin(t)] for t in angles]
            other = [b[:, 1:] @ [math.cos(t), math.sin(t)] for t in angles]
            z, w = a[:, 0] / a[:, 0].sum(), b[:, 0] / b[:, 0].sum()
            value = float(np.mean([line(x, y, z, w, p) for x, y in zip(along, other)]))
            entry["sliced"].append({"p": p, "directions": count, "value": value})
        planar.append(entry)
    spherical = []
    for n, m in [(2, 3), (9, 12)]:
        a, b = momenta(n), momenta(m)
        values = [{"beta": beta, "value": semd(sphere(a, beta), sphere(b, beta))} for beta in (1.0, 2.0)]
        spherical.append({"ev0": a.tolist(), "ev1": b.tolist(), "semd": values})

    document = {
        "about": "Written by tools/ot_line_reference.py; plane rows are (pt, y, phi), sphere rows (E, px, py, pz).",
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "POT": ot.__version__},
        "line": lines,
        "circle": circles,
        "plane": planar,
        "sphere": spherical,
    }
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(f"{len(lines)} lines, {len(circles)} circles, {len(planar)} plane, {len(spherical)} sphere -> {OUT}")


if __name__ == "__main__":
    main()
