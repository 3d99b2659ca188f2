"""EFN and PFN of arXiv:1810.05165 in PyTorch, trained as the example `train_tagger` trains them; prints JSON.

Usage: OMP_NUM_THREADS=1 python benches/peers/tagger_peer.py --model pfn|efn --train FILE.npz --test FILE.npz --seed S
       [--epochs 20] [--max-jets N] [--hold-out 0.05] [--scores SCORES.npy]      (needs numpy and torch)

Phi 100-100-256, F 100-100-100-2, ReLU, He's uniform first weights; Adam at 1e-3 with a cosine decay to 0, batches of 100
jets; f32. Particles are (z, y, phi) about the pt-weighted axis, padded to the longest jet of each batch and masked; the EFN
weighs with z. Of the training file a share of the jets is held out to choose the epoch, as `train_tagger` does (by default
half of its --hold-out 0.1; --skip 0.05 leaves as many jets out altogether, as `train_tagger` keeps them to judge). `--scores`
writes f_top - f_QCD of each test jet, for paired errors.
"""

import argparse
import json
import time

import numpy as np
import torch


def read(path, most=None):
    with np.load(path) as file:
        x, y = file["X"][:most].astype(np.float64), file["y"][:most].astype(np.int64)
    pt, rapidity, azimuth = x[..., 0], x[..., 1], x[..., 2]
    there = pt > 0
    z = pt / pt.sum(axis=1, keepdims=True)
    # Azimuths about that of the total transverse momentum, then both about the weighted mean.
    reference = np.arctan2((z * np.sin(azimuth)).sum(axis=1), (z * np.cos(azimuth)).sum(axis=1))
    azimuth = np.remainder(azimuth - reference[:, None] + np.pi, 2 * np.pi) - np.pi
    centred = [a - (z * a).sum(axis=1, keepdims=True) for a in (rapidity, azimuth)]
    particles = np.stack([z, *centred], axis=-1) * there[..., None]
    lengths = there.sum(axis=1)
    # Padding is at the end already: the rows are sorted by pt.
    return torch.tensor(particles, dtype=torch.float32), torch.tensor(lengths), torch.tensor(y)


def stack(*widths):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layer = torch.nn.Linear(inputs, outputs)
        torch.nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        torch.nn.init.zeros_(layer.bias)
        layers += [layer, torch.nn.ReLU()]
    return layers


class Network(torch.nn.Module):
    def __init__(self, weighted):
        super().__init__()
        self.weighted = weighted
        self.phi = torch.nn.Sequential(*stack(2 if weighted else 3, 100, 100, 256))
        self.f = torch.nn.Sequential(*stack(256, 100, 100, 100, 2)[:-1])

    def forward(self, particles, lengths):
        longest = max(int(lengths.max()), 1)
        particles = particles[:, :longest]
        if self.weighted:
            latent = self.phi(particles[..., 1:]) * particles[..., :1]
        else:
            mask = torch.arange(longest)[None, :] < lengths[:, None]
            latent = self.phi(particles) * mask[..., None]
        return self.f(latent.sum(dim=1))


def auc(scores, labels):
    order = np.argsort(scores, kind="stable")
    values, inverse, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - 0.5 * (counts - 1))[inverse]
    signal = labels[order] == 1
    n, m = signal.sum(), (~signal).sum()
    return (ranks[signal].sum() - n * (n + 1) / 2) / (n * m)


def rejection(scores, labels, efficiency):
    signal = np.sort(scores[labels == 1])[::-1]
    threshold = signal[int(np.ceil(efficiency * len(signal))) - 1]
    passed = (scores[labels == 0] >= threshold).mean()
    return None if passed == 0 else 1 / passed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["pfn", "efn"], required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--max-jets", type=int)
    parser.add_argument("--hold-out", type=float, default=0.05)
    parser.add_argument("--skip", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scores")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)

    particles, lengths, labels = read(arguments.train, arguments.max_jets)
    order = torch.randperm(len(labels))
    held, skipped = (round(share * len(labels)) for share in (arguments.hold_out, arguments.skip))
    validation, training = order[:held], order[held + skipped :]
    network = Network(arguments.model == "efn")
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    batches = -(-len(training) // 100)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, arguments.epochs * batches)
    loss = torch.nn.CrossEntropyLoss()

    def scores(particles, lengths):
        network.eval()
        with torch.no_grad():
            parts = [network(p, n) for p, n in zip(particles.split(500), lengths.split(500))]
        network.train()
        return torch.cat(parts)

    start, best, losses = time.perf_counter(), None, []
    for _ in range(arguments.epochs):
        for batch in training[torch.randperm(len(training))].split(100):
            optimiser.zero_grad(set_to_none=True)
            loss(network(particles[batch], lengths[batch]), labels[batch]).backward()
            optimiser.step()
            schedule.step()
        if held:
            losses.append(loss(scores(particles[validation], lengths[validation]), labels[validation]).item())
            if losses[-1] == min(losses):
                best = {name: value.clone() for name, value in network.state_dict().items()}
    training_seconds = time.perf_counter() - start
    if best:
        network.load_state_dict(best)

    start = time.perf_counter()
    particles, lengths, labels = read(arguments.test)
    outputs = scores(particles, lengths).double().numpy()
    seconds = time.perf_counter() - start
    labels, score = labels.numpy(), outputs[:, 1] - outputs[:, 0]
    if arguments.scores:
        np.save(arguments.scores, score)
    print(
        json.dumps(
            {
                "model": arguments.model.upper(),
                "seed": arguments.seed,
                "parameters": sum(p.numel() for p in network.parameters()),
                "auc": auc(score, labels),
                "rejection_at_0.5": rejection(score, labels, 0.5),
                "rejection_at_0.3": rejection(score, labels, 0.3),
                "accuracy": float(((score > 0) == (labels == 1)).mean()),
                "jets": len(labels),
                "seconds": seconds,
                "training_jets": len(training),
                "training_seconds": training_seconds,
                "validation_losses": losses,
            }
        )
    )


if __name__ == "__main__":
    main()
