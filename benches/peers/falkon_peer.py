"""Kernel logistic regression of hepml-ratio against the same algorithm in NumPy on one core; `run_falkon.sh` calls it.

The one-dimensional problem of NPLM (Eur. Phys. J. C 82 (2022) 879): reference events with density 8 exp(-8 x), and as data
2000 such events on average and 10 of a Gaussian peak at 0.8 of width 0.02. Both take the same centres, width, penalties, numbers
of iterations, tolerances and jitter, and form the kernel matrix in blocks that stay in the caches; NumPy's triangular algebra is that of LAPACK through SciPy.
What is compared is the processor time of the fit, in rounds that alternate, the median over the rounds; the ln r of all events
have to agree.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from scipy.linalg import cholesky, solve_triangular

# Of ln r, whose rounding the jitter amplifies, and which both stop short of the minimum: the mean and the largest difference; 3e-7
# and 3e-6 have been measured.
AGREEMENT = [1e-5, 1e-2]
# The numbers of a block of the kernel matrix: for NumPy, 2^14 to 2^18 were measured to be equally good, others worse.
BLOCK = 32_768
# What hepml's configuration has unless told otherwise.
PATH_ITERATIONS, ITERATIONS, CG_TOLERANCE, STEPS, TOLERANCE = 4, 100, 1e-2, 30, 1e-9


class Falkon:
    """min sum_i omega_i softplus(-+ z_i) + lambda/2 alpha^T (K_MM + jitter) alpha over the span of centres."""

    def __init__(self, numerator, denominator, centres, width, jitter):
        x = np.concatenate([numerator, denominator])
        sizes = [len(numerator), len(denominator)]
        self.omega = np.repeat([0.5 / size for size in sizes], sizes)
        mean = self.omega @ x
        points = (x - mean) / np.sqrt(self.omega @ (x - mean) ** 2)
        self.x, self.c = points / width, centres / width
        self.sign = np.repeat([-1.0, 1.0], sizes)
        order = np.argsort(self.x)
        places = np.clip(np.searchsorted(self.x[order], self.c), 1, len(x) - 1)
        nearer = self.c - self.x[order[places - 1]] < self.x[order[places]] - self.c
        self.events = order[places - nearer]
        count = len(centres)
        self.rows = max(8, BLOCK // count)
        self.block = np.empty((self.rows, count))
        gram = np.exp(-0.5 * (self.c[:, None] - self.c) ** 2)
        gram[np.diag_indices(count)] += jitter
        self.root = cholesky(gram, overwrite_a=True, check_finite=False)
        self.beta, self.z = np.zeros(count), np.zeros(len(x))

    def kernels(self):
        for start in range(0, len(self.x), self.rows):
            x = self.x[start : start + self.rows]
            block = self.block[: len(x)]
            np.subtract(x[:, None], self.c, out=block)
            np.multiply(block, block, out=block)
            np.multiply(block, -0.5, out=block)
            np.exp(block, out=block)
            yield slice(start, start + len(x)), block

    def transposed(self, u):
        return sum(u[events] @ block for events, block in self.kernels())

    def twice(self, v, d):
        values, sums = np.empty(len(self.x)), np.zeros(len(v))
        for events, block in self.kernels():
            values[events] = block @ v
            sums += (d[events] * values[events]) @ block
        return values, sums

    def objective(self, z, beta, penalty):
        return self.omega @ np.logaddexp(0.0, self.sign * z) + 0.5 * penalty * beta @ beta

    def fit(self, penalties, last):
        steps = []
        for penalty in penalties + [last] * (STEPS - 1):
            probability = 1 / (1 + np.exp(-self.z))
            slopes = self.omega * (probability - (self.sign < 0))
            curvatures = self.omega * probability * (1 - probability)
            gradient = self.up(self.transposed(slopes)) + penalty * self.beta
            weights = curvatures[self.events] * len(self.x) / len(self.c)
            matrix = (self.root * weights) @ self.root.T
            matrix[np.diag_indices(len(self.c))] += penalty
            matrix[np.diag_indices(len(self.c))] += np.finfo(float).eps * np.trace(matrix)
            self.preconditioner = cholesky(matrix, overwrite_a=True, check_finite=False)
            most = ITERATIONS if penalty == last else PATH_ITERATIONS
            u, change, iterations, residual = self.solve(gradient, curvatures, penalty, most)
            slope = gradient @ u
            converged = penalty == last and 0.5 * slope <= TOLERANCE and residual <= CG_TOLERANCE
            before, length = self.objective(self.z, self.beta, penalty), 1.0
            while not converged and self.objective(
                self.z - length * change, self.beta - length * u, penalty
            ) > before - 1e-4 * length * slope:
                length /= 2
                if length < 1e-12:
                    return steps
            self.beta -= length * u
            self.z -= length * change
            steps.append(iterations)
            if converged:
                break
        return steps

    def up(self, v):
        return solve_triangular(self.root, v, trans="T", check_finite=False)

    def solve(self, gradient, curvatures, penalty, most):
        def back(matrix, v, trans):
            return solve_triangular(matrix, v, trans=trans, check_finite=False)

        residual = back(self.preconditioner, gradient, "T")
        solution, change = np.zeros_like(residual), np.zeros_like(self.z)
        search, first = residual.copy(), residual @ residual
        square, iterations = first, 0
        while iterations < most and square > CG_TOLERANCE**2 * first:
            v = back(self.preconditioner, search, "N")
            values, sums = self.twice(back(self.root, v, "N"), curvatures)
            image = back(self.preconditioner, self.up(sums) + penalty * v, "T")
            length = square / (search @ image)
            solution += length * search
            residual -= length * image
            change += length * values
            following = residual @ residual
            search = residual + following / square * search
            square = following
            iterations += 1
        return back(self.preconditioner, solution, "N"), change, iterations, np.sqrt(square / first)

    def evaluate(self, coefficients):
        return np.concatenate([block @ coefficients for _, block in self.kernels()])


def at_least(least, kind=int):
    def number(text):
        if not kind(text) >= least:
            raise argparse.ArgumentTypeError(f"{text} is not at least {least}")
        return kind(text)

    number.__name__ = "number"
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hepml", required=True, type=pathlib.Path, help="the program falkon_throughput")
    parser.add_argument("--rounds", type=at_least(1), default=3)
    parser.add_argument("--reference", type=at_least(1000), default=200_000, help="reference events")
    parser.add_argument("--centres", type=at_least(2), default=1000)
    parser.add_argument("--width", type=at_least(1e-6, float), default=0.3)
    parser.add_argument("--penalty", type=at_least(1e-14, float), default=1e-10)
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    reference = rng.exponential(1 / 8, arguments.reference)
    data = np.concatenate([rng.exponential(1 / 8, rng.poisson(2000)), rng.normal(0.8, 0.02, rng.poisson(10))])
    times, differences = [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        np.save(folder / "numerator.npy", data[:, None])
        np.save(folder / "denominator.npy", reference[:, None])
        for _ in range(arguments.rounds):
            settings = ["--centres", arguments.centres, "--width", arguments.width, "--lambda", arguments.penalty]
            command = [arguments.hepml, folder, *map(str, settings)]
            finished = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if finished.returncode:
                sys.exit(f"{arguments.hepml} failed")
            hepml = json.loads(finished.stdout)
            curves, measures = hepml["curves"], hepml["measures"]
            path = curves["lambda"]
            penalties = path[: path.index(path[-1]) + 1]
            centres = np.load(folder / "centres.npy")[:, 0]
            start = time.process_time()
            falkon = Falkon(data, reference, centres, arguments.width, measures["jitter"])
            steps = falkon.fit(penalties, path[-1])
            times.append((time.process_time() - start, hepml["fit"]))
            z = falkon.evaluate(np.load(folder / "coefficients.npy")[:, 0])
            differences.append(np.abs(z - falkon.z))
    for name, counts in ("NumPy", steps), ("hepml", [int(count) for count in curves["conjugate gradient iterations"]]):
        print(f"conjugate gradients of {name}: {counts}")
    for warning in hepml["warnings"]:
        print(warning)
    numpy_seconds, hepml_seconds = np.median(times, axis=0)
    ratios = [a / b for a, b in times]
    mean, largest = np.mean(differences), np.max(differences)
    print("| events | centres | NumPy s | hepml s | NumPy/hepml | least and largest ratio | ln r differ by mean, max |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    print(
        f"| {len(data) + len(reference)} | {len(centres)} | {numpy_seconds:.2f} | {hepml_seconds:.2f} "
        f"| {numpy_seconds / hepml_seconds:.2f} | {min(ratios):.2f}-{max(ratios):.2f} | {mean:.1e}, {largest:.1e} |"
    )
    if not (mean <= AGREEMENT[0] and largest <= AGREEMENT[1]):
        sys.exit(f"ln r differ by {mean} on average, {largest} at most: not the same problem")


if __name__ == "__main__":
    main()
