#!/usr/bin/env python3
"""Writes hepml-ot/tests/reference/emd.json: exact optimal transport values.

Usage: python tools/ot_reference.py    (needs numpy and scipy; the versions used are recorded in the file; some minutes)

Each problem is written as the linear program of its definition, with inequalities and no fictitious particle, so that it
shares nothing with the formulation in the crate. SciPy's HiGHS solves it; a solution is accepted only if the solver's own
dual solution, made feasible, bounds the value from below to RELATIVE_GAP, and if the plan keeps to its limits to EXCESS
(both of the total; FEASIBILITY is enough for EMDs, which come with the check that follows).

That is not enough where an EMD is far below energy times cost: nearly equal events, ties, energies over twelve orders of
magnitude. So EMDs are computed a second time, without any rounding of energies: energies are the rational numbers that
the doubles are, costs are rounded once, to COST_DIGITS digits, and successive shortest paths in integers find the
optimum, whose complementary slackness is checked in integers. The two must agree to AGREEMENT of energy times cost; the
second is what is written, rounded once.
"""

import json
import math
import pathlib
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import scipy
from scipy.optimize import linprog
from scipy.sparse import csr_array, kron

SEED = 20190201
RELATIVE_GAP = 1e-11
EXCESS = 1e-14
# The least that HiGHS takes; what it leaves is checked.
FEASIBILITY = 1e-10
# Of energy times cost, between the two: energies far below FEASIBILITY of the total are nothing to HiGHS.
AGREEMENT = 1e-9
# Of costs in exact arithmetic, after the point; the arithmetic itself has more.
COST_DIGITS = 40
getcontext().prec = 80
# Abramowitz and Stegun, table 1.1, has 25 of them; the rest as any program prints them.
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
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

# For the degenerate pairs: radii far below and above all distances, and every kind of beta.
DEGENERATE_SETTINGS = [
    (1.0, 1.0, False, False),
    (1e-3, 1.0, False, False),
    (1e3, 1.0, False, True),
    (1e3, 1.0, True, False),
    (0.4, 1.0, True, True),
    (0.4, 2.0, False, True),
    (1e-3, 2.0, True, False),
    (0.4, 1.7, True, False),
    (0.4, 0.5, False, True),
    (1.0, 3.3, False, False),
]


def minimise(cost, a, b, moved, penalty_a=0.0, penalty_b=0.0, most_excess=EXCESS):
    """min sum f c + penalty_a (sum a - sum f) + penalty_b (sum b - sum f), rows <= a, columns <= b, sum f = moved if given."""
    a, b, cost = (np.asarray(x, dtype=float) for x in (a, b, cost))
    n, m = cost.shape
    constant = penalty_a * math.fsum(a) + penalty_b * math.fsum(b)
    if n == 0 or m == 0:
        return constant
    rows = kron(csr_array(np.eye(n)), np.ones((1, m)))
    columns = kron(np.ones((1, n)), csr_array(np.eye(m)))
    mass = max(a.sum(), b.sum(), 1e-300)
    size = max(np.abs(cost).max(), abs(penalty_a), abs(penalty_b), 1e-300)
    reduced = (cost - penalty_a - penalty_b) / size
    kwargs = {}
    if moved is not None:
        kwargs = {"A_eq": np.ones((1, n * m)), "b_eq": [moved / mass]}
    result = linprog(
        reduced.ravel(),
        A_ub=scipy.sparse.vstack([rows, columns]),
        b_ub=np.concatenate([a, b]) / mass,
        bounds=(0, None),
        method="highs-ds",
        # Its presolve takes totals that differ by a rounding for infeasible.
        options={"primal_feasibility_tolerance": FEASIBILITY, "dual_feasibility_tolerance": FEASIBILITY, "presolve": False},
        **kwargs,
    )
    assert result.status == 0, result.message
    value = math.fsum((result.x * reduced.ravel()).tolist())
    # A plan that takes a little more than there is would be cheaper than it may be.
    excess = max(0.0, -result.ineqlin.residual.min(), -result.x.min())
    if moved is not None:
        excess = max(excess, abs(result.eqlin.residual).max())
    assert excess <= most_excess, excess
    # The certificate: y <= 0 of the inequalities, z free of the equality, y_i + y_j + z <= c after lowering the rows' y.
    y = np.minimum(result.ineqlin.marginals, 0.0)
    z = float(result.eqlin.marginals[0]) if moved is not None else 0.0
    slack = np.min(reduced - y[None, n:] - z, axis=1)
    y[:n] = np.minimum(slack, 0.0) if moved is not None else np.minimum(y[:n], slack)
    infeasible = np.maximum(y[:n, None] + y[None, n:] + z - reduced, 0.0).max()
    bound = math.fsum((y * np.concatenate([a, b]) / mass).tolist()) + (z * moved / mass if moved is not None else 0.0)
    assert infeasible <= 1e-12 and value - bound <= RELATIVE_GAP, (infeasible, value - bound)
    return value * mass * size + constant


def decimal(x):
    """The double as it is, not as it prints."""
    return Decimal(float(x))


def exact_cost(p, q, radius, beta, periodic):
    """(theta/R)^beta in units of 10^-COST_DIGITS."""
    dy = decimal(p[0]) - decimal(q[0])
    dphi = abs(decimal(p[1]) - decimal(q[1]))
    if periodic:
        dphi %= 2 * PI
        dphi = min(dphi, 2 * PI - dphi)
    theta = (dy * dy + dphi * dphi).sqrt() / decimal(radius)
    cost = theta if beta == 1.0 else theta ** decimal(beta) if theta else theta
    return int(cost.scaleb(COST_DIGITS).to_integral_value())


def shortest_paths(cost, supply, demand):
    """min sum f c over f >= 0, rows <= supply, columns <= demand, sum f = min(sum supply, sum demand); all are integers.

    Nodes are the sources 0..n, the sinks n..n+m, a start and an end. Every arc x -> y with capacity left keeps
    c + p[x] - p[y] >= 0; what is checked at the end proves the optimum.
    """
    n, m = cost.shape
    start, end = n + m, n + m + 1
    left, open_ = list(supply), list(demand)
    flow = np.zeros((n, m), dtype=object)
    p = np.zeros(n + m + 2, dtype=object)
    moved = min(sum(supply), sum(demand))
    to_move = moved
    while to_move > 0:
        distance = [None] * (n + m + 2)
        before = [None] * (n + m + 2)
        fixed = [False] * (n + m + 2)
        distance[start] = 0

        def reach(x, y, along):
            if not fixed[y] and (distance[y] is None or along < distance[y]):
                distance[y], before[y] = along, x

        while True:
            x = min((d, x) for x, d in enumerate(distance) if d is not None and not fixed[x])[1]
            fixed[x] = True
            if x == end:
                break
            if x == start:
                for i in range(n):
                    if left[i] > 0:
                        reach(x, i, p[start] - p[i])
            elif x < n:
                for j, along in enumerate((cost[x] + (distance[x] + p[x])) - p[n : n + m]):
                    reach(x, n + j, along)
            else:
                j = x - n
                if open_[j] > 0:
                    reach(x, end, distance[x] + p[x] - p[end])
                for i in np.flatnonzero(flow[:, j]):
                    reach(x, i, distance[x] - cost[i, j] + p[x] - p[i])
        path = [end]
        while path[-1] != start:
            path.append(before[path[-1]])
        arcs = list(zip(path[:0:-1], path[-2::-1]))
        amount = min(left[arcs[0][1]], open_[arcs[-1][0] - n])
        for x, y in arcs[1:-1]:
            if x >= n:
                amount = min(amount, flow[y, x - n])
        left[arcs[0][1]] -= amount
        open_[arcs[-1][0] - n] -= amount
        for x, y in arcs[1:-1]:
            if x < n:
                flow[x, y - n] += amount
            else:
                flow[y, x - n] -= amount
        to_move -= amount
        for x in range(n + m + 2):
            p[x] += distance[end] if not fixed[x] else distance[x]
    # The plan is one, and no residual arc is worth less than nothing: it is optimal among those that move as much.
    assert flow.sum() == moved
    for i in range(n):
        assert sum(flow[i]) == supply[i] - left[i] and left[i] >= 0
        assert left[i] == 0 or p[start] >= p[i]
        assert left[i] == supply[i] or p[i] >= p[start]
    for j in range(m):
        assert sum(flow[:, j]) == demand[j] - open_[j] and open_[j] >= 0
        assert open_[j] == 0 or p[n + j] >= p[end]
        assert open_[j] == demand[j] or p[end] >= p[n + j]
    reduced = cost + p[:n, None] - p[None, n : n + m]
    assert (flow >= 0).all() and (reduced >= 0).all() and not (reduced * flow).any()
    return (flow * cost).sum()


def exact_emd(ev0, ev1, radius, beta, normalise, periodic):
    a, b = ([Fraction(row[0]) for row in ev.tolist()] for ev in (ev0, ev1))
    if normalise:
        total_a, total_b = sum(a), sum(b)
        a, b = [x / total_a for x in a], [x / total_b for x in b]
    parts = math.lcm(*(x.denominator for x in a + b))
    cost = np.array(
        [[exact_cost(p[1:], q[1:], radius, beta, periodic) for q in ev1] for p in ev0], dtype=object
    ).reshape(len(a), len(b))
    integer = shortest_paths(cost, [int(x * parts) for x in a], [int(x * parts) for x in b])
    return float(Fraction(integer, parts * 10**COST_DIGITS) + abs(sum(a) - sum(b)))


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
    solved = minimise(cost, a, b, moved, most_excess=FEASIBILITY) + surplus
    exact = exact_emd(ev0, ev1, radius, beta, normalise, periodic)
    size = max(total_a, total_b) * max(cost.max(), 1.0)
    assert abs(exact - solved) <= AGREEMENT * size, (exact, solved, size)
    return exact


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


def degenerate_pairs(rng):
    """Pairs that solvers stumble over. Few decimals, to keep the file small; the doubles are what is compared."""

    def decimals(rows):
        rows = np.asarray(rows, dtype=float)
        return np.column_stack([rows[:, 0], np.round(rows[:, 1:], 4)])

    def jet(n, spread=0.4):
        return decimals(
            np.column_stack([np.round(rng.exponential(10.0, n) + 0.01, 3), rng.normal(0.0, spread, (n, 2))])
        )

    def lattice(side, step=0.25):
        at = np.arange(side) * step
        y, phi = np.meshgrid(at, at)
        return np.column_stack([np.ones(side * side), y.ravel(), phi.ravel()])

    def cells(n, side, step=0.25):
        return np.column_stack([np.ones(n), rng.integers(0, side, (n, 2)) * step])

    def spanning(n):
        rows = jet(n)
        rows[:, 0] = [float(f"{x:.3e}") for x in 10.0 ** rng.uniform(-6.0, 6.0, n)]
        rows[:2, 0] = 1e-6, 1e6
        return rows

    def ring(n, turn):
        angle = 2.0 * np.pi * np.arange(n) / n + turn
        return decimals(np.column_stack([np.ones(n), np.zeros(n), np.mod(angle + np.pi, 2.0 * np.pi) - np.pi]))

    pairs = []

    def add(kind, a, b):
        pairs.append((kind, a, b))

    # Ties: everything is at one of few distances, and all energies are equal.
    add("lattice, half a step aside", lattice(5), lattice(5) + [0.0, 0.125, 0.125])
    add("lattice, one step aside", lattice(4), lattice(4) + [0.0, 0.25, 0.0])
    add("lattice against a coarser one", lattice(6), lattice(3, 0.5))
    add("cells of a grid", cells(40, 5), cells(40, 5))
    add("cells of a grid", cells(48, 3), cells(31, 3))
    add("cells of a grid", cells(100, 8), cells(100, 8))
    heavier = cells(30, 4)
    heavier[:, 0] = rng.integers(1, 4, 30)
    add("cells of a grid, few energies", heavier, cells(60, 4))
    # Nothing to do.
    for one in (lattice(5), jet(40), spanning(25)):
        add("identical", one, one)
        add("permuted", one, one[rng.permutation(len(one))])
    same = cells(50, 4)
    add("permuted, with duplicates", same, same[rng.permutation(50)])
    # Energies far apart.
    heavy = jet(30)
    heavy[3, 0] = 1e9
    add("one heavy particle", heavy, jet(25))
    other = jet(30)
    other[7, 0] = 1e9
    add("one heavy particle in each", heavy, other)
    soft = jet(20)
    soft[1:, 0] *= 1e-12
    soft[:, 0] = [float(f"{x:.4e}") for x in soft[:, 0]]
    add("all soft but one", soft, jet(20))
    add("energies over 12 orders", spanning(40), spanning(35))
    add("energies over 12 orders against a jet", spanning(30), jet(30))
    # Few against many.
    for few in (1, 2, 3):
        add(f"{few} against many", jet(few), jet(60))
        add(f"many against {few}", lattice(6), jet(few))
    # Points where there is no choice, or too much.
    at = np.arange(30.0) / 16.0
    add("on a line, evenly", np.column_stack([np.ones(30), at, at]), np.column_stack([np.ones(30), at + 0.03125, at + 0.03125]))
    x, z = np.round(rng.normal(0.0, 1.0, (2, 35)), 4)
    add("on a line", np.column_stack([jet(35)[:, 0], x, 0.5 * x]), np.column_stack([jet(35)[:, 0], z, 0.5 * z]))
    places = jet(3)[:, 1:]
    add("at three places", np.column_stack([jet(40)[:, 0], places[rng.integers(0, 3, 40)]]), np.column_stack([jet(30)[:, 0], places[rng.integers(0, 3, 30)]]))
    add("at one place", np.column_stack([jet(30)[:, 0], np.full((30, 2), 0.5)]), np.column_stack([jet(20)[:, 0], np.full((20, 2), 0.5)]))
    add("at two places", np.column_stack([np.ones(30), np.full((30, 2), 0.5)]), np.column_stack([np.ones(30), np.full((30, 2), -0.25)]))
    centre = np.array([[7.0, 0.0, 0.0]])
    wheel = np.column_stack([np.ones(24), np.round(np.cos(np.arange(24) * np.pi / 12), 4), np.round(np.sin(np.arange(24) * np.pi / 12), 4)])
    add("centre and wheel", np.vstack([centre, wheel[:12]]), wheel)
    # Around the circle.
    add("ring, turned", ring(32, 0.0), ring(32, np.pi / 32))
    add("ring against half of it", ring(24, 0.1), ring(12, 0.1))
    left, right = jet(30, 0.3), jet(30, 0.3)
    left[:, 2] = np.round(np.mod(left[:, 2], 2.0 * np.pi) + 3.0, 4)
    right[:, 2] = np.round(right[:, 2] - 3.1, 4)
    add("across the cut of phi", left, right)
    # Totals that are equal but for a rounding, or for a millionth of a millionth.
    total = jet(25)
    add("totals but for a rounding", total, np.vstack([total[:12] * [0.1, 1, 1], total[:12] * [0.9, 1, 1], total[12:]]))
    more = jet(25)
    more[0, 0] += total[:, 0].sum() - more[:, 0].sum() + 200.0
    total = total.copy()
    total[0, 0] += 200.0 + 1e-9
    add("nearly equal totals", total, more)
    near = jet(40)
    add("nearly identical", near, near + np.column_stack([np.zeros(40), np.round(1e-7 * rng.normal(size=(40, 2)), 10)]))
    # Large.
    add("large", jet(200), jet(180))
    add("large, cells of a grid", cells(200, 10), cells(200, 10))
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


def settings_and_pairs(settings, pairs):
    names = ("radius", "beta", "normalise", "periodic_phi")
    return {
        "settings": [dict(zip(names, s)) for s in settings],
        "pairs": [
            {"kind": kind, "ev0": a.tolist(), "ev1": b.tolist(), "emd": [emd(a, b, *s) for s in settings]}
            for kind, a, b in pairs
        ],
    }


def main():
    rng = np.random.default_rng(SEED)
    document = {
        "about": "Written by tools/ot_reference.py; rows are (pt, y, phi); emd[k] belongs to settings[k].",
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "solver": "exact, and HiGHS dual simplex"},
        **settings_and_pairs(SETTINGS, event_pairs(rng)),
        "matrices": matrix_problems(rng),
        "degenerate": settings_and_pairs(DEGENERATE_SETTINGS, degenerate_pairs(rng)),
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=None, separators=(",", ":")) + "\n")
    print(f"{len(document['pairs'])} + {len(document['degenerate']['pairs'])} pairs -> {OUT}")


if __name__ == "__main__":
    main()
