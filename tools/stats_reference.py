#!/usr/bin/env python3
"""Write hepml-stats/tests/reference/stats.json, what other packages say about the statistics of hepml-stats.

The inputs are not stored: they come from a 32-bit linear congruential generator that the Rust tests repeat bit for bit
(see ``uniform`` below and ``tests/reference.rs``).

    pip install numpy scipy scikit-learn arviz pyerrors
    python tools/stats_reference.py

Sources of the values:

*   numpy: quantiles (method="inverted_cdf" with weights), histograms;
*   SciPy: p-values of chi2, the Kolmogorov distribution (asymptotic and exact), KS statistics, normal tails;
*   scikit-learn: ROC AUC with ties and weights, points of the ROC curve;
*   ArviZ: the generalised Pareto fit of PSIS and its tail index;
*   pyerrors: the Gamma method for one chain and for a ratio, with its conventions translated (see ``gamma_pyerrors``);
*   ``gamma_wolff``: an implementation of hep-lat/0306017 in numpy, written for this file, for what pyerrors does
    differently (several chains, the bias of nonlinear functions, the numerical gradient).
"""

import json
import sys
from pathlib import Path

import arviz
import numpy as np
import pyerrors
import scipy
import scipy.special
import scipy.stats
import sklearn
import sklearn.metrics
from arviz.stats.stats import _gpdfit


def uniform(n, seed):
    """n numbers in [0, 1): x -> (1664525 x + 1013904223) mod 2^32, divided by 2^32."""
    state, out = seed, np.empty(n)
    for i in range(n):
        state = (1664525 * state + 1013904223) % 2**32
        out[i] = state / 2**32
    return out


def autoregressive(n, a, seed):
    """x_{i+1} = a x_i + u_i - 1/2, from x = 0."""
    x, out = 0.0, np.empty(n)
    for i, u in enumerate(uniform(n, seed)):
        x = a * x + (u - 0.5)
        out[i] = x
    return out


def gamma_wolff(chains, f, s=1.5):
    """The Gamma method for chains [samples, observables] and a function f of the means."""
    lengths = np.array([len(c) for c in chains])
    n, r = lengths.sum(), len(chains)
    data = np.concatenate(chains)
    mean = data.mean(axis=0)
    value = f(mean)
    steps = data.std(axis=0) / np.sqrt(n)
    gradient = np.zeros(len(mean))
    for alpha, h in enumerate(steps):
        move = np.zeros(len(mean))
        move[alpha] = h
        gradient[alpha] = (f(mean + move) - f(mean - move)) / (2 * h)
    deltas = [(c - mean) @ gradient for c in chains]

    def gamma(t):
        return sum((d[: len(d) - t] * d[t:]).sum() for d in deltas) / (n - r * t)

    g0, correlated, window = gamma(0), 0.0, None
    for w in range(1, lengths.min() // 2 + 1):
        correlated += gamma(w) / g0
        tau = s / np.log((correlated + 1) / correlated) if correlated > 0 else 1e-300
        if np.exp(-w / tau) - tau / np.sqrt(w * n) < 0:
            window = w
            break
    c = g0 + 2 * sum(gamma(t) for t in range(1, window + 1))
    gammas = np.array([gamma(t) for t in range(window + 1)]) + c / n
    c = gammas[0] + 2 * gammas[1:].sum()
    tau = 0.5 * c / gammas[0]
    error = np.sqrt(c / n)
    values = np.array([f(chain.mean(axis=0)) for chain in chains])
    bias, consistency = 0.0, None
    if r > 1:
        mean_value = (values * lengths).sum() / n
        bias = (mean_value - value) / (r - 1)
        chi2 = (lengths * (values - mean_value) ** 2).sum() / c
        consistency = scipy.stats.chi2.sf(chi2, r - 1)
    return {
        "value": value - bias,
        "bias": bias,
        "error": error,
        "error_of_error": error * np.sqrt((window + 0.5) / n),
        "tau_int": tau,
        "tau_int_error": 2 * tau * np.sqrt((window + 0.5 - tau) / n),
        "window": window,
        "consistency": consistency,
    }


def gamma_pyerrors(obs, s=1.5):
    """pyerrors' numbers; its tau_int carries the bias correction (2W + 1)/N and divides by 1 + 1/N, and its error is
    sqrt(2 tau_int Gamma(0) (1 + 1/N)/N): the same variance as in the paper."""
    obs.gamma_method(S=s)
    (name,) = obs.e_names
    return {
        "value": obs.value,
        "error": obs.dvalue,
        "error_of_error": obs.ddvalue,
        "tau_int": obs.e_tauint[name],
        "window": int(obs.e_windowsize[name]),
    }


def reference():
    out = {
        "versions": {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
            "arviz": arviz.__version__,
            "pyerrors": pyerrors.__version__,
        }
    }

    # Gamma method.
    gamma = []
    for n, a, seed in [(2000, 0.0, 1), (2000, 0.5, 2), (5000, 0.9, 3), (1500, -0.2, 4), (20000, 0.97, 5)]:
        series = autoregressive(n, a, seed)
        gamma.append(
            {
                "n": n,
                "a": a,
                "seed": seed,
                "wolff": gamma_wolff([series[:, None]], lambda m: m[0]),
                "pyerrors": gamma_pyerrors(pyerrors.Obs([series], ["chain"])),
            }
        )
    out["gamma"] = gamma
    lengths = [1500, 700, 2600]
    chains = [
        np.stack([2.0 + autoregressive(n, 0.8, 10 + i), 1.0 + autoregressive(n, 0.6, 20 + i)], axis=1)
        for i, n in enumerate(lengths)
    ]
    whole = np.concatenate(chains)
    ratio = pyerrors.Obs([whole[:, 0]], ["chain"]) / pyerrors.Obs([whole[:, 1]], ["chain"])
    out["gamma_chains"] = {
        "lengths": lengths,
        "first": gamma_wolff([c[:, :1] for c in chains], lambda m: m[0]),
        "ratio": gamma_wolff(chains, lambda m: m[0] / m[1]),
        "ratio_one_chain": gamma_wolff([whole], lambda m: m[0] / m[1]),
        "ratio_one_chain_pyerrors": gamma_pyerrors(ratio),
    }

    # Quantiles.
    values, weights = np.floor(uniform(200, 31) * 50) / 7, np.floor(uniform(200, 32) * 6) / 4
    q = [0.0, 0.01, 0.05, 0.1, 0.159, 0.25, 0.3, 0.5, 0.7, 0.75, 0.841, 0.9, 0.95, 0.999, 1.0]
    out["quantiles"] = {
        "q": q,
        "weighted": np.quantile(values, q, method="inverted_cdf", weights=weights).tolist(),
        "unweighted": np.quantile(values, q, method="inverted_cdf").tolist(),
    }

    # Histogram: no value sits on the last edge, which numpy counts differently.
    values, weights = uniform(500, 41) * 1.2 - 0.1, uniform(500, 42) - 0.2
    edges = np.linspace(0, 1, 11)
    out["histogram"] = {
        "sum_weights": np.histogram(values, edges, weights=weights)[0].tolist(),
        "sum_squared_weights": np.histogram(values, edges, weights=weights**2)[0].tolist(),
        "density": np.histogram(values, edges, weights=weights, density=True)[0].tolist(),
    }

    # ROC with many ties and with signed weights (scikit-learn refuses only some of those; numpy sums the pairs).
    n = 400
    labels = uniform(n, 51) < 0.4
    scores = np.floor(20 * (uniform(n, 52) + 0.3 * labels)) / 8
    weights = np.floor(8 * uniform(n, 53)) / 4 + 0.25
    signed = np.where(uniform(n, 54) < 0.15, -0.5, 1.0) * weights
    pairs = (scores[labels][:, None] > scores[~labels][None, :]) + 0.5 * (
        scores[labels][:, None] == scores[~labels][None, :]
    )
    fpr, tpr, _ = sklearn.metrics.roc_curve(labels, scores, drop_intermediate=False)
    wfpr, wtpr, _ = sklearn.metrics.roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)
    efficiencies = [0.1, 0.3, 0.5, 0.77, 0.9]
    out["roc"] = {
        "auc": sklearn.metrics.roc_auc_score(labels, scores),
        "auc_weighted": sklearn.metrics.roc_auc_score(labels, scores, sample_weight=weights),
        "auc_signed": float(
            signed[labels] @ pairs @ signed[~labels] / signed[labels].sum() / signed[~labels].sum()
        ),
        "mann_whitney": scipy.stats.mannwhitneyu(scores[labels], scores[~labels]).statistic
        / labels.sum()
        / (~labels).sum(),
        "signal_efficiency": tpr.tolist(),
        "background_efficiency": fpr.tolist(),
        "efficiencies": efficiencies,
        "background_efficiency_at": np.interp(efficiencies, tpr, fpr).tolist(),
        "background_efficiency_at_weighted": np.interp(efficiencies, wtpr, wfpr).tolist(),
    }

    # Kolmogorov-Smirnov.
    lambdas = [0.2, 0.4, 0.6, 0.8, 0.95, 1.0, 1.05, 1.3, 1.7, 2.5, 4.0]
    out["kolmogorov"] = {
        "lambda": lambdas,
        "sf": scipy.special.kolmogorov(lambdas).tolist(),
    }
    exact = []
    for n in [10, 20, 50, 200, 1000]:
        for p in [0.9, 0.5, 0.2, 0.05, 0.01, 0.001]:
            exact.append({"n": n, "statistic": scipy.stats.kstwo.isf(p, n), "p_value": p})
    out["ks_exact"] = exact
    a, b = uniform(150, 61) ** 1.3, uniform(220, 62)
    ties_a, ties_b = np.floor(a * 12), np.floor(b * 12)
    out["ks"] = {
        "one_sample": scipy.stats.kstest(a, "uniform").statistic,
        "two_sample": scipy.stats.ks_2samp(a, b).statistic,
        "two_sample_p_exact": scipy.stats.ks_2samp(a, b, method="exact").pvalue,
        "two_sample_ties": scipy.stats.ks_2samp(ties_a, ties_b).statistic,
    }
    wa, wb = uniform(150, 63), uniform(220, 64)
    grid = np.unique(np.concatenate([ties_a, ties_b]))
    fa = np.array([wa[ties_a <= x].sum() for x in grid]) / wa.sum()
    fb = np.array([wb[ties_b <= x].sum() for x in grid]) / wb.sum()
    out["ks"]["two_sample_weighted"] = float(np.abs(fa - fb).max())
    order = np.argsort(a)
    above = np.cumsum(wa[order]) / wa.sum()
    below = np.concatenate([[0], above[:-1]])
    out["ks"]["one_sample_weighted"] = float(np.maximum(above - a[order], a[order] - below).max())

    # chi2.
    out["chi2_sf"] = [
        {"chi2": x, "dof": k, "p_value": scipy.stats.chi2.sf(x, k)}
        for x, k in [(0.0, 1), (1.0, 1), (3.84, 1), (25.0, 1), (9.3, 10), (60.0, 10), (95.0, 100), (1100.0, 1000), (300.0, 20)]
    ]
    root = uniform(36, 71).reshape(6, 6) - 0.5
    covariance = root @ root.T + 0.1 * np.eye(6)
    difference = uniform(6, 72) - 0.5
    statistic = float(difference @ np.linalg.solve(covariance, difference))
    out["chi2_covariance"] = {"chi2": statistic, "p_value": scipy.stats.chi2.sf(statistic, 6)}

    # Normal tails.
    out["significance"] = [
        {"z": z, "p_value": scipy.stats.norm.sf(z)} for z in [-2.0, 0.0, 0.5, 1.0, 1.64, 3.0, 5.0, 8.0, 20.0, 35.0]
    ]

    # Tail index: the whole of psislw and the fit by itself.
    tails = []
    for n, k, seed in [(30, 0.5, 81), (100, 0.3, 82), (1000, 0.2, 83), (1000, 0.7, 84), (5000, 0.5, 85), (5000, 1.1, 86)]:
        weights = (1 - uniform(n, seed)) ** (-k)
        _, khat = arviz.psislw(np.log(weights))
        count = int(np.ceil(min(n / 5, 3 * np.sqrt(n))))
        ordered = np.sort(weights / weights.max())
        threshold = ordered[-count - 1]
        fitted, sigma = _gpdfit(ordered[-count:] - threshold)
        assert abs(fitted - khat) < 1e-9
        tails.append({"n": n, "k": k, "seed": seed, "khat": float(khat), "sigma": float(sigma), "tail": count})
    # Lognormal weights from sums of twelve uniform numbers.
    logs = 1.5 * (uniform(24000, 87).reshape(2000, 12).sum(axis=1) - 6)
    _, khat = arviz.psislw(logs.copy())
    out["tail_index"] = {"pareto": tails, "lognormal": float(khat)}
    return out


def main():
    path = Path(__file__).resolve().parent.parent / "hepml-stats" / "tests" / "reference" / "stats.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(reference(), indent=1) + "\n")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
