"""Training and inference of hepml-nn against PyTorch on one core; run_nn.sh calls it.

Rounds of both alternate, so that whatever else the machine does hits both; what is compared is the processor time of a step
(or of inference of all events), the median over the rounds. Both get the same data and the same first weights. PyTorch trains
with its fused Adam on tensors that are prepared before the clock starts (sets of different sizes padded to the longest of their
batch, with a mask); hepml is timed with its shuffling and gathering of batches. Before anything is timed, both train on one batch
for some steps, and their losses have to agree.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

STEPS = 10
# In f64 only the order of sums differs. In f32 Adam, which divides gradients by their size, makes rounding errors of
# vanishing ones steps like all others: f32 shows that nothing is grossly wrong, f64 that nothing is.
AGREEMENT = {"f32": 2e-2, "f64": 1e-10}


def dense(rng, widths):
    """(weight [inputs, outputs], bias) of each layer, He's uniform numbers."""
    return [
        (rng.uniform(-1, 1, (i, o)) * np.sqrt(6 / i), np.zeros((1, o))) for i, o in zip(widths, widths[1:])
    ]


def jets(path, count):
    """(z, y, phi) of the particles of the first jets, about their axes, one array a jet."""
    result = []
    with np.load(path) as file:
        for rows in file["X"][:count].astype(np.float64):
            rows = rows[rows[:, 0] > 0, :3]
            rows[:, 2] = rows[0, 2] + np.mod(rows[:, 2] - rows[0, 2] + np.pi, 2 * np.pi) - np.pi
            rows[:, 0] /= rows[:, 0].sum()
            rows[:, 1:] -= rows[:, 0] @ rows[:, 1:]
            result.append(rows)
        labels = file["y"][:count].astype(int)
    return result, labels


class Problem:
    """Data, first weights, and the same in PyTorch."""

    def __init__(self, rng, name, batch, events, targets, phi, f):
        self.name, self.batch, self.events, self.targets = name, batch, events, targets
        self.sets = phi is not None
        self.phi, self.f = dense(rng, phi) if self.sets else [], dense(rng, f)

    def write(self, folder, count):
        events = self.events[:count]
        np.save(folder / "x.npy", np.concatenate(events) if self.sets else np.asarray(events))
        np.save(folder / "targets.npy", self.targets[:count].astype(np.float64))
        if self.sets:
            offsets = np.cumsum([0] + [len(event) for event in events]).astype(np.float64)
            np.save(folder / "offsets.npy", offsets[:, None])
        for name, layers in (("phi", self.phi), ("f", self.f)):
            for number, (weight, bias) in enumerate(layers):
                np.save(folder / f"{name}{number}_weight.npy", weight)
                np.save(folder / f"{name}{number}_bias.npy", bias)

    def batches(self, count, dtype):
        """(events, mask or None, targets) of each batch."""
        for first in range(0, count, self.batch):
            events = self.events[first : min(first + self.batch, count)]
            targets = torch.tensor(self.targets[first : first + len(events)], dtype=dtype)
            if not self.sets:
                yield torch.tensor(np.asarray(events), dtype=dtype), None, targets
                continue
            lengths = [len(event) for event in events]
            padded = torch.zeros(len(events), max(lengths), events[0].shape[1], dtype=dtype)
            mask = torch.zeros(len(events), max(lengths), 1, dtype=dtype)
            for index, event in enumerate(events):
                padded[index, : len(event)] = torch.tensor(event, dtype=dtype)
                mask[index, : len(event)] = 1
            yield padded, None if min(lengths) == max(lengths) else mask, targets


def stack(layers, last, dtype):
    parts = []
    for number, (weight, bias) in enumerate(layers):
        linear = torch.nn.Linear(*weight.shape, dtype=dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weight.T))
            linear.bias.copy_(torch.tensor(bias[0]))
        parts += [linear, torch.nn.ReLU()] if last or number + 1 < len(layers) else [linear]
    return torch.nn.Sequential(*parts)


class Network(torch.nn.Module):
    def __init__(self, problem, dtype):
        super().__init__()
        self.phi = stack(problem.phi, True, dtype) if problem.sets else None
        self.f = stack(problem.f, False, dtype)

    def forward(self, x, mask):
        if self.phi is not None:
            x = self.phi(x)
            x = (x if mask is None else x * mask).sum(dim=1)
        return self.f(x)


def loss_of(outputs, targets):
    if targets.shape[1] == 1:
        return torch.nn.functional.binary_cross_entropy_with_logits(outputs, targets)
    return torch.nn.functional.cross_entropy(outputs, targets)


class Peer:
    """Training or inference in PyTorch."""

    def __init__(self, problem, count, dtype):
        self.network = Network(problem, dtype)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=1e-3, fused=True)
        self.batches = list(problem.batches(count, dtype))

    def train(self, epochs):
        losses = []
        start = time.process_time()
        for _ in range(epochs):
            for x, mask, targets in self.batches:
                self.optimiser.zero_grad(set_to_none=True)
                loss = loss_of(self.network(x, mask), targets)
                loss.backward()
                self.optimiser.step()
                losses.append(loss.detach())
        return (time.process_time() - start) / (epochs * len(self.batches)), [float(loss) for loss in losses]

    def infer(self, epochs):
        start = time.process_time()
        with torch.inference_mode():
            for _ in range(epochs):
                for x, mask, _ in self.batches:
                    self.network(x, mask)
        return (time.process_time() - start) / epochs


def hepml(binary, folder, problem, *options):
    command = [binary, folder, "--batch", str(problem.batch), *options]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def agree(binary, problem, precision, dtype):
    """Trains both on one batch; the largest difference of their losses."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        problem.write(folder, problem.batch)
        report = hepml(binary, folder, problem, "--epochs", str(STEPS), "--precision", precision)
        ours = np.array(report["losses"])
    theirs = np.array(Peer(problem, problem.batch, dtype).train(STEPS)[1])
    return np.max(np.abs(ours - theirs) / theirs), theirs[0], theirs[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hepml", required=True, type=pathlib.Path, help="the program nn_throughput")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="only cases whose names contain this")
    parser.add_argument("--jets", type=pathlib.Path, help="jets in EnergyFlow's layout; those of data/ unless given")
    parser.add_argument("--simd", help="the level of SIMD that hepml is to use: portable avx2 avx512")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(20240)
    phi, f = [3, 100, 100, 256], [256, 100, 100, 100, 2]
    count = 1000
    labels = rng.integers(0, 2, count)
    fixed = [rng.uniform(0, 1, (50, 3)) - 0.5 for _ in range(count)]
    pfn = Problem(rng, "PFN 100 jets x 50 particles", 100, fixed, np.eye(2)[labels], phi, f)
    path = arguments.jets or pathlib.Path(__file__).resolve().parents[2] / "data" / "jets.npz"
    events, kinds = jets(path, count)
    mean = np.mean([len(event) for event in events])
    ragged = Problem(rng, f"PFN 100 ragged jets of {mean:.0f} particles", 100, events, np.eye(2)[kinds], phi, f)
    rows = rng.normal(size=(16 * 256, 8))
    answers = (rows[:, :1] * rows[:, 1:2] > 0).astype(np.float64)
    mlp = Problem(rng, "MLP 8-128-128-1, 256 rows", 256, rows, answers, None, [8, 128, 128, 1])

    cases = []
    for problem, epochs in ((pfn, 4), (ragged, 4), (mlp, 40)):
        for precision in ("f32", "f64"):
            for what in ("training", "inference"):
                name = f"{problem.name}, {what}, {precision}"
                if arguments.only in name:
                    cases.append((name, problem, epochs, precision, what))
    simd = ["--simd", arguments.simd] if arguments.simd else []
    print("| case | PyTorch ms | hepml ms | PyTorch/hepml | least and largest ratio |")
    print("| --- | ---: | ---: | ---: | ---: |")
    agreement = {}
    for name, problem, epochs, precision, what in cases:
        dtype = torch.float32 if precision == "f32" else torch.float64
        if (problem.name, precision) not in agreement:
            agreement[problem.name, precision] = agree(arguments.hepml, problem, precision, dtype)
        count = len(problem.events)
        peer = Peer(problem, count, dtype)
        run = (lambda: peer.train(epochs)[0]) if what == "training" else (lambda: peer.infer(epochs))
        with tempfile.TemporaryDirectory() as folder:
            problem.write(pathlib.Path(folder), count)
            options = ["--epochs", str(epochs), "--precision", precision, "--what", what, *simd]
            run()
            times = []
            for _ in range(arguments.rounds):
                theirs = run()
                ours = hepml(arguments.hepml, pathlib.Path(folder), problem, *options)["seconds"]
                times.append((theirs, ours))
        theirs, ours = (1e3 * np.median(column) for column in zip(*times))
        ratios = sorted(t / o for t, o in times)
        print(
            f"| {name} | {theirs:.3g} | {ours:.3g} | {np.median(ratios):.2f} | {ratios[0]:.2f}-{ratios[-1]:.2f} |",
            flush=True,
        )
    print()
    agreed = True
    for (name, precision), (difference, first, last) in agreement.items():
        print(f"{name}, {precision}: losses {first:.4f} ... {last:.4f} differ by {difference:.1e} at most")
        agreed &= bool(difference <= AGREEMENT[precision])
    if not agreed:
        sys.exit(f"disagreement above {AGREEMENT}")


if __name__ == "__main__":
    main()
