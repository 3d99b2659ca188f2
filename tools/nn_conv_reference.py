#!/usr/bin/env python3
"""Reference values for convolutions and pooling of images, from PyTorch in double precision.

Writes hepml-nn/tests/reference/convolutions.json. Needs torch:

    python3 tools/nn_conv_reference.py

Inputs, weights and biases are sin(0.7 i + 0.1), sin(1.3 i + 0.2) and sin(2.1 i + 0.3) of their running number i, so that
only results are in the file. Weights run as hepml's do, [channels rows columns, output channels]. For each case: the output,
and the gradients of sum_i cos(0.9 i) y_i by input, weights and bias. Circular padding is torch's mode "circular" of
Conv2d for odd kernels, and explicit padding with one pixel more at the end for even ones.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

OUT = pathlib.Path(__file__).resolve().parent.parent / "hepml-nn" / "tests" / "reference" / "convolutions.json"

# samples, channels, height, width, output channels, kernel, padding, slope of a leaky ReLU (1: none)
CONVOLUTIONS = [
    (2, 2, 5, 4, 3, (3, 3), "Circular", 1.0),
    (2, 2, 5, 4, 3, (3, 3), "Zero", 1.0),
    (2, 2, 5, 4, 3, (3, 3), "Valid", 1.0),
    (1, 3, 4, 5, 2, (2, 4), "Circular", 1.0),
    (1, 3, 4, 5, 2, (2, 4), "Zero", 1.0),
    (1, 1, 6, 3, 1, (5, 1), "Circular", 1.0),
    (3, 2, 3, 8, 5, (3, 3), "Circular", 0.1),
    (1, 1, 3, 16, 2, (1, 3), "Zero", 0.0),
]

# samples, channels, height, width, window, kind
POOLINGS = [
    (2, 2, 5, 7, (2, 2), "max"),
    (2, 2, 5, 7, (2, 2), "mean"),
    (1, 2, 6, 4, (3, 2), "max"),
    (1, 2, 6, 4, (3, 2), "mean"),
    (2, 3, 4, 4, (4, 4), "mean"),
]


def wave(count, step, start):
    return torch.sin(step * torch.arange(count, dtype=torch.float64) + start)


def gradients(y, leaves):
    loss = (torch.cos(0.9 * torch.arange(y.numel(), dtype=torch.float64)) * y.flatten()).sum()
    return [g.flatten().tolist() for g in torch.autograd.grad(loss, leaves)]


def convolution(samples, channels, height, width, outputs, kernel, padding, slope):
    x = wave(samples * channels * height * width, 0.7, 0.1).reshape(samples, channels, height, width).requires_grad_()
    flat = wave(channels * kernel[0] * kernel[1] * outputs, 1.3, 0.2).requires_grad_()
    bias = wave(outputs, 2.1, 0.3).requires_grad_()
    weight = flat.reshape(channels, kernel[0], kernel[1], outputs).permute(3, 0, 1, 2)
    above, left = (kernel[0] - 1) // 2, (kernel[1] - 1) // 2
    margins = (left, kernel[1] - 1 - left, above, kernel[0] - 1 - above)
    padded = {
        "Valid": lambda: x,
        "Zero": lambda: F.pad(x, margins),
        "Circular": lambda: F.pad(x, margins, mode="circular"),
    }[padding]()
    y = F.leaky_relu(F.conv2d(padded, weight, bias), slope)
    if padding == "Circular" and kernel[0] % 2 == 1 and kernel[1] % 2 == 1:
        layer = torch.nn.Conv2d(
            channels, outputs, kernel, padding=(above, left), padding_mode="circular", dtype=torch.float64
        )
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        assert torch.allclose(F.leaky_relu(layer(x), slope), y, rtol=0, atol=1e-13)
    by_x, by_weight, by_bias = gradients(y, [x, flat, bias])
    return {
        "image": [channels, height, width],
        "samples": samples,
        "outputs": outputs,
        "kernel": list(kernel),
        "padding": padding,
        "slope": slope,
        "y": y.flatten().tolist(),
        "by_x": by_x,
        "by_weight": by_weight,
        "by_bias": by_bias,
    }


def pooling(samples, channels, height, width, window, kind):
    x = wave(samples * channels * height * width, 0.7, 0.1).reshape(samples, channels, height, width).requires_grad_()
    y = F.max_pool2d(x, window) if kind == "max" else F.avg_pool2d(x, window)
    (by_x,) = gradients(y, [x])
    return {
        "image": [channels, height, width],
        "samples": samples,
        "window": list(window),
        "kind": kind,
        "y": y.flatten().tolist(),
        "by_x": by_x,
    }


def main():
    reference = {
        "torch": torch.__version__.split("+")[0],
        "convolutions": [convolution(*case) for case in CONVOLUTIONS],
        "poolings": [pooling(*case) for case in POOLINGS],
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(reference, indent=None, separators=(",", ":")).replace('{"image"', '\n{"image"') + "\n")


if __name__ == "__main__":
    main()
