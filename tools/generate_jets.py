#!/usr/bin/env python3
"""Generate the sample of top-quark and QCD jets in ``data/``.

Writes three files to the output directory:

``jets.npz``
    ``X`` [n, m, 4], float32: the constituents (pt in GeV, rapidity y, azimuth
    phi, PDG id) of n jets, hardest first, padded with rows of zeros up to the
    largest multiplicity m.  ``y`` [n], int8: 1 for a top jet, 0 for a QCD jet.
    This is the layout of EnergyFlow's jet samples.
``jet_a.txt``, ``jet_b.txt``
    The first top jet and the first QCD jet of ``jets.npz`` as text, one
    constituent ``pt y phi`` a line, centred on the jet.

Physics: proton-proton collisions at 14 TeV, Pythia 8 with its default tune,
shower and hadronisation, without multiparton interactions and without detector
simulation.  Top jets come from gg -> ttbar and qqbar -> ttbar with both W
bosons decaying to quarks, QCD jets from all 2 -> 2 QCD processes with gluons
and the five light quarks.  All final-state particles except neutrinos are
clustered with anti-kT, R = 0.8, E-scheme.  A jet is taken if

*  550 GeV < pT < 650 GeV and |eta| < 2 (pseudorapidity), and
*  for top jets, a top quark (its last copy, before the decay) and all three
   quarks of its decay (b, q, q', before they radiate) lie within Delta R < 0.8
   of the jet axis, Delta R being taken in (y, phi).  ``--no-containment``
   drops the requirement on the three quarks.

At most one jet is taken from an event, drawn at random if several pass, so
the jets are statistically independent.

Versions used for the committed files::

    CPython 3.11, pythia8mc 8.317.2, fastjet 3.5.2.0 (FastJet 3.5.2),
    numpy 2.4.6

    pip install --only-binary=:all: pythia8mc==8.317.2 fastjet==3.5.2.0 numpy==2.4.6
    python tools/generate_jets.py

For given versions and platform the files depend on the options alone.  Other
versions, compilers or maths libraries may give other events.

Cite Pythia 8.3 (arXiv:2203.11601), FastJet (arXiv:1111.6097) and anti-kT
(arXiv:0802.1189).
"""

import argparse
import hashlib
import math
import sys
from importlib.metadata import version
from pathlib import Path

import fastjet
import numpy as np
import pythia8mc

PINNED = {"pythia8mc": "8.317.2", "fastjet": "3.5.2.0", "numpy": "2.4.6"}

RADIUS = 0.8
PT_MIN, PT_MAX = 550.0, 650.0
ETA_MAX = 2.0
NEUTRINOS = {12, 14, 16}
QCD, TOP = 0, 1

COMMON = [
    "Print:quiet = on",
    "Beams:idA = 2212",
    "Beams:idB = 2212",
    "Beams:eCM = 14000.",
    "PartonLevel:MPI = off",
    "Random:setSeed = on",
]

# Jets near 600 GeV come from a wide range of pTHat, because hard initial-state
# radiation boosts softer collisions into the window.  Of 1000 jets of each kind
# taken with pTHat from 250 to 1400 GeV, 7 (QCD) and 32 (top) had less than
# 300 GeV; 1 and 0 had more than 1000 GeV.
PT_HAT = (300.0, 1200.0)

PROCESS = {
    QCD: [
        "HardQCD:all = on",  # five flavours; top pairs are not part of it
    ],
    TOP: [
        "Top:gg2ttbar = on",
        "Top:qqbar2ttbar = on",
        "24:onMode = off",
        "24:onIfAny = 1 2 3 4 5",
    ],
}


def make_pythia(label, seed, pt_hat):
    """A generator for one kind of jet, initialised."""
    pythia = pythia8mc.Pythia("", False)
    variable = [
        f"PhaseSpace:pTHatMin = {pt_hat[0]}",
        f"PhaseSpace:pTHatMax = {pt_hat[1]}",
        f"Random:seed = {seed}",
    ]
    for setting in COMMON + PROCESS[label] + variable:
        if not pythia.readString(setting):
            sys.exit(f"Pythia rejects the setting '{setting}'")
    if not pythia.init():
        sys.exit("Pythia failed to initialise")
    return pythia


def delta_r(y1, phi1, y2, phi2):
    """Distance in the rapidity-azimuth plane."""
    return math.hypot(y1 - y2, math.remainder(phi1 - phi2, math.tau))


def hadronic_tops(event):
    """For each top quark decaying to b q q': (y, phi) of the top's last copy
    and of the three quarks."""
    tops = []
    for particle in event:
        if particle.idAbs() != 6 or particle.iBotCopyId() != particle.index():
            continue
        quarks = []
        for i in particle.daughterList():
            if event[i].idAbs() == 24:
                w = event[event[i].iBotCopyId()]
                quarks += [j for j in w.daughterList() if event[j].idAbs() <= 5]
            elif event[i].idAbs() <= 5:
                quarks.append(i)
        if len(quarks) == 3:
            tops.append([(particle.y(), particle.phi())]
                        + [(event[j].y(), event[j].phi()) for j in quarks])
    return tops


def matched(jet, tops, containment):
    """Whether a top (with `containment`, its quarks too) lies in the jet."""
    y, phi = jet.rap(), jet.phi()
    return any(all(delta_r(y, phi, *axis) < RADIUS
                   for axis in (top if containment else top[:1]))
               for top in tops)


def generate(label, count, seed, pt_hat, containment):
    """`count` jets as a list of float64 arrays [multiplicity, 4], and for each
    its mass and its event's pTHat."""
    pythia = make_pythia(label, seed, pt_hat)
    choice = np.random.default_rng([seed, label])
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    jets, masses, pt_hats = [], [], []
    events = 0
    while len(jets) < count:
        if not pythia.next():
            continue
        events += 1
        event = pythia.event
        inputs = []
        for particle in event:
            if particle.isFinal() and particle.idAbs() not in NEUTRINOS:
                pseudojet = fastjet.PseudoJet(
                    particle.px(), particle.py(), particle.pz(), particle.e())
                pseudojet.set_user_index(particle.index())
                inputs.append(pseudojet)
        cluster = fastjet.ClusterSequence(inputs, definition)
        passing = [jet for jet in fastjet.sorted_by_pt(cluster.inclusive_jets(PT_MIN))
                   if PT_MIN < jet.pt() < PT_MAX and abs(jet.eta()) < ETA_MAX]
        if label == TOP and passing:
            tops = hadronic_tops(event)
            passing = [jet for jet in passing if matched(jet, tops, containment)]
        if not passing:
            continue
        jet = passing[choice.integers(len(passing))]
        constituents = [event[c.user_index()] for c in jet.constituents()]
        jets.append(np.array([(p.pT(), p.y(), p.phi(), p.id()) for p in constituents]))
        masses.append(jet.m())
        pt_hats.append(pythia.infoPython().pTHat())
    print(f"{'top' if label == TOP else 'QCD'}: {count} jets of {events} events, "
          "pTHat quantiles 0, 1, 50, 99, 100 %:",
          np.percentile(pt_hats, [0, 1, 50, 99, 100]).round(1).tolist(), flush=True)
    return jets, masses


def pack(jets):
    """The jets as one float32 array [n, m, 4], constituents by falling pt."""
    packed = np.zeros((len(jets), max(map(len, jets)), 4), np.float32)
    for row, jet in zip(packed, jets):
        jet = jet.astype(np.float32)
        row[:len(jet)] = jet[np.argsort(-jet[:, 0], kind="stable")]
    return packed


def write_text(path, jet, index, kind):
    """One jet of the array as text, centred on its pt-weighted axis."""
    jet = jet[jet[:, 0] > 0].astype(np.float64)
    pt, y, phi = jet[:, 0], jet[:, 1], jet[:, 2]
    # Unwrap about the hardest constituent: a jet spans much less than 2 pi.
    offset = phi - phi[0]
    offset -= math.tau * np.round(offset / math.tau)
    y_axis = (pt * y).sum() / pt.sum()
    phi_axis = phi[0] + (pt * offset).sum() / pt.sum()
    y, phi = y - y_axis, offset + (phi[0] - phi_axis)
    lines = [
        f"# {kind} jet: jet {index} (counting from 0) of jets.npz, "
        f"{len(jet)} constituents, scalar sum of pt {pt.sum():.3f} GeV.",
        "# y (rapidity) and phi (azimuth, unwrapped) are relative to the jet's "
        "pt-weighted axis,",
        f"# y = {float(y_axis)!r}, "
        f"phi = {math.remainder(float(phi_axis), math.tau)!r}.",
        "# Columns: pt [GeV]  y  phi [rad]",
    ]
    lines += [f"{float(a)!r} {float(b)!r} {float(c)!r}" for a, b, c in zip(pt, y, phi)]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def observables(X):
    """Per-jet quantities for comparing samples, from an array [n, m, 4]."""
    ids = np.abs(X[..., 3]).astype(int)
    data = pythia8mc.Pythia("", False).particleData
    mass = np.zeros(ids.shape)
    for i in np.unique(ids[ids > 0]):
        mass[ids == i] = data.m0(int(i))
    pt, y, phi = (X[..., k].astype(np.float64) for k in range(3))
    out = {}
    for name, m in (("mass [GeV]", mass), ("mass, massless particles", 0 * mass)):
        mt = np.where(pt > 0, np.hypot(pt, m), 0)
        e, pz = (mt * np.cosh(y)).sum(1), (mt * np.sinh(y)).sum(1)
        px, py = (pt * np.cos(phi)).sum(1), (pt * np.sin(phi)).sum(1)
        out[name] = np.sqrt(np.maximum(e**2 - px**2 - py**2 - pz**2, 0))
    out["pt [GeV]"] = np.hypot(px, py)
    out["|eta|"] = np.abs(np.arcsinh(pz / out["pt [GeV]"]))
    out["multiplicity"] = (pt > 0).sum(1).astype(float)
    out["pt fraction, hardest"] = pt[:, 0] / pt.sum(1)
    d_phi = phi - np.arctan2(py, px)[:, None]
    d_phi -= math.tau * np.round(d_phi / math.tau)
    d_y = y - np.arctanh(pz / e)[:, None]
    out["width"] = (pt * np.hypot(d_y, d_phi)).sum(1) / pt.sum(1)
    return out


def kolmogorov_smirnov(a, b):
    """The two-sample KS distance and its asymptotic p-value."""
    a, b = np.sort(a), np.sort(b)
    points = np.concatenate([a, b])
    distance = np.abs(np.searchsorted(a, points, "right") / len(a)
                      - np.searchsorted(b, points, "right") / len(b)).max()
    t = distance * math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    if t < 0.3:
        return distance, 1.0
    return distance, 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * t) ** 2)
                             for k in range(1, 50))


def compare(X, y, path):
    """Print this sample beside another of the same layout."""
    with np.load(path) as other:
        X2, y2 = other["X"], other["y"]
    m = min(X.shape[1], X2.shape[1])
    print(f"\nComparison, both cut to the {m} hardest constituents; "
          "quantiles 10, 50, 90 %")
    for label, kind in ((TOP, "top"), (QCD, "QCD")):
        mine, theirs = observables(X[y == label, :m]), observables(X2[y2 == label, :m])
        for name in mine:
            d, p = kolmogorov_smirnov(mine[name], theirs[name])
            q1, q2 = (" ".join(f"{v:8.3f}" for v in np.percentile(s[name], [10, 50, 90]))
                      for s in (mine, theirs))
            print(f"{kind}  {name:25}  here {q1}  there {q2}  KS {d:.3f}, p {p:.3g}")


def main():
    parser = argparse.ArgumentParser(
        description="Generate the top and QCD jets of data/ with Pythia 8 and FastJet.")
    parser.add_argument("--jets", type=int, default=1125,
                        help="jets of each kind (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=20240,
                        help="Pythia's seed for QCD, seed + 1 for top; also seeds the choice "
                             "of jets and the shuffling (default: %(default)s)")
    parser.add_argument("--pt-hat", type=float, nargs=2, default=PT_HAT,
                        metavar=("MIN", "MAX"),
                        help="range of pTHat in GeV (default: %g %g)" % PT_HAT)
    parser.add_argument("--no-containment", dest="containment", action="store_false",
                        help="match top jets to the top quark only, not to its decay quarks")
    parser.add_argument("--output", type=Path,
                        default=Path(__file__).resolve().parent.parent / "data",
                        help="output directory (default: the repository's data/)")
    parser.add_argument("--compare", type=Path, metavar="NPZ",
                        help="also print a comparison with another sample of this layout")
    args = parser.parse_args()
    if args.jets < 1 or not 1 <= args.seed < 900_000_000:
        parser.error("--jets must be positive, --seed from 1 to 899999999")
    if not 0 < args.pt_hat[0] < args.pt_hat[1]:
        parser.error("--pt-hat must be a positive range")
    for package, pinned in PINNED.items():
        if version(package) != pinned:
            print(f"note: {package} is {version(package)}, the committed files "
                  f"were made with {pinned}", file=sys.stderr)

    qcd, qcd_masses = generate(QCD, args.jets, args.seed, args.pt_hat, args.containment)
    top, top_masses = generate(TOP, args.jets, args.seed + 1, args.pt_hat, args.containment)
    order = np.random.default_rng(args.seed).permutation(2 * args.jets)
    X = pack(qcd + top)[order]
    y = np.repeat(np.array([QCD, TOP], np.int8), args.jets)[order]

    args.output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(args.output / "jets.npz", X=X, y=y)
    for name, label, kind in (("jet_a.txt", TOP, "Top"), ("jet_b.txt", QCD, "QCD")):
        index = int(np.argmax(y == label))
        write_text(args.output / name, X[index], index, kind)

    print(f"X {X.shape}, {int((X[..., 0] > 0).sum())} constituents, "
          f"phi in [{X[..., 2].min()}, {X[..., 2].max()}]")
    for label, kind, masses in ((TOP, "top", top_masses), (QCD, "QCD", qcd_masses)):
        seen = observables(X[y == label])
        print(f"{kind}: median mass {np.median(masses):.3f} GeV (FastJet); from X: "
              + ", ".join(f"{k} median {np.median(v):.3f} mean {v.mean():.3f} "
                          f"range {v.min():.3f}-{v.max():.3f}" for k, v in seen.items()))
        ids, counts = np.unique(X[y == label][..., 3][X[y == label][..., 0] > 0],
                                return_counts=True)
        print("  ids:", dict(zip(ids.astype(int).tolist(), counts.tolist())))
    for name in ("jets.npz", "jet_a.txt", "jet_b.txt"):
        content = (args.output / name).read_bytes()
        print(f"{name}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
    if args.compare:
        compare(X, y, args.compare)


if __name__ == "__main__":
    main()
