"""Convolutions of lattice flows in hepml-nn against PyTorch on one core; `run_nn.sh convolutions` calls it.

Stacks of circular 3 x 3 convolutions 2-8-8-k (Conv2d with padding_mode="circular" in PyTorch) with a leaky ReLU between them,
forward, and forward and backward to weights, biases and input. Rounds of both alternate, so that whatever else the machine
does hits both; what is compared is the processor time of a step, the median over the steps of a round, and of that the median
over the rounds. Both get the same numbers (see conv_throughput), and their losses and norms of gradients have to agree.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

import numpy as np
import torch

# Lattice, batch.
LATTICES = [(8, 256), (16, 128), (32, 64)]
# Of the norms, and of the loss relative to the norm of the gradient by the biases: sums of up to 10^7 terms.
AGREEMENT = {"f32": 1e-4, "f64": 1e-10}


class Peer:
    def __init__(self, size, last, batch, dtype):
        def numbers(count, f):
            return f(torch.arange(count, dtype=torch.float64))

        layers = []
        self.convolutions = []
        for layer, (inputs, outputs) in enumerate([(2, 8), (8, 8), (8, last)]):
            convolution = torch.nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="circular", dtype=dtype)
            weight = numbers(inputs * 9 * outputs, lambda i: 0.2 * torch.sin(1.3 * i + layer))
            with torch.no_grad():
                convolution.weight.copy_(weight.reshape(inputs, 3, 3, outputs).permute(3, 0, 1, 2))
                convolution.bias.copy_(numbers(outputs, lambda i: 0.1 * torch.cos(i + layer)))
            self.convolutions.append(convolution)
            layers += [convolution, torch.nn.LeakyReLU(0.01)]
        self.network = torch.nn.Sequential(*layers[:-1])
        pixels = size * size
        x = numbers(batch * 2 * pixels, lambda i: torch.sin(0.7 * i))
        self.x = x.to(dtype).reshape(batch, 2, size, size).requires_grad_()

    def step(self):
        self.network.zero_grad(set_to_none=True)
        self.x.grad = None
        start = time.process_time()
        y = self.network(self.x)
        middle = time.process_time()
        loss = y.square().sum()
        loss.backward()
        return middle - start, time.process_time() - start, float(loss.detach())

    def measure(self, steps):
        times = [self.step()[:2] for _ in range(steps)]
        return [float(np.median(column)) for column in zip(*times)]

    def found(self):
        loss = self.step()[2]

        def norm(tensors):
            return float(torch.sqrt(sum((t.double() ** 2).sum() for t in tensors)))

        return {
            "loss": loss,
            "input": norm([self.x.grad]),
            "weights": norm([c.weight.grad for c in self.convolutions]),
            "biases": norm([c.bias.grad for c in self.convolutions]),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hepml", required=True, type=pathlib.Path, help="the program conv_throughput")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--simd", help="the level of SIMD that hepml is to use: portable avx2 avx512")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    simd = ["--simd", arguments.simd] if arguments.simd else []
    print("| case | PyTorch ms | hepml ms | PyTorch/hepml | least and largest ratio |")
    print("| --- | ---: | ---: | ---: | ---: |")
    disagreements = []
    for size, batch in LATTICES:
        for last, precision in [(2, "f32"), (8, "f32"), (32, "f32"), (8, "f64")]:
            peer = Peer(size, last, batch, torch.float32 if precision == "f32" else torch.float64)
            theirs = peer.found()
            command = [arguments.hepml, "--size", size, "--last", last, "--batch", batch, "--precision", precision]
            command = [str(part) for part in command + ["--steps", arguments.steps]] + simd
            times = []
            for _ in range(arguments.rounds):
                torchs = peer.measure(arguments.steps)
                ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                times.append((torchs, [ours["forward"], ours["both"]]))
            for key, scale in [(key, theirs[key]) for key in ("input", "weights", "biases")] + [
                ("loss", theirs["biases"])
            ]:
                difference = abs(ours[key] - theirs[key]) / scale
                if not difference <= AGREEMENT[precision]:
                    disagreements.append(f"{size}x{size}, k = {last}, {precision}: {key} differs by {difference:.1e}")
            for which, what in enumerate(["forward", "forward and backward"]):
                pairs = [(a[which], b[which]) for a, b in times]
                theirs_ms, ours_ms = (1e3 * np.median(column) for column in zip(*pairs))
                ratios = sorted(a / b for a, b in pairs)
                print(
                    f"| {size}x{size}, 2-8-8-{last}, {batch} samples, {what}, {precision} | {theirs_ms:.3g} | "
                    f"{ours_ms:.3g} | {np.median(ratios):.2f} | {ratios[0]:.2f}-{ratios[-1]:.2f} |",
                    flush=True,
                )
    if disagreements:
        sys.exit("\n".join(disagreements))


if __name__ == "__main__":
    main()
