#!/usr/bin/env python3
"""Writes hepml-ot/tests/reference/emd.json: optimal transport values from SciPy's HiGHS linear-programming solver.

Usage: python tools/ot_reference.py    (needs numpy and scipy; the versions used are recorded in the file)

Each problem is written as the linear program of its definition, with inequalities and no fictitious particle, so that it
shares nothing with the formulation in the crate. Each value is accepted only if the solver's own dual solution, made
feasible, bounds it from below to RELATIVE_GAP, and if the plan keeps to its limits to EXCESS (both of the total).
"""

import json
import math
import pathlib

import numpy as np
import scipy
from scipy.optimize import linprog

SEED = 20190201
RELATIVE_GAP = 1e-11
EXCESS = 1e-14
OUT = pathlib.Path(__file__).resolve().parent.parent / "hepml-ot" / "tests" / "reference" / "emd.json"

# (R, beta, normalise, periodic phi)
SETTINGS = [
    (1.0, 1.0, False, False),
    (0.4, 1.0, False, True),
    (0.2, 1.0, True, False),
    (1.0, 0.5, False, False),
    (0.4, 0.5, True, True),
    (0.4, 2.0, False, False),
    (1.0, 2.0, True, True),
    (1.0, 3.3, False, True),
    (0.2, 3.3, True, False),
]


def minimise(cost, a, b, moved, penalty_a=0.0, penalty_b=0.0):
    """min sum f c + penalty_a (sum a - sum f) + penalty_b (sum b - sum f), rows <= a, columns <= b, sum f = moved if given."""
    a, b, cost = (np.asarray(x, dtype=float) for x in (a, b, cost))
    n, m = cost.shape
    constant = penalty_a * math.fsum(a) + penalty_b * math.fsum(b)
    if n == 0 or m == 0:
        return constant
    rows = np.kron(np.eye(n), np.ones((1, m)))
    columns = np.kron(np.ones((1, n)), np.eye(m))
    mass = max(a.sum(), b.sum(), 1e-300)
    size = max(np.abs(cost).max(), abs(penalty_a), abs(penalty_b), 1e-300)
    reduced = (cost - penalty_a - penalty_b) / size
    kwargs = {}
    if moved is not None:
        kwargs = {"A_eq": np.ones((1, n * m)), "b_eq": [moved / mass]}
    result = linprog(
        reduced.ravel(),
        A_ub=np.vstack([rows, columns]),
        b_ub=np.concatenate([a, b]) / mass,
        bounds=(0, None),
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        **kwargs,
    )
    assert result.status == 0, result.message
    value = math.fsum((result.x * reduced.ravel()).tolist())
    # A plan that takes a little more than there is would be cheaper than it may be.
    excess = max(0.0, -result.ineqlin.residual.min(), -result.x.min())
    if moved is not None:
        excess = max(excess, abs(result.eqlin.residual).max())
    assert excess <= EXCESS, excess
    # The certificate: y <= 0 of the inequalities, z free of the equality, y_i + y_j + z <= c after lowering the rows' y.
    y = np.minimum(result.ineqlin.marginals, 0.0)
    z = float(result.eqlin.marginals[0]) if moved is not None else 0.0
    slack = np.min(reduced - y[None, n:] - z, axis=1)
    y[:n] = np.minimum(slack, 0.0) if moved is not None else np.minimum(y[:n], slack)
    infeasible = np.maximum(y[:n, None] + y[None, n:] + z - reduced, 0.0).max()
    bound = math.fsum((y * np.concatenate([a, b]) / mass).tolist()) + (z * moved / mass if moved is not None else 0.0)
    assert infeasible <= 1e-12 and value - bound <= RELATIVE_GAP, (infeasible, value - bound)
    return value * mass * size + constant


def emd(ev0, ev1, radius, beta, normalise, periodic):
    ev0, ev1 = (np.asarray(ev, dtype=float).reshape(-1, 3) for ev in (ev0, ev1))
    a, b = ev0[:, 0], ev1[:, 0]
    if normalise:
        a, b = a / math.fsum(a), b / math.fsum(b)
    dy = ev0[:, None, 1] - ev1[None, :, 1]
    dphi = np.abs(ev0[:, None, 2] - ev1[None, :, 2])
    if periodic:
        dphi = np.pi - np.abs(np.fmod(dphi, 2 * np.pi) - np.pi)
    cost = (np.hypot(dy, dphi) / radius) ** beta
    total_a, total_b = math.fsum(a), math.fsum(b)
    moved = min(total_a, total_b)
    surplus = 0.0 if normalise else abs(total_a - total_b)
    return minimise(cost, a, b, moved) + surplus


def event_pairs(rng):
    # On a fine binary grid, so that sums of energies are exact and a split is exactly collinear.
    def on_grid(rows):
        return np.round(rows * 2.0**24) / 2.0**24

    def jet(n, spread=0.4):
        return on_grid(
            np.column_stack([rng.exponential(10.0, n), rng.normal(0.0, spread, n), rng.normal(0.0, spread, n)])
        )

    def event(n):
        return on_grid(
            np.column_stack([rng.exponential(10.0, n), rng.uniform(-2.5, 2.5, n), rng.uniform(-np.pi, np.pi, n)])
        )

    def grid(n, cells, weights):
        return np.column_stack([rng.choice(weights, n), rng.integers(0, cells, (n, 2)) * 0.25])

    pairs = []
    for n, m in [(1, 1), (1, 7), (6, 1), (2, 2), (3, 5), (9, 4), (12, 12), (14, 11)]:
        pairs.append(("jet", jet(n), jet(m)))
    for n, m in [(2, 3), (7, 7), (12, 9), (10, 14)]:
        pairs.append(("event", event(n), event(m)))
    for n, m in [(4, 4), (9, 9), (12, 12), (10, 13)]:
        pairs.append(("grid", grid(n, 4, [1.0]), grid(m, 4, [1.0])))
        pairs.append(("grid with weights", grid(n, 3, [1.0, 2.0, 3.0]), grid(m, 3, [1.0, 2.0, 3.0])))
    for n in (3, 11):
        one = jet(n)
        pairs.append(("identical", one, one))
        pairs.append(("permuted", one, one[rng.permutation(n)]))
        split = np.vstack([one, one[:1]])
        split[-1, 0] = np.floor(one[0, 0] * 2.0**23) / 2.0**24
        split[0, 0] -= split[-1, 0]
        pairs.append(("collinear split", one, split))
    for n, m in [(3, 3), (8, 8)]:
        left, right = jet(n), jet(m)
        left[:, 2] += np.pi - 0.1
        right[:, 2] -= np.pi - 0.1
        pairs.append(("wrap-around phi", left, right))
    winding = jet(5)
    winding[:, 2] += 6 * np.pi
    pairs.append(("phi beyond one turn", winding, jet(6)))
    positive = event(6)
    positive[:, 2] %= 2 * np.pi
    pairs.append(("phi from 0 to 2 pi", positive, event(6)))
    for n, m in [(5, 5), (10, 8)]:
        light, heavy = jet(n), jet(m)
        light[:, 0] /= 128.0
        pairs.append(("unequal totals", light, heavy))
        heavy = jet(m)
        heavy[0, 0] = 500.0
        pairs.append(("one heavy particle", jet(n), heavy))
    for n in (6, 10):
        equal0, equal1 = event(n), event(n)
        equal0[:, 0] = 5.0
        equal1[:, 0] = 5.0
        pairs.append(("equal weights", equal0, equal1))
    zero = jet(6)
    zero[::2, 0] = 0.0
    pairs.append(("particles without energy", zero, jet(4)))
    near = jet(8)
    pairs.append(("near", near, near + 1e-6 * rng.normal(size=near.shape)))
    return pairs


def matrix_problems(rng):
    problems = []
    for n, m, low, high in [(1, 1, 0, 1), (2, 2, -1, 1), (3, 5, 0, 1), (6, 4, -2, 3), (8, 8, 0, 1), (10, 10, -1, 0), (12, 7, -5, 5)]:
        cost = rng.uniform(low, high, (n, m))
        a, b = rng.exponential(1.0, n), rng.exponential(1.0, m)
        problems.append((cost, a, b))
    for n, m in [(6, 6), (9, 5)]:  # ties
        cost = rng.integers(-2, 3, (n, m)).astype(float)
        a, b = rng.integers(0, 3, n).astype(float), rng.integers(0, 3, m).astype(float)
        a[0], b[0] = 1.0, 1.0
        problems.append((cost, a, b))
    out = []
    for cost, a, b in problems:
        equal = b * (math.fsum(a) / math.fsum(b))
        entry = {"cost": cost.tolist(), "a": a.tolist(), "b": b.tolist(), "b_balanced": equal.tolist()}
        entry["balanced"] = minimise(cost, a, equal, math.fsum(a))
        for penalty in (0.4, 2.0, -0.3):
            total_a, total_b = math.fsum(a), math.fsum(b)
            unbalanced = minimise(cost, a, b, min(total_a, total_b)) + penalty * abs(total_a - total_b)
            partial = minimise(cost, a, b, None, penalty, penalty)
            entry.setdefault("penalised", []).append({"penalty": penalty, "unbalanced": unbalanced, "partial": partial})
        out.append(entry)
    return out


def main():
    rng = np.random.default_rng(SEED)
    settings = [dict(zip(("radius", "beta", "normalise", "periodic_phi"), s)) for s in SETTINGS]
    pairs = [
        {"kind": kind, "ev0": a.tolist(), "ev1": b.tolist()} for kind, a, b in event_pairs(rng)
    ]
    for pair in pairs:
        pair["emd"] = [emd(pair["ev0"], pair["ev1"], *s) for s in SETTINGS]
    document = {
        "about": "Written by tools/ot_reference.py; rows are (pt, y, phi); emd[k] belongs to settings[k].",
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "solver": "HiGHS dual simplex"},
        "settings": settings,
        "pairs": pairs,
        "matrices": matrix_problems(rng),
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=None, separators=(",", ":")) + "\n")
    print(f"{len(pairs)} pairs, {len(SETTINGS)} settings, {len(document['matrices'])} matrices -> {OUT}")


if __name__ == "__main__":
    main()
