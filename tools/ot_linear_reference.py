#!/usr/bin/env python3
"""Writes hepml-ot/tests/reference/linear.json: Wasserstein barycentres and Hellinger-Kantorovich distances.

Usage: python tools/ot_linear_reference.py    (needs numpy and scipy; the versions used are recorded in the file)

- Barycentres: the linear program over the energies of the barycentre and all plans at once, solved by HiGHS. Each value is
  accepted only if the solver's dual solution, made feasible by hand, bounds it from below to RELATIVE_GAP.
- Hellinger-Kantorovich: the dual, max sum a (1 - e^-u) + sum b (1 - e^-v) with u_i + v_j <= c_ij, by sequential quadratic
  programming (SLSQP), in the logarithms u, v. The primal plan is not used; each value is accepted only if the plan that
  nonnegative least squares finds for the dual's marginals on its tight pairs closes the gap to HK_GAP.
"""

import json
import pathlib

import numpy as np
import scipy
from scipy.optimize import linprog, minimize, nnls

SEED = 20210807
RELATIVE_GAP = 1e-10
HK_GAP = 1e-7
OUT = pathlib.Path(__file__).resolve().parent.parent / "hepml-ot" / "tests" / "reference" / "linear.json"


def theta(x, y, periodic):
    difference = np.abs(x[:, None, :] - y[None, :, :])
    if periodic:
        turn = difference[..., 1] % (2 * np.pi)
        difference[..., 1] = np.minimum(turn, 2 * np.pi - turn)
    return np.hypot(difference[..., 0], difference[..., 1])


def barycentre(support, events, weights, radius, beta, periodic):
    """min over a and plans f_s of sum_s w_s <f_s, c_s>, f_s 1 = a, f_s^T 1 = b_s (shares)."""
    cells = len(support)
    costs = [(theta(support, event[:, 1:], periodic) / radius) ** beta for event in events]
    shares = [event[:, 0] / event[:, 0].sum() for event in events]
    sizes = [cost.size for cost in costs]
    variables = cells + sum(sizes)
    objective = np.concatenate([np.zeros(cells)] + [w * c.ravel() for w, c in zip(weights, costs)])
    rows, right, start = [], [], cells
    for cost, share in zip(costs, shares):
        n, m = cost.shape
        block = np.zeros((n + m, variables))
        block[:n, start : start + n * m] = np.kron(np.eye(n), np.ones((1, m)))
        block[:n, :cells] = -np.eye(n)
        block[n:, start : start + n * m] = np.kron(np.ones((1, n)), np.eye(m))
        rows.append(block)
        right.append(np.concatenate([np.zeros(n), share]))
        start += n * m
    result = linprog(objective, A_eq=np.vstack(rows), b_eq=np.concatenate(right), bounds=(0, None), method="highs-ds")
    assert result.status == 0, result.message
    duals, lower, position = result.eqlin.marginals, 0.0, 0
    least = np.zeros(cells)
    for cost, share, weight in zip(costs, shares, weights):
        n, m = cost.shape
        v = duals[position + n : position + n + m] / weight
        least += weight * (cost - v[None, :]).min(axis=1)
        lower += weight * share @ v
        position += n + m
    lower += least.min()
    assert result.fun - lower <= RELATIVE_GAP * result.fun, (result.fun, lower)
    return result.fun


def hellinger_kantorovich(a, b, kappa):
    angle = theta(a[:, 1:], b[:, 1:], False) / kappa
    near = angle < np.pi / 2
    cost = np.full(angle.shape, np.inf)
    cost[near] = -2 * np.log(np.cos(angle[near]))
    n, m = cost.shape
    pairs = np.argwhere(near)
    constraint = np.zeros((len(pairs), n + m))
    for row, (i, j) in enumerate(pairs):
        constraint[row, [i, n + j]] = -1.0
    bound = cost[near]
    masses = np.concatenate([a[:, 0], b[:, 0]])
    free = near.any(axis=1).tolist() + near.any(axis=0).tolist()
    # What nothing reaches is lost: its potential is infinite.
    limits = [(None, None) if reached else (60.0, 60.0) for reached in free]
    start = np.where(free, 0.0, 60.0)
    result = minimize(
        lambda p: -(masses * -np.expm1(-p)).sum(),
        start,
        jac=lambda p: -masses * np.exp(-p),
        bounds=limits,
        constraints={"type": "ineq", "fun": lambda p: bound + constraint @ p, "jac": lambda p: constraint},
        method="SLSQP",
        options={"maxiter": 5000, "ftol": 1e-16},
    )
    p = result.x
    slack = bound + constraint @ p
    p[n:] -= max(0.0, -slack.min(initial=0.0))
    dual = (masses * -np.expm1(-p)).sum()
    tight = pairs[bound + constraint @ p < 1e-5]
    incidence = np.zeros((n + m, len(tight)))
    for column, (i, j) in enumerate(tight):
        incidence[[i, n + j], column] = 1.0
    flows, _ = nnls(incidence, masses * np.exp(-p))
    sums = incidence @ flows
    primal = sum(f * cost[i, j] for f, (i, j) in zip(flows, tight))
    primal += sum(s * np.log(s / q) - s + q if s > 0 else q for s, q in zip(sums, masses))
    assert primal - dual <= HK_GAP * masses.sum(), (primal, dual)
    return kappa**2 * dual


def event(rng, count, width):
    return np.column_stack([rng.uniform(0.2, 2.0, count), rng.uniform(-width, width, (count, 2))])


def rounded(array):
    return np.round(array, 6)


def main():
    rng = np.random.default_rng(SEED)
    barycentres = []
    for radius, beta, periodic, cells, count in [
        (1.0, 2.0, False, 5, 3),
        (0.5, 1.0, False, 5, 4),
        (1.0, 0.5, False, 4, 3),
        (2.0, 3.3, True, 4, 3),
        (1.0, 2.0, True, 6, 2),
    ]:
        width = np.pi if periodic else 1.0
        axis = (2 * np.arange(cells) + 1) / cells - 1
        support = rounded(np.array([[y, phi] for y in axis for phi in width * axis]))
        events = [rounded(event(rng, int(rng.integers(3, 8)), 1.0) * [1, 1, width]) for _ in range(count)]
        weights = rounded(rng.uniform(0.5, 1.5, count))
        value = barycentre(support, events, weights / weights.sum(), radius, beta, periodic)
        barycentres.append(
            {
                "radius": radius,
                "beta": beta,
                "periodic_phi": periodic,
                "support": support.tolist(),
                "events": [e.tolist() for e in events],
                "weights": weights.tolist(),
                "value": value,
            }
        )
    distances = []
    for kappa in (0.2, 0.5, 1.0, 5.0):
        for n, m in ((3, 4), (6, 5), (8, 8)):
            a, b = rounded(event(rng, n, 0.6)), rounded(event(rng, m, 0.6))
            value = hellinger_kantorovich(a, b, kappa)
            distances.append({"kappa": kappa, "a": a.tolist(), "b": b.tolist(), "value": value})
    document = {
        "source": "tools/ot_linear_reference.py",
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "barycentres": barycentres,
        "hellinger_kantorovich": distances,
    }
    OUT.write_text(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
