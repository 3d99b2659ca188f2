#!/usr/bin/env python3
"""Writes hepml-ot/tests/reference/entropic.json: entropic transport and MMD values in 50 digits.

Usage: python tools/ot_entropic_reference.py    (needs numpy, mpmath, POT; the versions used are recorded in the file)

Each value is that of the *primal* functional, evaluated term by term at a plan, and is accepted only if the dual functional at the
potentials agrees to RELATIVE_GAP: no formula of the crate, which evaluates the dual alone, is shared. The potentials come from
alternating updates and then Newton's method on both sides at once, in mpmath with 50 digits, until they stand still; plans are
cross-checked against POT where it has the problem.
"""

import json
import pathlib

import mpmath as mp
import numpy as np
import ot

mp.mp.dps = 50
SEED = 19102958
RELATIVE_GAP = mp.mpf(10) ** -18
POT_TOLERANCE = 1e-7
OUT = pathlib.Path(__file__).resolve().parent.parent / "hepml-ot" / "tests" / "reference" / "entropic.json"


def log_sum_exp(terms):
    largest = max(terms)
    return largest + mp.log(mp.fsum(mp.exp(t - largest) for t in terms))


def kl(p, q):
    return mp.fsum((x * mp.log(x / y) if x > 0 else mp.mpf(0)) - x + y for x, y in zip(p, q))


def solve(cost, a, b, eps, rho=None, unit=None):
    """OT_eps, <pi, c> and the plan. Masses may be unnormalised; balanced, the entropy is relative to a b / total."""
    n, m = len(a), len(b)
    unit = mp.fsum(a) if rho is None else mp.mpf(unit)
    damping = mp.mpf(1) if rho is None else rho / (rho + eps)
    keep_a, keep_b = [i for i in range(n) if a[i] > 0], [j for j in range(m) if b[j] > 0]
    log_a = {i: mp.log(a[i] / unit) for i in keep_a}
    log_b = {j: mp.log(b[j] / unit) for j in keep_b}
    f, g = {i: mp.mpf(0) for i in keep_a}, {j: mp.mpf(0) for j in keep_b}
    for _ in range(300):
        f = {i: -damping * eps * log_sum_exp([log_b[j] + (g[j] - cost[i][j]) / eps for j in keep_b]) for i in keep_a}
        g = {j: -damping * eps * log_sum_exp([log_a[i] + (f[i] - cost[i][j]) / eps for i in keep_a]) for j in keep_b}
    # Newton's method from there, on both potentials; balanced, the last of g is fixed, as constants do not matter.
    rows, columns = len(keep_a), len(keep_b) if rho is not None else len(keep_b) - 1
    for _ in range(200):
        entries = {
            (i, j): mp.exp(log_a[i] + log_b[j] + (f[i] + g[j] - cost[i][j]) / eps) for i in keep_a for j in keep_b
        }
        gradient, hessian = mp.matrix(rows + columns, 1), mp.matrix(rows + columns, rows + columns)

        def side(offset, potential, log_mass, moved):
            target = mp.exp(log_mass) if rho is None else mp.exp(log_mass - potential / rho)
            gradient[offset] = target - moved
            hessian[offset, offset] = moved / eps + (0 if rho is None else target / rho)

        for k, i in enumerate(keep_a):
            side(k, f[i], log_a[i], mp.fsum(entries[i, j] for j in keep_b))
        for k, j in enumerate(keep_b[:columns]):
            side(rows + k, g[j], log_b[j], mp.fsum(entries[i, j] for i in keep_a))
            for l, i in enumerate(keep_a):
                hessian[rows + k, l] = hessian[l, rows + k] = entries[i, j] / eps
        # Scaled to a diagonal of 1, as sums can be tiny where marginals are relaxed.
        scale = [1 / mp.sqrt(hessian[k, k]) for k in range(rows + columns)]
        for k in range(rows + columns):
            gradient[k] *= scale[k]
            for l in range(rows + columns):
                hessian[k, l] *= scale[k] * scale[l]
        step = mp.lu_solve(hessian, gradient)
        step = [x * factor for x, factor in zip(step, scale)]
        longest = max(abs(x) for x in step)
        length = eps / max(eps, longest)
        for k, i in enumerate(keep_a):
            f[i] += length * step[k]
        for k, j in enumerate(keep_b[:columns]):
            g[j] += length * step[rows + k]
        if longest < mp.mpf(10) ** -20:
            break
    else:
        raise RuntimeError("no convergence")
    plan = [[mp.mpf(0)] * m for _ in range(n)]
    for i in keep_a:
        for j in keep_b:
            plan[i][j] = unit * mp.exp(log_a[i] + log_b[j] + (f[i] + g[j] - cost[i][j]) / eps)
    transport = mp.fsum(plan[i][j] * cost[i][j] for i in range(n) for j in range(m))
    flat = [plan[i][j] for i in keep_a for j in keep_b]
    reference = [a[i] * b[j] / unit for i in keep_a for j in keep_b]
    value = transport + eps * kl(flat, reference)
    rows = [mp.fsum(plan[i]) for i in keep_a]
    columns = [mp.fsum(plan[i][j] for i in range(n)) for j in keep_b]
    masses_a, masses_b = [a[i] for i in keep_a], [b[j] for j in keep_b]
    if rho is None:
        dual = mp.fsum(a[i] * f[i] for i in keep_a) + mp.fsum(b[j] * g[j] for j in keep_b)
        assert max(abs(x - y) for x, y in zip(rows + columns, masses_a + masses_b)) < mp.mpf(10) ** -18
    else:
        value += rho * kl(rows, masses_a) + rho * kl(columns, masses_b)
        dual = -rho * mp.fsum(a[i] * mp.expm1(-f[i] / rho) for i in keep_a)
        dual -= rho * mp.fsum(b[j] * mp.expm1(-g[j] / rho) for j in keep_b)
        dual -= eps * (mp.fsum(flat) - mp.fsum(a) * mp.fsum(b) / unit)
    assert abs(value - dual) <= RELATIVE_GAP * max(1, abs(value)), (value, dual)
    return value, transport, plan


def check_pot(cost, a, b, eps, plan):
    """POT's plan of the balanced problem with normalised masses is the same, whatever its normalisation of the entropy."""
    cost, a, b = (np.array(x, dtype=float) for x in (cost, a, b))
    theirs = ot.sinkhorn(a / a.sum(), b / b.sum(), cost, float(eps), method="sinkhorn_log", numItermax=100000, stopThr=1e-13)
    ours = np.array([[float(x) for x in row] for row in plan]) / a.sum()
    assert abs(theirs - ours).max() < POT_TOLERANCE, abs(theirs - ours).max()


def check_pot_unbalanced(cost, a, b, eps, rho, plan):
    cost, a, b = (np.array(x, dtype=float) for x in (cost, a, b))
    # POT divides by masses of 0.
    rows, columns = a > 0, b > 0
    plan = [[x for x, keep in zip(row, columns) if keep] for row, keep in zip(plan, rows) if keep]
    cost, a, b = cost[rows][:, columns], a[rows], b[columns]
    theirs = ot.unbalanced.sinkhorn_unbalanced(
        a, b, cost, float(eps), float(rho), reg_type="kl", numItermax=200000, stopThr=1e-14
    )
    ours = np.array([[float(x) for x in row] for row in plan])
    assert abs(theirs - ours).max() < POT_TOLERANCE, abs(theirs - ours).max()


def angular(x, y, beta, radius, periodic):
    dy, dphi = mp.mpf(x[1]) - mp.mpf(y[1]), abs(mp.mpf(x[2]) - mp.mpf(y[2]))
    if periodic:
        dphi = mp.fmod(dphi, 2 * mp.pi)
        dphi = min(dphi, 2 * mp.pi - dphi)
    return (mp.sqrt(dy**2 + dphi**2) / radius) ** beta


def costs(e0, e1, *setting):
    return [[angular(x, y, *setting) for y in e1] for x in e0]


def pair(e0, e1, beta, radius, periodic, eps, rho, unit):
    beta, radius, eps = mp.mpf(beta), mp.mpf(radius), mp.mpf(eps)
    setting = (beta, radius, periodic)

    def masses(event):
        energies = [mp.mpf(row[0]) for row in event]
        return energies if rho is not None else [e / mp.fsum(energies) for e in energies]

    relaxed = None if rho is None else mp.mpf(rho)
    a, b = masses(e0), masses(e1)
    cross, transport, plan = solve(costs(e0, e1, *setting), a, b, eps, relaxed, unit)
    own0 = solve(costs(e0, e0, *setting), a, a, eps, relaxed, unit)[0]
    own1 = solve(costs(e1, e1, *setting), b, b, eps, relaxed, unit)[0]
    divergence = cross - (own0 + own1) / 2
    if rho is None:
        check_pot(costs(e0, e1, *setting), a, b, eps, plan)
    else:
        divergence += eps / (2 * mp.mpf(unit)) * (mp.fsum(a) - mp.fsum(b)) ** 2
        if unit == 1.0:
            check_pot_unbalanced(costs(e0, e1, *setting), a, b, eps, relaxed, plan)
    return {"value": float(cross), "transport_cost": float(transport), "divergence": float(divergence)}


def mmd(e0, e1, beta, radius, kernel):
    def side(event):
        energies = [mp.mpf(row[0]) for row in event]
        return energies if kernel == "exponential" else [e / mp.fsum(energies) for e in energies]

    def mean(x, y):
        k = (lambda c: -c) if kernel == "energy" else (lambda c: mp.exp(-c))
        table = costs(x, y, mp.mpf(beta), mp.mpf(radius), False)
        return mp.fsum(p * q * k(c) for p, row in zip(side(x), table) for q, c in zip(side(y), row))

    return float(mean(e0, e0) + mean(e1, e1) - 2 * mean(e0, e1))


def main():
    rng = np.random.default_rng(SEED)

    def event(n):
        return np.column_stack([rng.exponential(0.3, n) + 0.01, rng.normal(0.0, 0.4, n), rng.normal(0.0, 0.4, n)])

    pairs = []
    for n, m in [(1, 4), (3, 3), (6, 4), (8, 9)]:
        pairs.append((event(n), event(m)))
    hollow = event(5)
    hollow[1, 0] = 0.0
    pairs.append((hollow, event(4)))
    wound = event(5)
    wound[:, 2] += 3.0
    pairs.append((wound, event(6)))
    # beta, R, periodic phi, eps, rho, unit of mass
    settings = [
        (1.0, 1.0, False, 0.1, None, None),
        (2.0, 0.4, False, 0.5, None, None),
        (1.0, 0.8, True, 0.05, None, None),
        (0.5, 1.0, False, 100.0, None, None),
        (1.0, 1.0, False, 0.1, 0.7, 1.0),
        (2.0, 0.4, False, 0.3, 0.05, 1.0),
        (1.0, 1.0, True, 0.2, 5.0, 2.5),
    ]
    keys = ("beta", "radius", "periodic_phi", "epsilon", "relaxation", "mass_unit")
    entries = []
    for e0, e1 in pairs:
        entry = {"ev0": e0.tolist(), "ev1": e1.tolist(), "settings": [pair(e0, e1, *s) for s in settings]}
        entry["mmd"] = {
            kernel: [mmd(e0, e1, beta, 0.7, kernel) for beta in (0.5, 1.0, 2.0)]
            for kernel in ("energy", "exponential", "exponential_normalised")
        }
        entries.append(entry)
    matrices = []
    for n, m, low, high, eps, rho in [(2, 2, -1, 1, 0.3, None), (4, 6, 0, 1, 0.1, None), (5, 3, -2, 3, 0.5, None),
                                      (3, 4, -1, 2, 0.4, 1.5), (6, 6, 0, 1, 0.05, 0.3)]:
        cost = rng.uniform(low, high, (n, m))
        a, b = rng.exponential(2.0, n), rng.exponential(1.0, m)
        if rho is None:
            b *= a.sum() / b.sum()
        exact = ([[mp.mpf(x) for x in row] for row in cost], [mp.mpf(x) for x in a], [mp.mpf(x) for x in b])
        if rho is None:
            exact[2][:] = [x * mp.fsum(exact[1]) / mp.fsum(exact[2]) for x in exact[2]]
        value, transport, plan = solve(*exact, mp.mpf(eps), None if rho is None else mp.mpf(rho), 1.0)
        matrices.append({"cost": cost.tolist(), "a": a.tolist(), "b": b.tolist(), "epsilon": eps, "relaxation": rho,
                         "value": float(value), "transport_cost": float(transport),
                         "plan": [[float(x) for x in row] for row in plan]})
    document = {
        "about": "Written by tools/ot_entropic_reference.py; rows are (pt, y, phi); pairs[k].settings[l] belongs to settings[l]; "
        "mmd for beta 0.5, 1, 2 and R = 0.7.",
        "versions": {"mpmath": mp.__version__, "numpy": np.__version__, "POT": ot.__version__},
        "settings": [dict(zip(keys, s)) for s in settings],
        "pairs": entries,
        "matrices": matrices,
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=None, separators=(",", ":")) + "\n")
    print(f"{len(entries)} pairs, {len(settings)} settings, {len(matrices)} matrices -> {OUT.name}")


if __name__ == "__main__":
    main()
