#!/usr/bin/env python3
"""Compares our statistics with scipy's, and what scipy does not have with references written out here.

    python3 tests/statistics/agree.py PROGRAM [--inputs N] [--seed N]

PROGRAM is the engine's example `statistics`: questions in JSON lines, answers in JSON lines. Ends with 1 if an answer is further
from its reference than its row allows, relative to the value: 1e-9 for the exact tests of counts, where scipy's own digits end,
less for ranks, and 1e-6 for roots that both sides only search.
"""

import argparse
import itertools
import json
import math
import subprocess
import sys

import mpmath
import numpy
from scipy import optimize, stats

SIDES = ["less", "greater", "two-sided"]
# p-values below this are compared as zeros: nobody decides by them, and scipy's own last digits are gone.
TINY = 1e-290


class Row:
    """One kind of question: how many answers were compared, and the worst of them."""

    def __init__(self, name, tolerance):
        self.name, self.tolerance, self.compared, self.worst, self.wrong = name, tolerance, 0, 0.0, []

    def compare(self, question, ours, reference):
        if abs(ours) < TINY and abs(reference) < TINY:
            apart = 0.0
        else:
            apart = abs(ours - reference) / max(abs(ours), abs(reference))
        # A NaN is never less than anything.
        if not apart <= self.tolerance:
            self.wrong.append((question, ours, reference))
        self.compared += 1
        self.worst = max(self.worst, apart if apart == apart else math.inf)


class Asked:
    """Questions with what to do with their answers, asked all at once."""

    def __init__(self):
        self.questions, self.checks, self.rows = [], [], []

    def row(self, name, tolerance):
        self.rows.append(Row(name, tolerance))
        return self.rows[-1]

    def ask(self, row, question, reference, pick):
        self.questions.append(question)
        self.checks.append((row, reference, pick))

    def answers(self, program):
        lines = "".join(json.dumps(question) + "\n" for question in self.questions)
        run = subprocess.run([program], input=lines, stdout=subprocess.PIPE, text=True, check=True)
        said = [json.loads(line) for line in run.stdout.splitlines()]
        if len(said) != len(self.questions):
            sys.exit(f"{len(self.questions)} questions, {len(said)} answers")
        for question, answer, (row, reference, pick) in zip(self.questions, said, self.checks):
            if "ok" not in answer:
                row.wrong.append((question, answer, reference))
                continue
            row.compare(question, pick(answer["ok"]), reference)


# ---- Series, once


def series(random):
    """Two samples: continuous, tied, constant, extreme, shifted; tiny to large and of unequal sizes."""
    size = [lambda: random.integers(1, 9), lambda: random.integers(1, 40), lambda: random.integers(100, 1500)]
    kind = random.integers(6)
    m, n = (int(size[random.choice(3, p=[0.45, 0.45, 0.1])]()) for _ in range(2))
    shift = random.choice([0, 0.3, 2])
    if kind == 0:
        return random.normal(shift, 1, m), random.normal(0, 1, n)
    if kind == 1:
        return random.integers(0, 4, m) + shift, random.integers(0, 4, n) * 1.0
    if kind == 2:
        return random.poisson(20 + shift, m) * 1.0, random.poisson(20, n) * 1.0
    if kind == 3:
        return numpy.full(m, 7.0), random.choice([7.0, 7.0, 8.0], n)
    if kind == 4:
        return random.choice([-1, 1], m) * 10.0 ** random.uniform(-300, 300, m), 10.0 ** random.uniform(-300, 300, n)
    return random.lognormal(shift, 2, m), numpy.round(random.lognormal(0, 2, n), 1)


def counted(canary, control, side):
    """Both tails by the number of splits for each doubled rank sum, in whole numbers of any length."""
    ranks = [int(2 * rank) for rank in stats.rankdata(numpy.concatenate([canary, control]))]
    ways = [{0: 1}] + [{} for _ in canary]
    for seen, rank in enumerate(ranks):
        for chosen in range(min(len(canary), seen + 1), 0, -1):
            for total, count in ways[chosen - 1].items():
                ways[chosen][total + rank] = ways[chosen].get(total + rank, 0) + count
    full, seen = ways[len(canary)], sum(ranks[: len(canary)])
    splits = math.comb(len(ranks), len(canary))
    above = sum(count for total, count in full.items() if total >= seen) / splits
    below = sum(count for total, count in full.items() if total <= seen) / splits
    return {"greater": above, "less": below, "two-sided": min(1.0, 2 * min(above, below))}[side]


def mann_whitney(asked, random, inputs):
    asymptotic = asked.row("Mann-Whitney, normal approximation: scipy asymptotic", 1e-11)
    exact = asked.row("Mann-Whitney, exact, no ties: scipy exact", 1e-11)
    ties = asked.row("Mann-Whitney, exact with ties: every split counted", 1e-12)
    splits = asked.row("Mann-Whitney, exact with ties: scipy permutation_test", 1e-12)
    rule = asked.row("Mann-Whitney, auto: scipy auto where the rules agree", 1e-11)
    effect = asked.row("Mann-Whitney, U: scipy", 1e-12)
    for _ in range(inputs):
        canary, control = series(random)
        side = str(random.choice(SIDES))
        m, n = len(canary), len(control)
        tied = len(numpy.unique(numpy.concatenate([canary, control]))) < m + n

        def ask(row, method, reference, pick=lambda answer: answer["p"]):
            question = {"canary": list(canary), "control": list(control), "alternative": side, "method": method}
            asked.ask(row, {"mann_whitney": question}, reference, pick)

        reference = stats.mannwhitneyu(canary, control, alternative=side, method="asymptotic")
        # All values equal: no variance, and no evidence.
        p = 1.0 if math.isnan(reference.pvalue) else reference.pvalue
        ask(asymptotic, "asymptotic", p)
        ask(effect, "auto", reference.statistic, lambda answer: answer["u"])
        small = m + n <= 40
        if not tied and (small or min(m, n) <= 8):
            ask(exact, "exact", stats.mannwhitneyu(canary, control, alternative=side, method="exact").pvalue)
        if tied and small:
            ask(ties, "auto", counted(canary, control, side))
        if tied and math.comb(m + n, m) <= 2000 and min(m, n) > 1:
            every = stats.PermutationMethod(n_resamples=math.inf)
            ask(splits, "exact", stats.mannwhitneyu(canary, control, alternative=side, method=every).pvalue)
        if not small:
            ask(rule, "auto", stats.mannwhitneyu(canary, control, alternative=side, method="auto").pvalue)


def shifts(asked, random, inputs):
    estimate = asked.row("Hodges-Lehmann shift: median of all differences", 1e-12)
    for _ in range(inputs):
        canary, control = random.normal(1, 1, random.integers(1, 60)), random.lognormal(0, 1, random.integers(1, 60))
        question = {"canary": list(canary), "control": list(control), "confidence": 0.95}
        reference = numpy.median(numpy.subtract.outer(canary, control))
        asked.ask(estimate, {"hodges_lehmann": question}, reference, lambda answer: answer["estimate"])


# ---- Proportions, once


def counts(random, rate=None, most=1_000_000):
    """Events in trials: tiny to a million, rates from rare to certain, near to what `rate` gives and far from it."""
    trials = int(10 ** random.uniform(0, math.log10(most)))
    kind = random.integers(4)
    if kind == 0 or rate is None:
        events = random.binomial(trials, 10 ** random.uniform(-5, 0))
    elif kind == 1:
        events = random.integers(0, trials + 1)
    else:
        events = round(trials * rate + random.normal(0, 3) * math.sqrt(trials * rate * (1 - rate)))
    return {"events": int(min(max(events, 0), trials)), "trials": trials}


def binomial(asked, random, inputs):
    row = asked.row("exact binomial test: scipy", 1e-9)
    for _ in range(inputs):
        rate = float(random.choice([10 ** random.uniform(-6, 0), random.uniform(), 0.5, 0.01, 0.0, 1.0], p=[0.3, 0.3, 0.2, 0.16, 0.02, 0.02]))
        sample, side = counts(random, rate), str(random.choice(SIDES))
        reference = stats.binomtest(sample["events"], sample["trials"], rate, alternative=side).pvalue
        asked.ask(row, {"binomial": {"sample": sample, "rate": rate, "alternative": side}}, reference, lambda p: p)


def fisher(asked, random, inputs):
    row = asked.row("Fisher's exact test: scipy", 1e-9)
    for _ in range(inputs):
        most = int(random.choice([12, 60, 5_000, 1_000_000]))
        rate = 10 ** random.uniform(-4, 0)
        canary, control = counts(random, rate, most), counts(random, rate, most)
        side = str(random.choice(SIDES))
        table = [[of["events"], of["trials"] - of["events"]] for of in (canary, control)]
        reference = stats.fisher_exact(table, alternative=side).pvalue
        question = {"canary": canary, "control": control, "alternative": side}
        asked.ask(row, {"fisher": question}, reference, lambda answer: answer["p"])


# ---- Again and again


def with_starts(factors):
    """ln of the mixture over strengths and starts, as a plain double sum: started at look t with half at once and then ½/(t(t-1));
    what is not placed yet counts 1."""
    looks, strengths = len(factors), len(factors[0])
    start = [0.5] + [0.5 / (look * (look - 1)) for look in range(2, looks + 1)]
    total = mpmath.mpf(1) - mpmath.fsum(start)
    for strength in range(strengths):
        for first in range(looks):
            total += mpmath.mpf(start[first]) / strengths * mpmath.exp(mpmath.fsum(factors[look][strength] for look in range(first, looks)))
    return float(mpmath.log(total))


def divergence(guesses, sizes, border):
    """Of what the guessed rates say of a look from what the rates on the border say of it."""
    one = lambda rate, under: rate * mpmath.log(rate / under) + (1 - rate) * mpmath.log((1 - rate) / (1 - under))
    return sum(size * one(guess, under) for guess, size, under in zip(guesses, sizes, border))


def likelihood(sample, rate, under):
    yes, no = sample["events"], sample["trials"] - sample["events"]
    return yes * math.log(rate / under) + no * math.log((1 - rate) / (1 - under))


def two_rates(looks, factor, offset):
    """ln of the e-value of Turner, Ly and Grünwald's blocks: the nearest pair on the border is looked for as a minimum."""
    events, trials, factors = 0.5, 50.0, []
    for canary, control in looks:
        guess = events / trials
        fine = factor * guess + offset
        row = []
        for odds in (1.5, 2.5, 5, 15, 60):
            worse = odds * fine / (1 - fine) / (1 + odds * fine / (1 - fine))
            sizes = canary["trials"], control["trials"]
            away = lambda rate, worse=worse: divergence((worse, guess), sizes, (factor * rate + offset, rate))
            with mpmath.workdps(30):
                slope = lambda rate: float(mpmath.diff(away, mpmath.mpf(rate)))
                near = optimize.brentq(slope, guess, min((worse - offset) / factor, 1 - 1e-12), xtol=1e-16, rtol=1e-15)
            row.append(likelihood(canary, worse, factor * near + offset) + likelihood(control, guess, near))
        factors.append(row)
        events, trials = events + control["events"], trials + control["trials"]
    return with_starts(factors)


def splits_of(m, n):
    """Number of splits of m+n distinct values for each U, by the recursion over the largest value."""
    table = {}
    for a, b in itertools.product(range(m + 1), range(n + 1)):
        if a == 0 or b == 0:
            table[a, b] = [1]
            continue
        # The largest is a canary, and beats all b controls; or it is a control.
        size = a * b + 1
        ours = [0] * b + table[a - 1, b]
        theirs = table[a, b - 1] + [0] * size
        table[a, b] = [one + theirs[at] for at, one in enumerate(ours + [0] * (size - len(ours)))]
    return table[m, n]


def ranks(looks, factor, offset):
    """ln of the e-value of the rank bets, the expectation added up over every split."""
    factors = []
    for canary, control in looks:
        m, n = len(canary), len(control)
        u = stats.mannwhitneyu(canary, [factor * value + offset for value in control]).statistic
        deviation = math.sqrt(m * n * (m + n + 1) / 12)
        ways = splits_of(m, n)
        row = []
        for shift in (0.25, 0.5, 1, 2, 4):
            strength = mpmath.mpf(shift) / deviation
            mean = mpmath.fsum(count * mpmath.exp(strength * (at - mpmath.mpf(m * n) / 2)) for at, count in enumerate(ways)) / math.comb(m + n, m)
            row.append(strength * (u - m * n / 2) - mpmath.log(mean))
        factors.append(row)
    return with_starts(factors)


def mixture(sample, bound):
    """ln of the average likelihood ratio over all rates above the bound, by numerical integration."""
    s, f, p = sample["events"], sample["trials"] - sample["events"], mpmath.mpf(bound)
    peak = max(p, mpmath.mpf(s) / max(1, s + f))
    width = mpmath.sqrt(peak * (1 - peak) / max(1, s + f)) + mpmath.mpf(1) / max(1, s + f)
    marks = sorted({p, mpmath.mpf(1), *(min(max(peak + k * width, p), 1) for k in (-12, -6, -3, -1, 0, 1, 3, 6, 12, 40))})
    ratio = lambda rate: mpmath.exp(s * (mpmath.log(rate / p) if s else 0) + f * (mpmath.log((1 - rate) / (1 - p)) if f and rate < 1 else 0)) if not (f and rate >= 1) else mpmath.mpf(0)
    return float(mpmath.log(mpmath.quad(ratio, marks) / (1 - p)))


def sequential(asked, random, inputs):
    bound = asked.row("sequential, a bound: numerical integration", 1e-9)
    rates = asked.row("sequential, two rates: written out", 1e-8)
    values = asked.row("sequential, series: written out", 1e-8)
    levels = asked.row("sequential, levels of looks: written out", 1e-12)
    now = lambda answer: answer["ln_e"]
    # Evidence near none is a small difference of large terms: compared as e-values, shifted by one.
    one = lambda ln_e: 1 + ln_e if abs(ln_e) < 1 else ln_e
    for _ in range(inputs):
        rate = float(random.choice([0.01, 0.05, 0.3, 10 ** random.uniform(-4, -0.3)]))
        sample = counts(random, rate * float(random.choice([0.5, 1, 2])), 20_000)
        asked.ask(bound, {"above_bound": {"sample": sample, "bound": rate}}, one(mixture(sample, rate)), one)
        factor, offset = [(1.0, 0.0), (1.0, 0.02), (1.5, 0.0), (1.2, 0.01)][random.integers(4)]
        looks = [(counts(random, rate, 200), counts(random, rate, 200)) for _ in range(random.integers(1, 7))]
        reference = one(two_rates(looks, factor, offset))
        question = {"factor": factor, "offset": offset, "looks": looks}
        asked.ask(rates, {"proportions": question}, reference, lambda answer: one(now(answer)))
        looks = [(list(random.normal(0.5, 1, random.integers(1, 9)).round(1)), list(random.normal(0, 1, random.integers(1, 9)).round(1))) for _ in range(random.integers(1, 7))]
        question = {"factor": factor, "offset": offset, "looks": looks}
        asked.ask(values, {"series": question}, one(ranks(looks, factor, offset)), lambda answer: one(now(answer)))
    for look in range(1, 4 * inputs):
        octave = int(math.log2(look))
        inside = [2**octave + quarter * 2**octave // 4 for quarter in range(4)] if octave >= 2 else range(2**octave, 2 ** (octave + 1))
        reference = 0.05 * 2 / (octave + 2) / (octave + 3) / len(inside) if look in inside else 0.0
        asked.ask(levels, {"level_of_look": {"look": look, "alpha": 0.05}}, reference, lambda level: level or 0.0)


# ---- Before anything is measured


def power_of_fisher(m, n, baseline, rate, alpha):
    seen = stats.binom(m, rate).pmf(range(m + 1)), stats.binom(n, baseline).pmf(range(n + 1))
    total = 0.0
    for ours, theirs in itertools.product(range(m + 1), range(n + 1)):
        if stats.hypergeom.sf(ours - 1, m + n, m, ours + theirs) <= alpha * (1 + 1e-9):
            total += seen[0][ours] * seen[1][theirs]
    return total


def sizes(asked, random, inputs):
    rise = asked.row("smallest rise of a rate: root of scipy's sums", 1e-6)
    excess = asked.row("smallest excess over a bound: root of scipy's sums", 1e-6)
    effect = asked.row("smallest effect on a series: Noether's formula", 1e-9)
    to = lambda answer: answer["to"] if answer else 2.0
    for _ in range(inputs):
        m, n = (int(random.integers(2, 26)) for _ in range(2))
        baseline, alpha = float(random.choice([0.0, 0.01, 0.1])), float(random.choice([0.01, 0.05]))
        enough = lambda rate: power_of_fisher(m, n, baseline, rate, alpha) - 0.8
        reference = optimize.brentq(enough, baseline, 1, xtol=1e-9) if enough(1.0) >= 0 else 2.0
        question = {"canary": m, "control": n, "baseline": baseline, "alpha": alpha, "power": 0.8}
        asked.ask(rise, {"detectable_rise": question}, reference, to)
        fewest = next((k for k in range(m + 1) if stats.binom.sf(k - 1, m, baseline) <= alpha * (1 + 1e-9)), None)
        enough = lambda rate: stats.binom.sf(fewest - 1, m, rate) - 0.8
        reference = 2.0 if fewest is None else optimize.brentq(enough, baseline, 1, xtol=1e-9)
        asked.ask(excess, {"detectable_excess": {"trials": m, "bound": baseline, "alpha": alpha, "power": 0.8}}, reference, to)
        superiority = 0.5 + (stats.norm.isf(alpha) + stats.norm.isf(0.2)) * math.sqrt((m + n + 1) / (12 * m * n))
        possible = superiority < 1 and 1 / math.comb(m + n, m) <= alpha * (1 + 1e-9)
        reference = math.sqrt(2) * stats.norm.ppf(superiority) if possible else 9.0
        question = {"canary": m, "control": n, "alpha": alpha, "power": 0.8}
        asked.ask(effect, {"detectable_effect": question}, reference, lambda answer: answer["standard_deviations"] if answer else 9.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--inputs", type=int, default=2000, help="random inputs of each test that scipy has; the others get fewer")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random = numpy.random.default_rng(arguments.seed)
    numpy.seterr(all="ignore")
    asked = Asked()
    mann_whitney(asked, random, arguments.inputs)
    shifts(asked, random, arguments.inputs // 10)
    binomial(asked, random, arguments.inputs)
    fisher(asked, random, arguments.inputs)
    sequential(asked, random, arguments.inputs // 20)
    sizes(asked, random, arguments.inputs // 100)
    asked.answers(arguments.program)
    for row in asked.rows:
        print(f"{row.name:<58}  {row.compared:>6} compared  worst {row.worst:.1e}  allowed {row.tolerance:.0e}")
        for question, ours, reference in row.wrong[:3]:
            print(f"  FAIL {json.dumps(question)[:400]}\n       ours {ours!r}, reference {reference!r}")
    wrong = sum(len(row.wrong) for row in asked.rows)
    print(f"seed {arguments.seed}: {len(asked.questions)} answers compared, {wrong} apart")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
