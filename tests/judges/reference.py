#!/usr/bin/env python3
"""Values for the judges, computed by scipy and not by us.

    pip install scipy==1.17.1
    python3 tests/judges/reference.py > tests/judges/reference.json
"""
import json

import numpy as np
from scipy import special, stats
from scipy.optimize import brentq


def normal():
    return [{"z": z, "above": stats.norm.sf(z)} for z in (-8, -3.5, -1.96, -0.1, 0, 0.3, 1.4, 1.4143, 1.645, 2.9, 5.2, 9, 20, 37)]


def quantiles():
    return [{"p": p, "z": stats.norm.ppf(p)} for p in (1e-15, 1e-6, 0.01, 0.025, 0.2, 0.5, 0.8, 0.95, 0.975, 0.999)]


def binomial():
    cases = [(0, 30, 0.001), (1, 30, 0.001), (3, 30, 0.05), (10, 1000, 0.001), (500, 1000, 0.5), (620, 1000, 0.5),
             (1300, 128470, 0.01), (900, 128470, 0.01), (30, 30, 0.9), (2, 100000, 1e-6)]
    return [{"count": k, "trials": n, "p": p, "exactly": stats.binom.pmf(k, n, p), "at_least": stats.binom.sf(k - 1, n, p),
             "at_most": stats.binom.cdf(k, n, p)} for k, n, p in cases]


def intervals():
    out = []
    for k, n, confidence in [(5, 500, 0.95), (1, 30, 0.95), (0, 100, 0.95), (17, 20, 0.9), (20, 20, 0.98), (1234, 100000, 0.99)]:
        test = stats.binomtest(k, n)
        exact, wilson = (test.proportion_ci(confidence, method) for method in ("exact", "wilson"))
        out.append({"count": k, "trials": n, "confidence": confidence, "exact": [exact.low, exact.high],
                    "wilson": [wilson.low, wilson.high]})
    return out


def fisher():
    out = []
    for a, n, b, m in [(5, 500, 10, 10000), (0, 100, 3, 100), (3, 30, 1, 570), (1, 30, 0, 570), (40, 1000, 30, 1000),
                       (260, 20000, 200, 20000), (10, 10, 0, 10), (2, 872, 16, 16568)]:
        table = [[a, n - a], [b, m - b]]
        out.append({"canary": [a, n], "control": [b, m], "greater": stats.fisher_exact(table, "greater").pvalue,
                    "two_sided": stats.fisher_exact(table, "two-sided").pvalue})
    return out


def two_proportions():
    """The z of Pearson's chi-square without correction is that of the pooled test."""
    out = []
    for a, n, b, m in [(5, 500, 10, 10000), (40, 1000, 30, 1000), (30, 1000, 40, 1000), (2, 872, 16, 16568)]:
        chi2 = stats.chi2_contingency([[a, n - a], [b, m - b]], correction=False).statistic
        z = np.sign(a / n - b / m) * np.sqrt(chi2)
        out.append({"canary": [a, n], "control": [b, m], "z": z, "above": stats.norm.sf(z)})
    return out


def ranks():
    rng = np.random.default_rng(5)
    pairs = [([6, 7, 8, 9, 10], [1, 2, 3, 4, 5], 0.98), ([1.1, 2.2, 9.5], [0.3, 4.4, 5.1, 7.7], 0.95),
             ([20, 22, 21, 25, 30], [1, 2.2, 1.1, 2.5, 3], 0.95), ([2, 2, 2, 2, 3], [10, 20.2, 10.1, 20.5, 30], 0.95),
             ([1, 2, 2, 3, 5, 5, 8], [2, 2, 3, 3, 4, 9], 0.95),
             (rng.normal(1, 1, 30).round(6).tolist(), rng.normal(0, 1, 35).round(6).tolist(), 0.98),
             (rng.poisson(4, 60).tolist(), rng.poisson(3, 70).tolist(), 0.98),
             (rng.normal(0.3, 1, 55).round(6).tolist(), rng.normal(0, 1, 60).round(6).tolist(), 0.95)]
    out = []
    for x, y, confidence in pairs:
        ties = len(set(x + y)) < len(x + y)
        exact = not ties and len(x) < 50 and len(y) < 50
        test = stats.mannwhitneyu(x, y, alternative="two-sided", use_continuity=True, method="exact" if exact else "asymptotic")
        differences = np.sort(np.subtract.outer(x, y).ravel())
        low, high = exact_interval(x, y, differences, confidence) if exact else normal_interval(x, y, differences, confidence)
        out.append({"experiment": x, "control": y, "confidence": confidence, "u": test.statistic, "p_value": test.pvalue,
                    "estimate": float(np.median(differences)), "low": low, "high": high})
    return out


def exact_interval(x, y, differences, confidence):
    """Order statistics at the exact quantile of U; its distribution by counting subsets of ranks."""
    n, m = len(x), len(y)
    ways = [[0] * (n * m + n * (n + 1) // 2 + 1) for _ in range(n + 1)]
    ways[0][0] = 1
    for rank in range(1, n + m + 1):
        for chosen in range(min(rank, n), 0, -1):
            for total in range(len(ways[0]) - 1, rank - 1, -1):
                ways[chosen][total] += ways[chosen - 1][total - rank]
    counts = ways[n][n * (n + 1) // 2:]
    everything, running = sum(counts), 0
    for u, count in enumerate(counts):
        running += count
        if running / everything >= (1 - confidence) / 2:
            rank = max(u, 1)
            return differences[rank - 1], differences[len(differences) - rank]


def normal_interval(x, y, differences, confidence):
    """The root of R's wilcox.test: z of the shifted sample, with ties and continuity correction, is the quantile."""
    x, y = np.array(x, float), np.array(y, float)

    def z(shift):
        ranks = stats.rankdata(np.concatenate([np.round(x - shift, 9), y]))
        _, ties = np.unique(ranks, return_counts=True)
        n, m = len(x), len(y)
        over = ranks[:n].sum() - n * (n + 1) / 2 - n * m / 2
        sigma = np.sqrt(n * m / 12 * ((n + m + 1) - (ties**3 - ties).sum() / ((n + m) * (n + m - 1))))
        return (over - np.sign(over) * 0.5) / sigma

    bound = stats.norm.ppf(1 - (1 - confidence) / 2)
    root = lambda q: brentq(lambda shift: z(shift) - q, differences[0], differences[-1], xtol=1e-9)
    return root(bound), root(-bound)


def sequences():
    """Where a beta(1/2, 1/2) mixture of binomial likelihoods is 1/alpha times that at a rate."""
    out = []
    for bad, events, alpha in [(0, 100, 0.025), (7, 900, 0.01), (20, 20, 0.05), (150, 100000, 0.025), (1, 30, 0.025)]:
        good = events - bad
        mixture = special.betaln(bad + 0.5, good + 0.5) - special.betaln(0.5, 0.5)
        over = lambda p: mixture - special.xlogy(bad, p) - special.xlog1py(good, -p) + np.log(alpha)
        rate = bad / events
        low = brentq(over, 1e-300, rate, xtol=1e-15) if bad > 0 else 0.0
        high = brentq(over, rate, 1 - 1e-16, xtol=1e-15) if good > 0 else 1.0
        out.append({"count": [bad, events], "alpha": alpha, "low": low, "high": high})
    return out


def planned():
    """One-sided constants from the joint normal law of all looks, without a recursion."""
    out = []
    for shape, looks, alpha in [("pocock", 2, 0.05), ("pocock", 5, 0.05), ("obrien-fleming", 3, 0.025), ("obrien-fleming", 5, 0.05)]:
        k = np.arange(1, looks + 1)
        law = stats.multivariate_normal(np.zeros(looks), np.sqrt(np.minimum.outer(k, k) / np.maximum.outer(k, k)),
                                        maxpts=10**6 * looks, abseps=1e-7, releps=1e-7, seed=7)
        limits = lambda c: c * np.ones(looks) if shape == "pocock" else c * np.sqrt(looks / k)
        constant = brentq(lambda c: 1 - law.cdf(limits(c)) - alpha, 1.0, 4.0, xtol=1e-5)
        out.append({"shape": shape, "looks": looks, "alpha": alpha, "constant": constant})
    return out


parts = [normal, quantiles, binomial, intervals, fisher, two_proportions, ranks, sequences, planned]
print(json.dumps({part.__name__: part() for part in parts}, indent=1, default=float))
