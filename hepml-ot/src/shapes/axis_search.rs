//! The search for the axes that N-subjettiness is smallest about.

use std::f64::consts::{PI, TAU};

use crate::shapes::n_subjettiness::{JetMeasure, NSubjettinessConfig};

/// Moves of an axis by less than this, in units of R0, are none: `converged`.
const STILL: f64 = 1e-9;
/// Rounds of assigning particles and moving axes. Ten are usual.
const MAX_ROUNDS: usize = 500;
/// Steps of one axis within a round; Newton's method needs some five.
const MAX_STEPS: usize = 100;
/// Particles, the hardest first, that are tried as axes.
pub(super) const MAX_CANDIDATES: usize = 400;
/// Particles, the hardest first, of which each two have a place between them that is tried as an axis.
const PAIRED: usize = 12;
/// Places that are tried as one more axis beside others.
const ADDITIONS: usize = 12;
/// Different minima that one more axis is added to.
const POOL: usize = 4;
/// Of the value: a gain that is not rounding.
const GAIN: f64 = 1e-12;

/// sum_i w_i min(min_k r_ik^beta, cutoff) as a function of axes; lengths in units of R0, weights positive.
#[derive(Debug, Clone)]
pub(super) struct AxisSearch {
    weights: Vec<f64>,
    pub(super) points: Vec<[f64; 2]>,
    beta: f64,
    /// What a particle costs at most.
    pub(super) cutoff: f64,
    /// A turn of the azimuth, infinite if it is not periodic.
    turn: f64,
    /// R0, in the unit of the coordinates, if distances are those of momenta.
    curved: Option<f64>,
}

/// Axes that are a local minimum, and what is known of them.
#[derive(Debug, Clone)]
pub(super) struct Minimum {
    pub(super) axes: Vec<[f64; 2]>,
    pub(super) value: f64,
    /// Rounds, of all seeds.
    pub(super) iterations: usize,
    /// The largest move of an axis in the last round.
    pub(super) residual: f64,
    pub(super) converged: bool,
}

/// The best minima found, best first, and the rounds it took to find all that were offered.
#[derive(Debug, Clone, Default)]
struct Pool {
    found: Vec<Minimum>,
    iterations: usize,
}

impl Pool {
    /// Keeps `new` if it is among the best; of minima with the same value the first.
    fn add(&mut self, new: Minimum) {
        self.iterations += new.iterations;
        let gain = GAIN * new.value;
        if self.found.iter().any(|old| (old.value - new.value).abs() <= gain) {
            return;
        }
        let place = self.found.partition_point(|old| old.value < new.value);
        self.found.insert(place, new);
        self.found.truncate(POOL);
    }
}

impl AxisSearch {
    /// Weights at points, the azimuth in radians; lengths are divided by R0.
    pub(super) fn new(energies: &[f64], points: &[[f64; 2]], config: &NSubjettinessConfig) -> Self {
        let NSubjettinessConfig { beta, radius, periodic_phi, .. } = *config;
        let massive = || energies.iter().zip(points).filter(|(energy, _)| **energy > 0.0);
        let fold = |phi: f64| if periodic_phi && phi.abs() > PI { phi % TAU } else { phi };
        Self {
            weights: massive().map(|(energy, _)| *energy).collect(),
            points: massive().map(|(_, [y, phi])| [y / radius, fold(*phi) / radius]).collect(),
            beta,
            cutoff: config.cutoff.map_or(f64::INFINITY, |cutoff| (cutoff / radius).powf(beta)),
            turn: if periodic_phi { TAU / radius } else { f64::INFINITY },
            curved: (config.measure == JetMeasure::ConicalGeometric).then_some(radius),
        }
    }

    /// From `from` to `to`, the shorter way round.
    fn difference(&self, from: [f64; 2], to: [f64; 2]) -> [f64; 2] {
        let mut phi = to[1] - from[1];
        if phi.abs() > 0.5 * self.turn {
            phi -= self.turn * (phi / self.turn).round();
        }
        [to[0] - from[0], phi]
    }

    /// r² of a difference.
    fn square(&self, [y, phi]: [f64; 2]) -> f64 {
        match self.curved {
            None => y * y + phi * phi,
            // 2 (cosh - cos), without its cancellation.
            Some(radius) => {
                let (y, phi) = ((0.5 * radius * y).sinh(), (0.5 * radius * phi).sin());
                (2.0 / radius).powi(2) * (y * y + phi * phi)
            }
        }
    }

    /// Half of the first and of the second derivatives of r², which has no mixed ones.
    fn half_derivatives(&self, [y, phi]: [f64; 2]) -> ([f64; 2], [f64; 2]) {
        match self.curved {
            None => ([y, phi], [1.0; 2]),
            Some(radius) => {
                let (y, phi) = (radius * y, radius * phi);
                ([y.sinh() / radius, phi.sin() / radius], [y.cosh(), phi.cos()])
            }
        }
    }

    /// r^beta of r².
    fn power(&self, square: f64) -> f64 {
        if self.beta == 2.0 {
            square
        } else if self.beta == 1.0 {
            square.sqrt()
        } else {
            square.powf(0.5 * self.beta)
        }
    }

    /// What a unit of energy costs at a distance.
    pub(super) fn cost(&self, a: [f64; 2], b: [f64; 2]) -> f64 {
        self.power(self.square(self.difference(a, b)))
    }

    /// The nearest axis and its cost, without regard to the cutoff.
    pub(super) fn nearest(&self, axes: &[[f64; 2]], point: [f64; 2]) -> (usize, f64) {
        let mut nearest = (0, f64::INFINITY);
        for (k, axis) in axes.iter().enumerate() {
            let cost = self.cost(*axis, point);
            if cost < nearest.1 {
                nearest = (k, cost);
            }
        }
        nearest
    }

    /// The value with these axes.
    pub(super) fn value(&self, axes: &[[f64; 2]]) -> f64 {
        let cost = |point: &[f64; 2]| self.nearest(axes, *point).1.min(self.cutoff);
        self.weights.iter().zip(&self.points).map(|(weight, point)| weight * cost(point)).sum()
    }

    /// The best axes found, for 1 to `count` of them; once the value is 0, more axes would be idle and there are no more.
    ///
    /// Each is at least as good as the one before it.
    pub(super) fn up_to(&self, count: usize) -> Vec<Minimum> {
        let medoids = Medoids::new(self);
        let mut levels = Vec::new();
        let mut last = Pool::default();
        for n in 1..=count.min(self.points.len()) {
            let mut pool = Pool::default();
            pool.add(self.refined(medoids.best(n)));
            pool.add(self.refined(medoids.hardest(n)));
            // Without their last axis, these are no worse than what was found for one axis fewer.
            for found in &last.found {
                for addition in medoids.best_additions(&found.axes) {
                    pool.add(self.refined([&found.axes[..], &[addition]].concat()));
                }
            }
            while self.exchange(&medoids, &mut pool) {}
            let mut best = pool.found[0].clone();
            best.iterations = pool.iterations;
            let done = best.value == 0.0;
            levels.push(best);
            if done {
                break;
            }
            last = pool;
        }
        levels
    }

    /// Takes away each axis of the best in turn and puts it where it helps most; returns whether that made it better.
    fn exchange(&self, medoids: &Medoids<'_>, pool: &mut Pool) -> bool {
        let best = pool.found[0].clone();
        let convex = self.beta >= 1.0 && self.turn.is_infinite() && self.cutoff.is_infinite();
        if best.axes.len() == 1 && convex {
            return false;
        }
        for k in 0..best.axes.len() {
            let mut others = best.axes.clone();
            others.remove(k);
            for addition in medoids.best_additions(&others) {
                pool.add(self.refined([&others[..], &[addition]].concat()));
            }
        }
        pool.found[0].value < best.value * (1.0 - GAIN)
    }

    /// Assigns particles to axes and moves axes to the best place for their particles, in turn, until nothing moves.
    fn refined(&self, mut axes: Vec<[f64; 2]>) -> Minimum {
        let mut assignment: Vec<Option<usize>> = Vec::new();
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); axes.len()];
        let (mut iterations, mut residual, mut converged) = (0, f64::INFINITY, false);
        while iterations < MAX_ROUNDS && !converged {
            iterations += 1;
            let assign = |point: &[f64; 2]| {
                let (k, cost) = self.nearest(&axes, *point);
                (cost < self.cutoff).then_some(k)
            };
            let now: Vec<Option<usize>> = self.points.iter().map(assign).collect();
            let same = now == assignment;
            assignment = now;
            members.iter_mut().for_each(Vec::clear);
            for (particle, axis) in assignment.iter().enumerate() {
                if let Some(k) = axis {
                    members[*k].push(particle);
                }
            }
            residual = 0.0;
            for (axis, members) in axes.iter_mut().zip(&members) {
                let to = self.centre(*axis, members);
                let [y, phi] = self.difference(*axis, to);
                residual = f64::max(residual, y.hypot(phi));
                *axis = to;
            }
            converged = same && residual <= STILL;
        }
        Minimum { value: self.value(&axes), axes, iterations, residual, converged }
    }

    /// The best axis of two particles alone, for beta > 1.
    fn between(&self, a: usize, b: usize) -> [f64; 2] {
        let [y, phi] = self.difference(self.points[a], self.points[b]);
        let share = 1.0 / (1.0 + (self.weights[a] / self.weights[b]).powf(1.0 / (self.beta - 1.0)));
        [self.points[a][0] + share * y, self.points[a][1] + share * phi]
    }

    /// sum_i w_i r_i^beta over `members`.
    fn spread(&self, at: [f64; 2], members: &[usize]) -> f64 {
        members.iter().map(|&i| self.weights[i] * self.cost(at, self.points[i])).sum()
    }

    /// A minimum of the spread of `members`, no worse than `start`: the mean for beta = 2, the median for beta = 1.
    fn centre(&self, start: [f64; 2], members: &[usize]) -> [f64; 2] {
        if members.is_empty() {
            return start;
        }
        let from_start = self.minimum(start, members);
        if self.beta >= 1.0 {
            return from_start;
        }
        // Each particle is a minimum of its own, but there may be a lower one amid them.
        let (mut mean, mut total) = (start, 0.0);
        for &i in members {
            total += self.weights[i];
            let [y, phi] = self.difference(mean, self.points[i]);
            let share = self.weights[i] / total;
            mean = [mean[0] + share * y, mean[1] + share * phi];
        }
        let from_mean = self.minimum(mean, members);
        if self.spread(from_mean, members) < self.spread(from_start, members) {
            from_mean
        } else {
            from_start
        }
    }

    /// The minimum of the spread of `members` that is downhill from `start`.
    fn minimum(&self, start: [f64; 2], members: &[usize]) -> [f64; 2] {
        let mut at = start;
        let mut value = self.spread(at, members);
        for _ in 0..MAX_STEPS {
            let mut moved = false;
            if self.beta >= 1.0 {
                moved = self.snap(&mut at, &mut value, members);
            }
            for step in self.steps(at, members) {
                let mut length = 1.0;
                // A step that is good for anything is so before it is a millionth of itself.
                for _ in 0..20 {
                    let to = [at[0] + length * step[0], at[1] + length * step[1]];
                    let spread = self.spread(to, members);
                    if spread < value {
                        (at, value, moved) = (to, spread, true);
                        break;
                    }
                    length *= 0.5;
                }
                if moved {
                    break;
                }
            }
            // A beta < 1 makes every particle a minimum: one goes there last.
            if !(moved || self.beta < 1.0 && self.snap(&mut at, &mut value, members)) {
                break;
            }
        }
        at
    }

    /// Moves to the nearest of `members` if that is better, and says whether: minima at particles (for beta <= 1) are cusps,
    /// to which slopes lead slowly.
    fn snap(&self, at: &mut [f64; 2], value: &mut f64, members: &[usize]) -> bool {
        if self.beta >= 2.0 {
            return false;
        }
        let square = |i: usize| self.square(self.difference(*at, self.points[i]));
        let near = members.iter().min_by(|a, b| square(**a).total_cmp(&square(**b)));
        let point = self.points[*near.expect("there are members")];
        let spread = self.spread(point, members);
        let better = spread < *value;
        if better {
            (*at, *value) = (point, spread);
        }
        better
    }

    /// The steps to try from `at`, the most promising first: Newton's, and the one to the minimum of a paraboloid above
    /// the spread (Weiszfeld's; where distances are those of momenta, above it near `at`).
    fn steps(&self, at: [f64; 2], members: &[usize]) -> impl Iterator<Item = [f64; 2]> {
        let (mut pull, mut curvature, mut here) = ([0.0; 2], 0.0, 0.0);
        let (mut yy, mut yphi, mut phiphi) = (0.0, 0.0, 0.0);
        for &i in members {
            let difference = self.difference(at, self.points[i]);
            let square = self.square(difference);
            if square == 0.0 {
                here += self.weights[i];
                continue;
            }
            let weight = self.beta * self.weights[i] * self.power(square) / square;
            let ([y, phi], [bend_y, bend_phi]) = self.half_derivatives(difference);
            pull = [pull[0] + weight * y, pull[1] + weight * phi];
            curvature += weight * bend_y;
            let along = (self.beta - 2.0) * weight / square;
            yy += weight * bend_y + along * y * y;
            yphi += along * y * phi;
            phiphi += weight * bend_phi + along * phi * phi;
        }
        let strength = pull[0].hypot(pull[1]);
        // A particle right here holds the axis with its weight if beta = 1, for good if beta < 1.
        let held = here > 0.0 && (self.beta < 1.0 || self.beta == 1.0 && strength <= here);
        let free = strength > 0.0 && !held;
        let determinant = yy * phiphi - yphi * yphi;
        let newton = [
            (phiphi * pull[0] - yphi * pull[1]) / determinant,
            (yy * pull[1] - yphi * pull[0]) / determinant,
        ];
        let convex = here == 0.0 && determinant > 0.0 && yy + phiphi > 0.0;
        let newton = (free && convex).then_some(newton);
        let weiszfeld = free.then(|| pull.map(|x| x / curvature));
        let finite = |step: &[f64; 2]| step.iter().all(|x| x.is_finite());
        newton.into_iter().chain(weiszfeld).filter(finite)
    }
}

/// Axes on particles, and between two: a discrete problem that knows no slopes and few bad minima.
struct Medoids<'a> {
    search: &'a AxisSearch,
    /// The places that may be axes: particles, hardest first, then places between.
    candidates: Vec<[f64; 2]>,
    /// What each particle costs with each candidate as its axis `[candidate][particle]`, weight included.
    costs: Vec<Vec<f64>>,
}

impl<'a> Medoids<'a> {
    fn new(search: &'a AxisSearch) -> Self {
        let mut hardest: Vec<usize> = (0..search.points.len()).collect();
        hardest.sort_by(|a, b| search.weights[*b].total_cmp(&search.weights[*a]));
        hardest.truncate(MAX_CANDIDATES);
        let mut candidates: Vec<[f64; 2]> = hardest.iter().map(|&particle| search.points[particle]).collect();
        // With a beta of at most 1, the best place of two particles is one of them.
        if search.beta > 1.0 {
            hardest.truncate(PAIRED);
            for (k, &a) in hardest.iter().enumerate() {
                candidates.extend(hardest[..k].iter().map(|&b| search.between(a, b)));
            }
        }
        let row = |at: &[f64; 2]| {
            let cost =
                |(weight, point): (&f64, &[f64; 2])| weight * search.cost(*at, *point).min(search.cutoff);
            search.weights.iter().zip(&search.points).map(cost).collect()
        };
        let costs = candidates.iter().map(row).collect();
        Self { search, candidates, costs }
    }

    fn hardest(&self, n: usize) -> Vec<[f64; 2]> {
        self.candidates[..n].to_vec()
    }

    /// Candidates that lower the value beside `axes`, the best first.
    fn best_additions(&self, axes: &[[f64; 2]]) -> impl Iterator<Item = [f64; 2]> {
        let search = self.search;
        let cost =
            |(weight, point): (&f64, &[f64; 2])| weight * search.nearest(axes, *point).1.min(search.cutoff);
        let now: Vec<f64> = search.weights.iter().zip(&search.points).map(cost).collect();
        let mut values: Vec<(f64, usize)> = self
            .costs
            .iter()
            .enumerate()
            .map(|(candidate, row)| (value_with(row, &now), candidate))
            .collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        // The 1st, 2nd, 4th, 7th, 11th, …: the best are neighbours, and lead to the same minimum.
        let ranks =
            (0..ADDITIONS).map(|step| step * (step + 1) / 2).take_while(|rank| *rank < self.candidates.len());
        let chosen: Vec<usize> = ranks.map(|rank| values[rank].1).collect();
        chosen.into_iter().map(|candidate| self.candidates[candidate])
    }

    /// The candidate that lowers the value most if particles cost `now` without it.
    fn best_addition(&self, now: &[f64]) -> usize {
        let values = self.costs.iter().map(|row| value_with(row, now));
        values.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).expect("there are particles").0
    }

    /// `n` candidates such that exchanging any one of them for another does not help.
    fn best(&self, n: usize) -> Vec<[f64; 2]> {
        let count = self.search.points.len();
        let mut chosen: Vec<usize> = Vec::new();
        let mut now = vec![f64::INFINITY; count];
        for _ in 0..n {
            let next = self.best_addition(&now);
            now.iter_mut().zip(&self.costs[next]).for_each(|(old, new)| *old = old.min(*new));
            chosen.push(next);
        }
        // The value falls with each exchange, so this ends; the limit is for the sake of time.
        for _ in 0..20 * n {
            let value: f64 = now.iter().sum();
            // For each particle the position in `chosen` of its axis, and what it costs with the second best.
            let best_two = |particle: usize| {
                let mut best = (0, f64::INFINITY, f64::INFINITY);
                for (position, &candidate) in chosen.iter().enumerate() {
                    let cost = self.costs[candidate][particle];
                    if cost < best.1 {
                        best = (position, cost, best.1);
                    } else if cost < best.2 {
                        best.2 = cost;
                    }
                }
                best
            };
            let best_two: Vec<(usize, f64, f64)> = (0..count).map(best_two).collect();
            let mut exchange = (value * (1.0 - GAIN), None);
            let mut without = vec![0.0; n];
            for (candidate, row) in self.costs.iter().enumerate() {
                let mut common = 0.0;
                without.fill(0.0);
                for (&new, &(position, first, second)) in row.iter().zip(&best_two) {
                    common += new.min(first);
                    without[position] += new.min(second) - new.min(first);
                }
                for (position, extra) in without.iter().enumerate() {
                    if common + extra < exchange.0 {
                        exchange = (common + extra, Some((position, candidate)));
                    }
                }
            }
            let Some((position, candidate)) = exchange.1 else { break };
            chosen[position] = candidate;
            for (particle, cost) in now.iter_mut().enumerate() {
                *cost = chosen.iter().map(|&c| self.costs[c][particle]).fold(f64::INFINITY, f64::min);
            }
        }
        chosen.iter().map(|&candidate| self.candidates[candidate]).collect()
    }
}

/// The value if particles cost `now`, or what `row` says if that is less.
fn value_with(row: &[f64], now: &[f64]) -> f64 {
    row.iter().zip(now).map(|(new, old)| new.min(*old)).sum()
}
