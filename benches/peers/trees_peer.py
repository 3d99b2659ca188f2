"""Boosted trees of hepml-ratio against scikit-learn's HistGradientBoostingClassifier on one core; `run_trees.sh` calls it.

Two samples of correlated features with tails, of which some separate them; 100 trees of 31 leaves, learning rate 0.1, 255 bins,
no regularisation, nothing held out on either side. Features are f64 on both sides; scikit-learn holds derivatives in f32 and their
sums in f64, hepml both in 64-bit integers. Rounds of both alternate, so that whatever else the machine does hits both; what is
compared is the processor time, the median over the rounds, of the fit (binning included) and of the evaluation of the test
events. Both get the same events, and their AUCs on the same test events have to agree.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

# Training events of both sides together, features.
PROBLEMS = [(1000, 5), (10_000, 20), (100_000, 3), (100_000, 8), (100_000, 20), (100_000, 60), (1_000_000, 20)]
TEST = 100_000
# The difference of the AUCs of two such fits that differ in how they place bins: their fluctuation is smaller than 1e-3.
AGREEMENT = 1e-3


def sample(rng, events, features, numerator):
    z = rng.normal(size=(events, features))
    shift = np.linspace(0.3, 0.0, features) * numerator
    x = z + shift + 0.5 * np.roll(z, 1, axis=1)
    x[:, 1] += 0.3 * x[:, 0] ** 2 * (1 if numerator else 0.5)
    x[:, 2] = np.exp(0.5 * x[:, 2])
    return x


def at_least(least):
    def whole(text):
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is not at least {least}")
        return int(text)

    whole.__name__ = "whole number"
    return whole


def throughput(*command):
    finished = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    if finished.returncode:
        sys.exit(f"{command[0]} failed")
    return json.loads(finished.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hepml", required=True, type=pathlib.Path, help="the program trees_throughput")
    parser.add_argument("--rounds", type=at_least(1), default=5)
    parser.add_argument("--largest", type=at_least(PROBLEMS[0][0]), default=1_000_000, help="leave out problems with more events")
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    print("| events x features | what | scikit-learn s | hepml s | scikit-learn/hepml | least and largest ratio | AUCs |")
    print("| --- | --- | ---: | ---: | ---: | ---: | --- |")
    disagreements = []
    for events, features in PROBLEMS:
        if events > arguments.largest:
            continue
        sides = [sample(rng, events // 2, features, numerator) for numerator in (1, 0)]
        test = np.concatenate([sample(rng, TEST // 2, features, numerator) for numerator in (1, 0)])
        x, y = np.concatenate(sides), np.repeat([1, 0], events // 2)
        truth = np.repeat([1, 0], TEST // 2)
        times = []
        with tempfile.TemporaryDirectory() as folder:
            for name, table in [("numerator", sides[0]), ("denominator", sides[1]), ("test", test)]:
                np.save(pathlib.Path(folder) / f"{name}.npy", table)
            for _ in range(arguments.rounds):
                model = HistGradientBoostingClassifier(
                    max_iter=100, max_leaf_nodes=31, learning_rate=0.1, min_samples_leaf=1, early_stopping=False
                )
                start = time.process_time()
                model.fit(x, y)
                middle = time.process_time()
                z = model.decision_function(test)
                end = time.process_time()
                ours = throughput(arguments.hepml, folder)
                times.append(([middle - start, end - middle], [ours["fit"], ours["evaluation"]]))
        aucs = [roc_auc_score(truth, z), roc_auc_score(truth, ours["z"])]
        if not abs(aucs[0] - aucs[1]) <= AGREEMENT:
            disagreements.append(f"{events} x {features}: AUCs {aucs}")
        for which, what in enumerate(["fit", f"evaluation of {TEST}"]):
            pairs = [(a[which], b[which]) for a, b in times]
            theirs_s, ours_s = (np.median(column) for column in zip(*pairs))
            ratios = sorted(a / b for a, b in pairs)
            print(
                f"| {events} x {features} | {what} | {theirs_s:.3g} | {ours_s:.3g} | {np.median(ratios):.2f} | "
                f"{ratios[0]:.2f}-{ratios[-1]:.2f} | {aucs[0]:.5f}, {aucs[1]:.5f} |",
                flush=True,
            )
    if disagreements:
        sys.exit("\n".join(disagreements))


if __name__ == "__main__":
    main()
