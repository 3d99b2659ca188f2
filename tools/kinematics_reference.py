"""Writes hepml-core/tests/reference/{momenta,pairs}.csv: kinematics of stored four-momenta in 80 digits.

The components are doubles and count as exact; every derived quantity is computed from them with mpmath in 80 digits by
the textbook definition and rounded once to the nearest double. Conventions: metric (+,-,-,-); the mass of a space-like
vector is -sqrt(-m2) and its rapidity is the pseudorapidity.

    pip install mpmath==1.3.0 && python tools/kinematics_reference.py
"""

import csv
import math
import pathlib
import random

from mpmath import mp, mpf

mp.dps = 80
OUT = pathlib.Path(__file__).parent.parent / "hepml-core" / "tests" / "reference"


def exact(p):
    return [mpf(c) for c in p]


def mass2(p):
    e, x, y, z = exact(p)
    return e * e - x * x - y * y - z * z


def mass(p):
    m2 = mass2(p)
    return mp.sqrt(abs(m2)) * (1 if m2 >= 0 else -1)


def pt(p):
    _, x, y, _ = exact(p)
    return mp.sqrt(x * x + y * y)


def eta(p):
    z = mpf(p[3])
    if z == 0:
        return mpf(0)
    return mp.asinh(z / pt(p)) if pt(p) != 0 else mp.inf * mp.sign(z)


def rapidity(p):
    e, _, _, z = exact(p)
    if mass2(p) < 0:
        return eta(p)
    return mp.log((e + z) / (e - z)) / 2 if e > abs(z) else mp.inf * mp.sign(z)


def dot(p, q):
    p, q = exact(p), exact(q)
    return p[0] * q[0] - p[1] * q[1] - p[2] * q[2] - p[3] * q[3]


def angle(p, q):
    _, a, b, c = exact(p)
    _, x, y, z = exact(q)
    cross = mp.sqrt((b * z - c * y) ** 2 + (c * x - a * z) ** 2 + (a * y - b * x) ** 2)
    return mp.atan2(cross, a * x + b * y + c * z)


def delta_phi(p, q):
    _, a, b, _ = exact(p)
    _, x, y, _ = exact(q)
    return mp.atan2(x * b - y * a, a * x + b * y)


def from_eta(pt_, eta_, phi_, m):
    x, y, z = pt_ * math.cos(phi_), pt_ * math.sin(phi_), pt_ * math.sinh(eta_)
    return (float(mp.sqrt(mpf(x) ** 2 + mpf(y) ** 2 + mpf(z) ** 2 + mpf(m) ** 2)), x, y, z)


def write(name, header, rows):
    with open(OUT / name, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for kind, *values in rows:
            writer.writerow([kind] + [repr(float(v)) for v in values])


def main():
    rng = random.Random(20261122)
    OUT.mkdir(parents=True, exist_ok=True)
    angles = lambda: (rng.uniform(-5, 5), rng.uniform(-math.pi, math.pi))
    singles = []
    for _ in range(12):
        singles.append(("generic", from_eta(10 ** rng.uniform(-2, 3), *angles(), 10 ** rng.uniform(-3, 2))))
        singles.append(("light-like", from_eta(10 ** rng.uniform(-2, 3), *angles(), 0.0)))
        e_over_m = 10 ** rng.uniform(5, 8)
        eta_, phi_ = angles()
        singles.append(("ultra-relativistic", from_eta(100.0, eta_, phi_, 100.0 * math.cosh(eta_) / e_over_m)))
        singles.append(("forward", from_eta(1.0, rng.choice([-1, 1]) * rng.uniform(10, 15), phi_, rng.uniform(0.1, 1.0))))
        singles.append(("forward light-like", from_eta(1.0, rng.choice([-1, 1]) * rng.uniform(10, 15), phi_, 0.0)))
        singles.append(("slow", from_eta(1e-9 * rng.uniform(1, 9), *angles(), 0.938)))
    singles.append(("exact light-like", (5.0, 3.0, 0.0, 4.0)))
    singles.append(("E/m = 1e8", (1e8, math.sqrt(0.5) * 1e8, 0.0, math.sqrt(0.5) * 1e8)))
    singles.append(("on the beam", (7000.0, 0.0, 0.0, 6999.9999371)))
    singles.append(("on the beam", (7000.0, 0.0, 0.0, -6999.9999371)))
    singles.append(("at rest", (91.2, 0.0, 0.0, 0.0)))
    singles.append(("space-like", (1.0, 2.0, 1.0, -3.0)))
    for scale in (2.0**600, 2.0**-600):
        singles.append(("scaled", tuple(c * scale for c in from_eta(2.0, 1.5, 0.3, 1e-4))))
    write(
        "momenta.csv",
        "kind e px py pz p pt phi theta mass rapidity eta".split(),
        [
            (
                kind, *p, mp.sqrt(pt(p) ** 2 + mpf(p[3]) ** 2), pt(p), mp.atan2(mpf(p[2]), mpf(p[1])),
                mp.atan2(pt(p), mpf(p[3])), mass(p), rapidity(p), eta(p),
            )
            for kind, p in singles
        ],
    )

    pairs = []
    for _ in range(12):
        pairs.append(("generic", from_eta(10.0, *angles(), 0.14), from_eta(40.0, *angles(), 4.2)))
        eta_, phi_ = angles()
        for kind, step in (("collinear 1e-4", 1e-4), ("collinear 1e-8", 1e-8), ("collinear 1e-12", 1e-12)):
            other = (eta_ + step * rng.uniform(-1, 1), phi_ + step * rng.uniform(-1, 1))
            pairs.append((kind + " light-like", from_eta(300.0, eta_, phi_, 0.0), from_eta(20.0, *other, 0.0)))
            pairs.append((kind, from_eta(300.0, eta_, phi_, 0.14), from_eta(20.0, *other, 0.49)))
        forward = rng.choice([-1, 1]) * rng.uniform(10, 15)
        pairs.append(("forward", from_eta(1.0, forward, phi_, 0.5), from_eta(2.0, forward + 1e-3, phi_ + 1e-3, 0.9)))
        pairs.append(("back to back", from_eta(50.0, eta_, phi_, 0.0), from_eta(50.0, -eta_, phi_ + math.pi, 0.0)))
    pairs.append(("across phi = pi", from_eta(5.0, 0.1, math.pi - 1e-9, 0.1), from_eta(6.0, 0.2, -math.pi + 1e-9, 0.1)))
    for scale in (2.0**600, 2.0**-600):
        p, q = from_eta(2.0, 1.5, 0.3, 0.1), from_eta(3.0, 1.5000001, 0.3000001, 0.1)
        pairs.append(("scaled", tuple(c * scale for c in p), q))
    write(
        "pairs.csv",
        "kind e1 px1 py1 pz1 e2 px2 py2 pz2 dot angle delta_phi delta_y".split(),
        [(kind, *p, *q, dot(p, q), angle(p, q), delta_phi(p, q), rapidity(p) - rapidity(q)) for kind, p, q in pairs],
    )


if __name__ == "__main__":
    main()
