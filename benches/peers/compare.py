"""The exact EMD of hepml against wasserstein and POT; run.sh calls it.

Rounds of hepml and wasserstein alternate, so that whatever else the machine does hits both; what is compared is the processor
time of the EMDs alone, one thread each, the median over the rounds. POT, which has no loop of its own, is given a
Python loop over SciPy's distances and measured on the first pairs, once a round. All three get the same numbers, in float64.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import ot
import scipy.spatial.distance
import wasserstein

DATA = pathlib.Path(__file__).resolve().parents[2] / "data" / "jets.npz"
# Disagreements are relative to the EMD, or to this fraction of the energy of the two events where that is more.
SMALL = 1e-6
TOLERANCE = 1e-9
# POT's loop is slow: so many of the pairs, at most.
POT_PAIRS = 300


def jets(path, count, low=30, high=150):
    """The first jets with `low` to `high` particles, about their axes: a list of rows (pt, y, phi)."""
    events = []
    with np.load(path) as file:
        for rows in file["X"].astype(np.float64):
            rows = rows[rows[:, 0] > 0, :3]
            if low <= len(rows) <= high and len(events) < count:
                rows[:, 2] = rows[0, 2] + np.mod(rows[:, 2] - rows[0, 2] + np.pi, 2 * np.pi) - np.pi
                rows[:, 1:] -= rows[:, 0] @ rows[:, 1:] / rows[:, 0].sum()
                events.append(rows)
    return events


def synthetic(rng, particles, count, width=0.4):
    """Energies as fractions of 600 that are uniform on the simplex, Gaussian points."""
    return [
        np.column_stack([600 * rng.dirichlet(np.ones(particles)), rng.normal(0, width, (particles, 2))])
        for _ in range(count)
    ]


def cases(arguments):
    """(name, events, settings) of everything that is compared."""
    rng = np.random.default_rng(20240)
    number = arguments.jets
    sample = jets(DATA, number)
    mean = np.mean([len(event) for event in sample])
    name = f"{len(sample)} jets of {mean:.0f} particles"
    yield f"{name}, beta 1, norm", sample, {"norm": True}
    yield f"{name}, beta 1", sample, {}
    yield f"{name}, beta 2, norm", sample, {"norm": True, "beta": 2.0}
    yield f"{name}, beta 0.5, norm", sample, {"norm": True, "beta": 0.5}
    yield f"{name}, beta 1.7, norm", sample, {"norm": True, "beta": 1.7}
    across = [event + [0.0, 0.0, np.pi] for event in sample]
    for event in across:
        event[:, 2] = np.mod(event[:, 2] + np.pi, 2 * np.pi) - np.pi
    yield f"{name}, beta 1, periodic phi", across, {"periodic": True}
    yield f"{name}, beta 1, norm, one-off", sample, {"norm": True, "one_off": True}
    yield f"{name}, beta 1, one-off", sample, {"one_off": True}
    for path in arguments.npz:
        more = jets(path, number)
        mean = np.mean([len(event) for event in more])
        yield f"{path.name}: {len(more)} jets of {mean:.0f}, beta 1, norm", more, {"norm": True}
    for particles, count in [(10, 100), (20, 80), (50, 50), (100, 30), (200, 16), (400, 8)]:
        events = synthetic(rng, particles, count)
        yield f"{particles} particles, beta 1, norm", events, {"norm": True}
        yield f"{particles} particles, beta 1, norm, one-off", events, {"norm": True, "one_off": True}
    for level in arguments.simd:
        events = synthetic(rng, 100, 30)
        yield f"100 particles, beta 1, norm, {level}", events, {"norm": True, "simd": level}
    ties = [np.column_stack([np.ones(80), rng.integers(0, 8, (80, 2)) * 0.125]) for _ in range(40)]
    yield "80 equal particles on an 8 x 8 grid", ties, {}
    heavy = synthetic(rng, 80, 40)
    for event in heavy:
        event[0, 0] = 1e6
    yield "80 particles, one of them heavy", heavy, {}
    spanning = synthetic(rng, 80, 40)
    for event in spanning:
        event[:, 0] = 10 ** rng.uniform(-6, 6, 80)
    yield "80 energies over 12 orders", spanning, {}
    events = synthetic(rng, 1000, 4)
    yield "1000 particles, beta 1, norm", events, {"norm": True}


def run_hepml(binary, path, settings):
    """Seconds and values of all pairs of the events in a file."""
    with tempfile.TemporaryDirectory() as folder:
        values = pathlib.Path(folder) / "values.npy"
        command = [binary, path, "--json", "--as-is", "--hardest", "1000000", "--values", values]
        command += ["--beta", str(settings.get("beta", 1.0))]
        command += ["--norm"] * settings.get("norm", False) + ["--periodic-phi"] * settings.get("periodic", False)
        command += ["--one-off"] * settings.get("one_off", False)
        if "simd" in settings:
            command += ["--simd", settings["simd"]]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return report["cpu_seconds"], np.load(values).ravel()


def run_wasserstein(events, settings):
    """The same of wasserstein; nothing if it refuses."""
    norm, beta = settings.get("norm", False), settings.get("beta", 1.0)
    try:
        if settings.get("one_off"):
            emd = wasserstein.EMD(R=1.0, beta=beta, norm=norm)
            split = [(event[:, 0].copy(), event[:, 1:].copy()) for event in events]
            start = time.process_time()
            values = [emd(*a, *b) for i, a in enumerate(split) for b in split[i + 1 :]]
            return time.process_time() - start, np.array(values)
        kind = wasserstein.PairwiseEMDYPhi if settings.get("periodic") else wasserstein.PairwiseEMD
        emds = kind(R=1.0, beta=beta, norm=norm, num_threads=1, print_every=-1, verbose=0)
        start = time.process_time()
        emds(events)
        seconds = time.process_time() - start
        return seconds, np.asarray(emds.emds())[np.triu_indices(len(events), 1)]
    except RuntimeError as error:
        warnings.warn(f"wasserstein: {error}")
        return None


def run_pot(events, settings):
    """Seconds and values of the first pairs by POT."""
    norm, beta = settings.get("norm", False), settings.get("beta", 1.0)
    pairs = list(zip(*np.triu_indices(len(events), 1)))[:POT_PAIRS]
    values = []
    start = time.process_time()
    for i, j in pairs:
        (a, p), (b, q) = ((event[:, 0], event[:, 1:]) for event in (events[i], events[j]))
        if settings.get("periodic"):
            phi = np.abs(p[:, None, 1] - q[None, :, 1])
            cost = np.hypot(p[:, None, 0] - q[None, :, 0], np.minimum(phi, 2 * np.pi - phi))
        else:
            cost = scipy.spatial.distance.cdist(p, q)
        if beta != 1.0:
            cost **= beta
        total = 1.0
        if norm:
            a, b = a / a.sum(), b / b.sum()
        else:
            # A particle of the lighter event that everything can come from, at a cost of 1.
            surplus = a.sum() - b.sum()
            total = max(a.sum(), b.sum())
            if surplus > 0:
                b, cost = np.append(b, surplus), np.column_stack([cost, np.ones(len(a))])
            elif surplus < 0:
                a, cost = np.append(a, -surplus), np.vstack([cost, np.ones(len(b))])
            a, b = a / a.sum(), b / b.sum()
        values.append(total * ot.emd2(a, b, cost, numItermax=10_000_000))
    return time.process_time() - start, np.array(values)


def disagreement(events, norm, ours, theirs):
    energies = np.array([1.0 if norm else event[:, 0].sum() for event in events])
    first, second = (index[: len(theirs)] for index in np.triu_indices(len(events), 1))
    size = np.maximum(theirs, SMALL * (energies[first] + energies[second]))
    return np.max(np.abs(ours[: len(theirs)] - theirs) / size)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hepml", required=True, type=pathlib.Path, help="the program emd_throughput")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jets", type=int, default=60, help="how many jets of a file")
    parser.add_argument("--only", default="", help="only cases whose names contain this")
    parser.add_argument("--no-pot", action="store_true", help="leave POT out")
    parser.add_argument("--simd", nargs="*", default=["portable"], help="levels of SIMD to force: portable avx2 avx512")
    parser.add_argument("npz", nargs="*", type=pathlib.Path, help="more files of jets, in EnergyFlow's layout")
    arguments = parser.parse_args()

    agree = True
    print("| case | wasserstein us/EMD | POT us/EMD | hepml us/EMD | wasserstein/hepml | disagreement |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, events, settings in cases(arguments):
        if arguments.only not in name:
            continue
        pairs = len(events) * (len(events) - 1) // 2
        padded = np.zeros((len(events), max(map(len, events)), 3))
        for index, event in enumerate(events):
            padded[index, : len(event)] = event
        seconds, values = {}, {}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "events.npz"
            np.savez(path, X=padded)
            for _ in range(arguments.rounds):
                results = {
                    "hepml": run_hepml(arguments.hepml, path, settings),
                    "wasserstein": run_wasserstein(events, settings),
                    "POT": None if arguments.no_pot else run_pot(events, settings),
                }
                for who, result in results.items():
                    if result is not None:
                        seconds.setdefault(who, []).append(result[0] / len(result[1]))
                        values[who] = result[1]
        assert len(values["hepml"]) == pairs
        cost = {who: 1e6 * np.median(times) for who, times in seconds.items()}
        show = {who: f"{cost[who]:.1f}" if who in cost else "-" for who in ("wasserstein", "POT", "hepml")}
        ratio = f"{cost['wasserstein'] / cost['hepml']:.1f}" if "wasserstein" in cost else "-"
        norm = settings.get("norm", False)
        worst = max((disagreement(events, norm, values["hepml"], values[who]) for who in values if who != "hepml"), default=0)
        agree &= bool(worst <= TOLERANCE)
        print(
            f"| {name} | {show['wasserstein']} | {show['POT']} | {show['hepml']} | {ratio} | {worst:.1e} |", flush=True
        )
    if not agree:
        sys.exit(f"disagreement above {TOLERANCE}")


if __name__ == "__main__":
    main()
