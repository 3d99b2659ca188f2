#!/usr/bin/env python3
"""Reference values for training from PyTorch, in f64: losses, steps of optimisers, schedules of the learning rate.

Writes hepml-nn/tests/reference/training.json. Needs torch:

    python3 tools/nn_optimiser_reference.py

- losses: the loss of each event and its gradient by the outputs, from torch.nn.functional (cross_entropy with class
  probabilities, logsigmoid checked against binary_cross_entropy_with_logits, mse_loss, huber_loss, gaussian_nll_loss with full=True on the exponential of
  the log-variance), the mean over targets. The quantile loss, which torch lacks, is max(q d, (q - 1) d), differentiated by
  autograd. Outputs reach to where f32 formulas that subtract large numbers fail.
- optimisers: the parameters of a linear regression after each full-batch step of torch.optim.
- schedules: the rate of each step from torch.optim.lr_scheduler; the plateau with the losses of its epochs.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F

SEED = 20261122
OUT = pathlib.Path(__file__).resolve().parent.parent / "hepml-nn" / "tests" / "reference" / "training.json"
torch.set_default_dtype(torch.float64)


def f32(values):
    """Numbers that f32 holds exactly, so that one reference serves both precisions."""
    return torch.tensor(values, dtype=torch.float32).to(torch.float64)


def loss_case(name, numbers, outputs, targets, loss):
    outputs = f32(outputs).requires_grad_()
    targets = f32(targets)
    losses = loss(outputs, targets)
    (gradient,) = torch.autograd.grad(losses.sum(), outputs)
    return {
        "loss": name,
        **numbers,
        "outputs": outputs.tolist(),
        "targets": targets.tolist(),
        "losses": losses.tolist(),
        "gradient": gradient.tolist(),
    }


def losses():
    cases = []
    logits = [[0.0, 0.0, 0.0], [1.5, -0.25, 0.5], [10.25, 0.0, -3.0], [90.0, 80.0, 70.5], [-120.0, 3.0, 2.0], [0.5, 60.0, 1.0]]
    classes = [[1, 0, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1], [0.25, 0.25, 0.5]]
    cases.append(loss_case("CrossEntropy", {}, logits, classes, lambda f, y: F.cross_entropy(f, y, reduction="none")))
    logits = [[0.0, 0.0], [2.0, -1.0], [30.0, -30.0], [-30.0, 30.0], [100.0, -100.0], [-100.0, 95.0], [0.75, -2.5], [17.0, 40.0]]
    labels = [[1, 0], [0, 1], [1, 0], [1, 0], [1, 0], [1, 0], [0.25, 0.875], [0.5, 0.0]]


    def bce(f, y):
        # binary_cross_entropy_with_logits cancels where the network is sure and right; logsigmoid does not.
        losses = -y * F.logsigmoid(f) - (1 - y) * F.logsigmoid(-f)
        torch.testing.assert_close(losses, F.binary_cross_entropy_with_logits(f, y, reduction="none"))
        return losses.mean(1)

    cases.append(loss_case("BinaryCrossEntropy", {}, logits, labels, bce))
    values = [[0.0, 1.0], [2.5, -3.0], [1000.25, 1e-3], [0.625, -7.0]]
    targets = [[0.5, 1.25], [2.5, 4.0], [-3.0, 2e-3], [0.5, -7.125]]
    cases.append(loss_case("MeanSquared", {}, values, targets, lambda f, y: F.mse_loss(f, y, reduction="none").mean(1)))
    for delta in (1.0, 0.25):
        huber = lambda f, y: F.huber_loss(f, y, reduction="none", delta=delta).mean(1)
        cases.append(loss_case("Huber", {"delta": delta}, values, targets, huber))
    levels = [0.16, 0.5, 0.84]

    def quantile(f, y):
        difference = y[:, :, None] - f.reshape(len(y), y.shape[1], len(levels))
        q = torch.tensor(levels)
        return torch.maximum(q * difference, (q - 1) * difference).mean((1, 2))

    six = [[-1.0, 0.0, 1.0, 0.25, 0.5, 0.75], [2.0, 2.5, 40.0, -8.0, -9.0, 100.0], [0.0, 0.5, 1.5, 3.0, 2.0, 1.0]]
    cases.append(loss_case("Quantile", {"levels": levels}, six, [[0.5, 0.375], [3.0, -8.5], [-1.0, 10.0]], quantile))
    four = [[0.0, 1.0, 0.0, -1.0], [2.0, -3.0, 5.0, -12.0], [0.5, 10.0, -20.0, 20.0], [7.0, 7.0, 60.0, -60.0]]
    gaussian = lambda f, y: F.gaussian_nll_loss(
        f[:, :2], y, f[:, 2:].exp(), full=True, eps=0.0, reduction="none"
    ).mean(1)
    cases.append(loss_case("Gaussian", {}, four, [[0.5, 0.5], [1.0, -3.0], [0.5, 12.0], [0.0, 7.0]], gaussian))
    return cases


def optimisers():
    x, y, start = torch.randn(12, 3), torch.randn(12), torch.randn(3)
    cases = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
        "sgd momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.03),
        "sgd nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.01),
        "adam": lambda p: torch.optim.Adam(p, lr=0.1),
        "adam decay": lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.2),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.2),
    }
    document = {"x": x.tolist(), "y": y.tolist(), "start": start.tolist(), "trajectories": {}}
    for name, make in cases.items():
        parameter = torch.nn.Parameter(start.clone())
        optimiser = make([parameter])
        trajectory = []
        for _ in range(25):
            optimiser.zero_grad()
            ((x @ parameter - y) ** 2).mean().backward()
            optimiser.step()
            trajectory.append(parameter.detach().tolist())
        document["trajectories"][name] = trajectory
    return document


def rates(make, steps, losses=None):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = make(optimiser)
    out = []
    for step in range(steps):
        out.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if losses is None:
            if step + 1 < steps:
                scheduler.step()
        else:
            scheduler.step(losses[step])
    return out


def schedules():
    s = torch.optim.lr_scheduler
    steps = 40
    plateau = [5.0, 4.0, 4.0, 4.5, 3.99999, 3.9, 3.9, 3.9, 3.9, 3.9, 3.8, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9, 3.9, 3.7, 3.7]
    chained = lambda o: s.ChainedScheduler(
        [s.LinearLR(o, start_factor=1 / 6, total_iters=5), s.CosineAnnealingLR(o, T_max=steps)]
    )
    return {
        "rate": 0.5,
        "steps": steps,
        "cosine": rates(lambda o: s.CosineAnnealingLR(o, T_max=steps, eta_min=0.5 * 0.1), steps),
        "one cycle": rates(
            lambda o: s.OneCycleLR(o, max_lr=0.5, total_steps=steps, cycle_momentum=False), steps
        ),
        "warm-up of 5 and cosine": rates(chained, steps),
        "plateau losses": plateau,
        "plateau": rates(
            lambda o: s.ReduceLROnPlateau(o, factor=0.5, patience=2, min_lr=0.5 * 0.2, eps=0.0),
            len(plateau),
            plateau,
        ),
    }


def main():
    torch.manual_seed(SEED)
    document = {
        "about": "Written by tools/nn_optimiser_reference.py.",
        "versions": {"torch": torch.__version__},
        "losses": losses(),
        "optimisers": optimisers(),
        "schedules": schedules(),
    }
    assert all(math.isfinite(x) for case in document["losses"] for row in case["gradient"] for x in row)
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(f"{len(document['losses'])} losses, {len(document['optimisers']['trajectories'])} optimisers -> {OUT}")


if __name__ == "__main__":
    main()
