#!/usr/bin/env python3
"""Writes hepml-ot/tests/reference/shapes.json: event shapes from other programs and from brute force.

Usage: python tools/ot_shapes_reference.py    (needs numpy, scipy and healpy; the versions used are recorded in the file)

- thrust: the largest |sum ±p| over all 2^(N-1) signs.
- healpix: pixel centres from healpy.
- isotropy: the linear program to the uniform event, solved by SciPy's HiGHS; for spheres to healpy's pixels.
- n_subjettiness: the least of many local minima from random axes, found by SciPy's Nelder-Mead and polished, for jets of
  few particles; where it is cheap (beta = 2, N = 2) from all ways to part the particles by a line, so that it is the
  global minimum.
"""

import itertools
import json
import pathlib

import healpy
import numpy as np
import scipy
from scipy.optimize import linprog, minimize
from scipy.sparse import csr_array, kron

SEED = 20200914
RESTARTS = 150
OUT = pathlib.Path(__file__).resolve().parent.parent / "hepml-ot" / "tests" / "reference" / "shapes.json"


def transport(a, b, cost):
    """min sum f c with the marginals a and b, both of total 1; certified by the dual to 1e-11."""
    n, m = cost.shape
    rows = kron(csr_array(np.eye(n)), np.ones((1, m)))
    columns = kron(np.ones((1, n)), csr_array(np.eye(m)))
    matrix = scipy.sparse.vstack([rows, columns]).tocsr()
    result = linprog(cost.ravel(), A_eq=matrix, b_eq=np.concatenate([a, b]), method="highs-ds",
                     options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10})
    assert result.status == 0, result.message
    u, v = result.eqlin.marginals[:n], result.eqlin.marginals[n:]
    v = v + (cost - u[:, None] - v[None, :]).min(axis=0)
    assert result.fun - (a @ u + b @ v) < 1e-9 * cost.max(), result.fun - (a @ u + b @ v)
    return result.fun


def thrust(momenta):
    best = 0.0
    for signs in itertools.product((1, -1), repeat=len(momenta) - 1):
        best = max(best, np.linalg.norm(momenta[0] + np.array(signs) @ momenta[1:]))
    return best / np.linalg.norm(momenta, axis=1).sum()


def wrapped(phi):
    return (phi + np.pi) % (2 * np.pi) - np.pi


def isotropy(rng):
    cases = []
    for kind in ["ring", "cylinder", "sphere"]:
        for count in [1, 2, 7, 20]:
            direction = rng.normal(size=(count, 3))
            momenta = direction * rng.exponential(20.0, size=(count, 1))
            size = np.linalg.norm(momenta, axis=1)
            pt, phi = np.hypot(momenta[:, 0], momenta[:, 1]), np.arctan2(momenta[:, 1], momenta[:, 0])
            y = np.arctanh(momenta[:, 2] / size)
            if kind == "ring":
                points = (np.arange(48) + 0.5) * 2 * np.pi / 48
                delta = np.abs(wrapped(phi[:, None] - points[None, :]))
                costs = {"quadratic": np.pi / (np.pi - 2) * (1 - np.cos(delta)), "linear": 4 / np.pi * delta}
                energy, setting = pt, 48
            elif kind == "cylinder":
                y_max, n_phi = 4.0, 12
                assert np.abs(y).max() < y_max
                n_y = int(np.floor(y_max * n_phi / np.pi))
                ys = (np.arange(n_y) + 0.5) * 2 * y_max / n_y - y_max
                phis = (np.arange(n_phi) + 0.5) * 2 * np.pi / n_phi
                ys, phis = [grid.ravel() for grid in np.meshgrid(ys, phis)]
                delta = wrapped(phi[:, None] - phis[None, :]) ** 2 + (y[:, None] - ys[None, :]) ** 2
                costs = {"quadratic": 12 / (np.pi**2 + 16 * y_max**2) * delta}
                energy, setting = pt, [y_max, n_phi]
            else:
                nside = 4
                pixels = np.array(healpy.pix2vec(nside, np.arange(12 * nside**2))).T
                cosine = np.clip(momenta / size[:, None] @ pixels.T, -1, 1)
                costs = {"quadratic": 2 * (1 - cosine), "linear": 1.5 * np.sqrt(1 - cosine)}
                energy, setting = size, nside
            for name, cost in costs.items():
                value = transport(energy / energy.sum(), np.full(cost.shape[1], 1 / cost.shape[1]), cost)
                cases.append({"kind": kind, "setting": setting, "cost": name, "momenta": momenta.tolist(), "value": value})
    return cases


def tau(axes, z, points, beta):
    delta = points[None, :, :] - axes.reshape(-1, 1, 2)
    delta[:, :, 1] = wrapped(delta[:, :, 1])
    return z @ (np.hypot(delta[:, :, 0], delta[:, :, 1]) ** beta).min(axis=0)


def n_subjettiness(rng):
    cases = []
    for count in [5, 9, 14]:
        z = rng.exponential(size=count) ** 2
        z /= z.sum()
        # About phi = pi, so that the jet straddles the cut.
        points = rng.normal(scale=0.35, size=(count, 2)) + [0.5, np.pi]
        points[:, 1] = wrapped(points[:, 1])
        for beta in [0.5, 1.0, 1.5, 2.0, 3.0]:
            values = []
            for n in [1, 2, 3]:
                best = np.inf
                for _ in range(RESTARTS):
                    # From particles, and not quite from particles.
                    start = points[rng.choice(count, size=n, replace=False, p=None)]
                    best = min(best, tau(start, z, points, beta))
                    start = start + rng.normal(scale=0.1, size=start.shape)
                    found = minimize(tau, start.ravel(), args=(z, points, beta), method="Nelder-Mead",
                                     options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000})
                    best = min(best, found.fun)
                values.append(best)
            cases.append({"rows": np.column_stack([z, points]).tolist(), "beta": beta, "tau": values})
        # All ways to part the particles in two: the global minimum for beta = 2.
        about = np.column_stack([points[:, 0], wrapped(points[:, 1] - np.pi)])
        best = np.inf
        for members in itertools.product((False, True), repeat=count - 1):
            members = np.array((True,) + members)
            value = 0.0
            for part in (members, ~members):
                if part.any():
                    mean = z[part] @ about[part] / z[part].sum()
                    value += z[part] @ ((about[part] - mean) ** 2).sum(axis=1)
            best = min(best, value)
        cases[-2]["two_exact"] = best
    return cases


def main():
    rng = np.random.default_rng(SEED)
    events = [rng.normal(size=(n, 3)) * rng.exponential(5.0, size=(n, 1)) for n in (1, 2, 3, 4, 5, 7, 10, 14)]
    document = {
        "written_by": "tools/ot_shapes_reference.py",
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "healpy": healpy.__version__},
        "thrust": [{"momenta": event.tolist(), "value": thrust(event)} for event in events],
        "transverse_thrust": [
            {"momenta": event.tolist(), "value": thrust(np.column_stack([event[:, :2], np.zeros(len(event))]))}
            for event in events
        ],
        "healpix": [
            {"nside": nside, "centres": np.array(healpy.pix2vec(nside, np.arange(12 * nside**2))).T.tolist()}
            for nside in (1, 2, 4)
        ],
        "isotropy": isotropy(rng),
        "n_subjettiness": n_subjettiness(rng),
    }
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(f"{OUT}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
