"""Scores of `train_tagger` against those of tagger_peer.py on the same jets, with paired bootstrap errors.

Usage: python benches/peers/tagger_compare.py --test FILE.npz --hepml A.npy B.npy ... --torch C.npy D.npy ...   (needs numpy)

Each list holds one file of scores a seed. Printed: AUC and 1/eps_B at eps_S = 0.5 of each, their means over seeds, and the difference
of the means with two errors: from the jets (the same bootstrap draws of test jets for all) and from the seeds (their scatter).
"""

import argparse

import numpy as np

REPLICAS = 1000


def measures(signal, background, weights_s, weights_b):
    """AUC and 1/eps_B of scores, with a number of times for each jet."""
    order = np.argsort(background)
    below = np.concatenate([[0.0], np.cumsum(weights_b[order])])
    ordered = background[order]
    left, right = np.searchsorted(ordered, signal), np.searchsorted(ordered, signal, side="right")
    total_s, total_b = weights_s.sum(), weights_b.sum()
    auc = (weights_s * 0.5 * (below[left] + below[right])).sum() / (total_s * total_b)
    hardest = np.argsort(-signal)
    at = hardest[np.searchsorted(np.cumsum(weights_s[hardest]), 0.5 * total_s)]
    passed = total_b - below[np.searchsorted(ordered, signal[at])]
    return auc, total_b / max(passed, 1.0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--test", required=True)
    parser.add_argument("--hepml", nargs="+", required=True)
    parser.add_argument("--torch", nargs="+", required=True)
    arguments = parser.parse_args()
    labels = np.load(arguments.test)["y"] == 1
    files = {"hepml": arguments.hepml, "torch": arguments.torch}
    scores = {name: [np.load(path).ravel() for path in paths] for name, paths in files.items()}
    assert all(len(s) == len(labels) for group in scores.values() for s in group), "other jets"

    def means(weights_s, weights_b):
        each = {
            name: np.array([measures(s[labels], s[~labels], weights_s, weights_b) for s in group])
            for name, group in scores.items()
        }
        return each, each["hepml"].mean(axis=0) - each["torch"].mean(axis=0)

    n, m = labels.sum(), (~labels).sum()
    each, difference = means(np.ones(n), np.ones(m))
    rng = np.random.default_rng(1)
    replicas = np.array(
        [
            means(
                np.bincount(rng.integers(n, size=n), minlength=n).astype(float),
                np.bincount(rng.integers(m, size=m), minlength=m).astype(float),
            )[1]
            for _ in range(REPLICAS)
        ]
    )
    seeds = np.sqrt(sum(g.var(axis=0, ddof=1) / len(g) if len(g) > 1 else 0.0 * g[0] for g in each.values()))
    for column, name in enumerate(["AUC", "1/eps_B at eps_S = 0.5"]):
        digits = 4 if column == 0 else 1
        for group, values in each.items():
            listed = ", ".join(f"{v:.{digits}f}" for v in values[:, column])
            print(f"{name}, {group}: {listed}; mean {values[:, column].mean():.{digits}f}")
        print(
            f"{name}, difference of the means: {difference[column]:+.{digits}f}"
            f" +- {replicas[:, column].std(ddof=1):.{digits}f} (jets) +- {seeds[column]:.{digits}f} (seeds)\n"
        )


if __name__ == "__main__":
    main()
