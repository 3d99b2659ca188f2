"""Entropic transport between the jets of data/ with POT, on one thread; run by hand, prints a table.

Usage: OMP_NUM_THREADS=1 python benches/peers/sinkhorn_peer.py    (needs numpy and POT)

The pairs and costs are those of the bench `entropic`: jets of 95 to 105 particles about their axes, theta/0.8. Columns: CPU time
a pair, iterations, what is left of the marginals in the L1 norm, and <pi, c>. POT's own methods run to a threshold of 1e-9 on its
own measure of the error; "annealed" is the scheme of geomloss in numpy (one averaged pair of updates an epsilon, each half of the last, and
no test of convergence), own terms included.
"""

import pathlib
import time

import numpy as np
import ot
from scipy.special import logsumexp

JETS = pathlib.Path(__file__).resolve().parents[2] / "data" / "jets.npz"
RADIUS, PAIRS = 0.8, 6


def jets():
    out = []
    for rows in np.load(JETS)["X"]:
        rows = rows[rows[:, 0] > 0].astype(float)
        if 95 <= len(rows) <= 105:
            pt, y, phi = rows[:, 0], rows[:, 1], rows[:, 2]
            reference = phi[np.argmax(pt)]
            phi = (phi - reference + np.pi) % (2 * np.pi) - np.pi
            z = pt / pt.sum()
            out.append((z, np.column_stack([y - z @ y, phi - z @ phi])))
        if len(out) == 2 * PAIRS:
            return out
    raise SystemExit("too few jets")


def cost(x, y):
    return np.hypot(*(x[:, None, :] - y[None, :, :]).transpose(2, 0, 1)) / RADIUS


def annealed(a, b, costs, epsilon):
    (ab, aa, bb), largest = costs, max(c.max() for c in costs)
    schedule = [max(largest * 0.5**k, epsilon) for k in range(int(np.ceil(np.log2(largest / epsilon))) + 1)]

    def update(weights, potential, c, eps):
        return -eps * logsumexp(np.log(weights)[None, :] + (potential[None, :] - c) / eps, axis=1)

    f, g, p, q = np.zeros(len(a)), np.zeros(len(b)), np.zeros(len(a)), np.zeros(len(b))
    for eps in schedule:
        f, g = 0.5 * (f + update(b, g, ab, eps)), 0.5 * (g + update(a, f, ab.T, eps))
        p, q = 0.5 * (p + update(a, p, aa, eps)), 0.5 * (q + update(b, q, bb, eps))
    plan = a[:, None] * b[None, :] * np.exp((f[:, None] + g[None, :] - ab) / epsilon)
    return plan, len(schedule)


def main():
    events = jets()
    pairs = list(zip(events[::2], events[1::2]))
    print(f"{'method':<22}{'epsilon':>8}{'ms a pair':>11}{'iterations':>11}{'marginals':>11}{'<pi, c>':>10}")
    for epsilon in (0.1, 0.01, 0.001):
        for method in ("sinkhorn", "sinkhorn_log", "sinkhorn_stabilized", "annealed (debiased)", "exact"):
            seconds, iterations, off, value = 0.0, 0, 0.0, 0.0
            for (a, x), (b, y) in pairs:
                ab, aa, bb = cost(x, y), cost(x, x), cost(y, y)
                start = time.process_time()
                if method == "exact":
                    plan, steps = ot.emd(a, b, ab), 0
                elif method.startswith("annealed"):
                    plan, steps = annealed(a, b, (ab, aa, bb), epsilon)
                else:
                    plan, log = ot.sinkhorn(
                        a, b, ab, epsilon, method=method, numItermax=10000, stopThr=1e-9, log=True, warn=False
                    )
                    steps = log.get("niter", log.get("n_iter", 0))
                seconds += time.process_time() - start
                iterations += steps
                off = max(off, abs(plan.sum(1) - a).sum(), abs(plan.sum(0) - b).sum())
                value += (plan * ab).sum()
            n = len(pairs)
            print(f"{method:<22}{epsilon:>8}{1e3 * seconds / n:>11.3f}{iterations / n:>11.0f}{off:>11.1e}{value / n:>10.6f}")


if __name__ == "__main__":
    main()
