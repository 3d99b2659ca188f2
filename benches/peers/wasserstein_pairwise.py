"""All EMDs of a file of jets with the `wasserstein` package on one thread; called by the bench `emd_peer`.

Arguments: a text file (rows `pt y phi`, events separated by blank lines), beta, 1 for norm=True. Prints JSON with the
seconds that the computation took and the values in packed order.
"""

import json
import sys
import time

import numpy as np
import wasserstein


def main():
    path, beta, norm = sys.argv[1], float(sys.argv[2]), sys.argv[3] == "1"
    with open(path) as file:
        blocks = [block for block in file.read().split("\n\n") if block.strip()]
    events = [np.array([[float(x) for x in line.split()] for line in block.strip().splitlines()]) for block in blocks]
    emds = wasserstein.PairwiseEMD(R=1.0, beta=beta, norm=norm, num_threads=1, print_every=-1, verbose=0)
    start = time.perf_counter()
    emds(events)
    seconds = time.perf_counter() - start
    square = np.asarray(emds.emds())
    packed = square[np.triu_indices(len(events), 1)]
    json.dump({"seconds": seconds, "values": packed.tolist()}, sys.stdout)


if __name__ == "__main__":
    main()
