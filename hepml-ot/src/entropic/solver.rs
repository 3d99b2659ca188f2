//! The iteration: potentials of two sides that hold nothing but positive masses, in units where costs are about 1.

use crate::compensated;
use crate::entropic::exponential::{exp, exp_minus_one};

/// How far a scaling may be from 1 before the potentials absorb it: e^±50, far from where products leave the range of f64.
const DRIFT: f64 = 5e21;
/// What a row holds below e^-300 of its largest entry is left out by `exp`; a column whose share of a plan is so small has to
/// be summed by itself.
const STARVED: f64 = 1e-60;
/// Beyond this many times the largest cost, epsilon is so large that exponentials are 1 plus little, and it is the little
/// that counts.
const SMOOTH: f64 = 32.0;
/// Iterations between two estimates of the rate of convergence.
const STRIDE: usize = 8;
/// A Newton step costs about as much as so many iterations.
const NEWTON_WORTH: f64 = 60.0;
/// The residual at which a larger epsilon has done its work as a start for the next.
const ROUGH: f64 = 0.05;
/// The residual above which nothing counts as converged. Costs of 1e9 epsilons leave some 1e-6; potentials, which are of the size of
/// rho between unequal totals, may leave nothing at all.
const HIGHEST_FLOOR: f64 = 1e-5;
/// No potential moves by more than so many epsilons in the first Newton step, nor by more than four times as many as in the last
/// that proved right.
const LONGEST_STEP: f64 = 30.0;

/// Two sides, the costs between them, and the potentials found.
///
/// With p_i = a_i exp(-f_i/rho) (a_i itself if balanced) rows of `q` add up to 1, so that the plan of the potentials is
/// p_i q_ij: after [`rows`](Self::rows) f is optimal for g.
#[derive(Debug, Clone, Default)]
pub(crate) struct Solver {
    pub(crate) a: Vec<f64>,
    pub(crate) b: Vec<f64>,
    log_a: Vec<f64>,
    log_b: Vec<f64>,
    /// Row after row.
    pub(crate) cost: Vec<f64>,
    pub(crate) f: Vec<f64>,
    pub(crate) g: Vec<f64>,
    epsilon: f64,
    /// Infinite if balanced.
    rho: f64,
    /// rho / (rho + epsilon).
    damping: f64,
    q: Vec<f64>,
    /// The soft minima of the rows: f before damping.
    s: Vec<f64>,
    /// The row sums of the plan.
    row_sums: Vec<f64>,
    /// The column sums of the plan; within [`sweep`](Self::sweep), before the scaling of columns.
    column_sums: Vec<f64>,
    row_scale: Vec<f64>,
    column_scale: Vec<f64>,
    row_scratch: Vec<f64>,
    column_scratch: Vec<f64>,
    column_more: Vec<f64>,
    newton: Newton,
    /// How far a potential may move in a Newton step, in units of epsilon.
    reach: f64,
}

/// The vectors of a Newton step.
#[derive(Debug, Clone, Default)]
struct Newton {
    start: Vec<f64>,
    gradient: Vec<f64>,
    diagonal: Vec<f64>,
    step: Vec<f64>,
    rest: Vec<f64>,
    direction: Vec<f64>,
    image: Vec<f64>,
}

/// How an iteration ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// Passes over the costs.
    pub(crate) iterations: usize,
    /// The sum of |column sum - what it should be|, over the sum of what they should be. Rows are exact.
    pub(crate) residual: f64,
    /// The residual that counts as converged.
    pub(crate) tolerance: f64,
}

impl Ended {
    pub(crate) fn converged(self) -> bool {
        self.residual <= self.tolerance
    }
}

/// What is asked of an iteration, in the solver's units.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    pub(crate) epsilon: f64,
    /// Infinite if balanced.
    pub(crate) rho: f64,
    pub(crate) tolerance: f64,
    pub(crate) max_iterations: usize,
    pub(crate) scaling: f64,
}

impl Task {
    fn is_smooth(self, largest_cost: f64) -> bool {
        self.rho.is_infinite() && self.epsilon >= SMOOTH * largest_cost
    }
}

enum Sweep {
    Converged,
    /// A scaling would have left its range.
    Drifted,
    /// Newton's method would be faster.
    Slow,
    Exhausted,
}

impl Solver {
    /// Takes new masses, all positive; the costs are to follow.
    pub(crate) fn reset(&mut self, a: impl Iterator<Item = f64>, b: impl Iterator<Item = f64>) {
        let fill = |masses: &mut Vec<f64>, logs: &mut Vec<f64>, new: &mut dyn Iterator<Item = f64>| {
            masses.clear();
            masses.extend(new);
            logs.clear();
            logs.extend(masses.iter().map(|mass| mass.ln()));
        };
        fill(&mut self.a, &mut self.log_a, &mut { a });
        fill(&mut self.b, &mut self.log_b, &mut { b });
        let (n, m) = (self.a.len(), self.b.len());
        for (vector, len) in [
            (&mut self.cost, n * m),
            (&mut self.q, n * m),
            (&mut self.f, n),
            (&mut self.s, n),
            (&mut self.row_sums, n),
            (&mut self.row_scale, n),
            (&mut self.row_scratch, n),
            (&mut self.g, m),
            (&mut self.column_sums, m),
            (&mut self.column_scale, m),
            (&mut self.column_scratch, m),
            (&mut self.column_more, m),
            (&mut self.newton.start, m),
            (&mut self.newton.gradient, m),
            (&mut self.newton.diagonal, m),
            (&mut self.newton.step, m),
            (&mut self.newton.rest, m),
            (&mut self.newton.direction, m),
            (&mut self.newton.image, m),
        ] {
            vector.clear();
            vector.resize(len, 0.0);
        }
    }

    pub(crate) fn cost_row_mut(&mut self, row: usize) -> &mut [f64] {
        let m = self.b.len();
        &mut self.cost[row * m..][..m]
    }

    /// The potentials that solve the task, or the best there are after the iterations allowed.
    pub(crate) fn solve(&mut self, task: Task) -> Ended {
        let largest = self.largest_cost();
        self.g.fill(0.0);
        if task.is_smooth(largest) {
            return self.solve_smooth(task, largest);
        }
        // Large epsilons converge at once and lead close to where smaller ones have to begin.
        let mut epsilon = task.epsilon.max(task.scaling * largest);
        let mut iterations = 0;
        loop {
            self.set_epsilon(epsilon, task.rho);
            let last = epsilon <= task.epsilon;
            let tolerance = if last { task.tolerance } else { ROUGH };
            let ended = self.stage(tolerance, task.max_iterations, &mut iterations);
            if last || iterations >= task.max_iterations {
                // Out of iterations: f is to belong to the epsilon that was asked for.
                if !last {
                    self.set_epsilon(task.epsilon, task.rho);
                    self.rows();
                    let (residual, _) = self.residual();
                    return self.ended(iterations, residual, task.tolerance);
                }
                return ended;
            }
            epsilon = (epsilon * task.scaling).max(task.epsilon);
        }
    }

    /// The same for a side with itself under symmetric costs: f = g up to the tolerance.
    ///
    /// The mean of f and of its soft minimum is a contraction by 1/2 or better where exp(-cost/epsilon) is a positive kernel
    /// (arXiv:1810.08278); with weights 1/3 and 2/3 it is one by 1/3.
    pub(crate) fn solve_symmetric(&mut self, task: Task) -> Ended {
        const WEIGHT: f64 = 2.0 / 3.0;
        const PATIENCE: usize = 200;
        if task.is_smooth(self.largest_cost()) {
            return self.solve(task);
        }
        self.set_epsilon(task.epsilon, task.rho);
        self.g.fill(0.0);
        for iteration in 1..=task.max_iterations.min(PATIENCE) {
            self.soft_rows();
            self.finish_rows();
            let ended = self.ended(iteration, self.residual().0, task.tolerance);
            if ended.converged() {
                return ended;
            }
            for (g, f) in self.g.iter_mut().zip(&self.f) {
                *g += WEIGHT * (f - *g);
            }
        }
        // Not a positive kernel.
        let mut ended = self.solve(task);
        ended.iterations += PATIENCE.min(task.max_iterations);
        ended
    }

    /// The value of the dual problem at the potentials, f optimal for g:
    /// sum a phi(f) + sum b phi(g) - epsilon sum p, with phi(f) = -rho (exp(-f/rho) - 1), or f and no last term if balanced.
    pub(crate) fn dual(&self) -> f64 {
        let terms = |masses: &[f64], potentials: &[f64]| {
            compensated::sum(masses.iter().zip(potentials).map(|(mass, f)| mass * self.conjugate(*f)))
        };
        terms(&self.a, &self.f) + terms(&self.b, &self.g) - self.entropy()
    }

    /// The last term of the dual value: epsilon times the total of the plan, or 0 if balanced.
    pub(crate) fn entropy(&self) -> f64 {
        if self.rho.is_infinite() {
            return 0.0;
        }
        self.epsilon * compensated::sum(self.a.iter().zip(&self.f).map(|(a, f)| a * self.share(*f)))
    }

    /// phi of a potential: what a unit of mass there adds to the dual value.
    pub(crate) fn conjugate(&self, f: f64) -> f64 {
        if self.rho.is_finite() { -self.rho * (-f / self.rho).exp_m1() } else { f }
    }

    /// The part of its mass that a particle of this potential moves.
    pub(crate) fn share(&self, f: f64) -> f64 {
        if self.rho.is_finite() { (-f / self.rho).exp() } else { 1.0 }
    }

    /// The potential of a mass that is not there, from the costs to the masses of the other side.
    pub(crate) fn extrapolate(&self, costs: impl Iterator<Item = f64>, first_side: bool) -> f64 {
        let (logs, potentials) = if first_side { (&self.log_b, &self.g) } else { (&self.log_a, &self.f) };
        // In units of the costs, as such a mass may be any number of epsilons away.
        let x = |((cost, log), g): ((f64, &f64), &f64)| self.epsilon * log + (g - cost);
        let terms: Vec<f64> = costs.zip(logs).zip(potentials).map(x).collect();
        let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = terms.iter().map(|term| ((term - largest) / self.epsilon).exp()).sum();
        -self.damping * (largest + self.epsilon * sum.ln())
    }

    /// The plan's entry, from the potentials.
    pub(crate) fn plan(&self, i: usize, j: usize) -> f64 {
        let exponent = (self.f[i] + self.g[j] - self.cost[i * self.b.len() + j]) / self.epsilon;
        (exponent + self.log_a[i] + self.log_b[j]).exp()
    }

    fn set_epsilon(&mut self, epsilon: f64, rho: f64) {
        (self.epsilon, self.rho) = (epsilon, rho);
        self.damping = if rho.is_finite() { 1.0 / (1.0 + epsilon / rho) } else { 1.0 };
    }

    fn largest_cost(&self) -> f64 {
        self.cost.iter().fold(0.0, |largest: f64, cost| largest.max(cost.abs()))
    }

    /// The residual that rounding of the exponents alone leaves.
    fn floor(&self) -> f64 {
        let largest = |x: &[f64]| x.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        2.0 * f64::EPSILON
            * (1.0 + (self.largest_cost() + largest(&self.f) + largest(&self.g)) / self.epsilon)
    }

    /// An iteration that has ended here: what rounding leaves is converged if it is little, and else all that is known of the residual.
    fn ended(&self, iterations: usize, residual: f64, tolerance: f64) -> Ended {
        let floor = self.floor();
        if floor <= HIGHEST_FLOOR {
            Ended { iterations, residual, tolerance: tolerance.max(floor) }
        } else {
            Ended { iterations, residual: residual.max(floor), tolerance }
        }
    }

    /// The soft minima of all rows, s_i = -eps ln sum_j b_j exp((g_j - c_ij)/eps), and q.
    fn soft_rows(&mut self) {
        let m = self.b.len();
        let inverse = 1.0 / self.epsilon;
        let h = &mut self.column_scratch;
        for ((h, g), log_b) in h.iter_mut().zip(&self.g).zip(&self.log_b) {
            *h = g * inverse + log_b;
        }
        let rows = self.q.chunks_exact_mut(m).zip(self.cost.chunks_exact(m));
        for ((row, cost), s) in rows.zip(&mut self.s) {
            for ((x, c), h) in row.iter_mut().zip(cost).zip(&*h) {
                *x = h - c * inverse;
            }
            let largest = largest(row);
            for x in row.iter_mut() {
                *x = exp(*x - largest);
            }
            let sum = sum(row);
            let scale = 1.0 / sum;
            for x in row.iter_mut() {
                *x *= scale;
            }
            *s = -self.epsilon * (largest + sum.ln());
        }
    }

    /// f and the sums of the plan from the soft minima.
    fn finish_rows(&mut self) {
        let m = self.b.len();
        self.column_sums.fill(0.0);
        for (i, row) in self.q.chunks_exact(m).enumerate() {
            self.f[i] = self.damping * self.s[i];
            self.row_sums[i] = self.a[i] * self.share(self.f[i]);
            add(&mut self.column_sums, row, self.row_sums[i]);
        }
    }

    /// Makes f optimal for g, or, if not balanced, for g moved by the constant that is best for both.
    fn rows(&mut self) {
        self.soft_rows();
        if self.rho.is_finite() {
            // The dual value along g - x, f = damping (s + x) is largest where both marginals have the same total
            // (the idea of arXiv:2201.00730).
            let rho = self.rho;
            let log_total = |logs: &[f64], potentials: &mut dyn Iterator<Item = f64>| {
                let terms: Vec<f64> = logs.iter().zip(potentials).map(|(log, f)| log - f / rho).collect();
                let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                largest + terms.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
            };
            let of_f = log_total(&self.log_a, &mut self.s.iter().map(|s| self.damping * s));
            let of_g = log_total(&self.log_b, &mut self.g.iter().copied());
            let shift = rho / (1.0 + self.damping) * (of_f - of_g);
            self.g.iter_mut().for_each(|g| *g -= shift);
            self.s.iter_mut().for_each(|s| *s += shift);
        }
        self.finish_rows();
    }

    /// Makes g optimal for f, in a way that no range of numbers can break.
    fn columns(&mut self) {
        let m = self.b.len();
        let inverse = 1.0 / self.epsilon;
        let (largest, sums) = (&mut self.column_scratch, &mut self.column_more);
        largest.fill(f64::NEG_INFINITY);
        sums.fill(0.0);
        for (scaled, (f, log_a)) in self.row_scratch.iter_mut().zip(self.f.iter().zip(&self.log_a)) {
            *scaled = f * inverse + log_a;
        }
        for (cost, scaled) in self.cost.chunks_exact(m).zip(&self.row_scratch) {
            for (largest, c) in largest.iter_mut().zip(cost) {
                let x = scaled - c * inverse;
                *largest = if x > *largest { x } else { *largest };
            }
        }
        for (cost, scaled) in self.cost.chunks_exact(m).zip(&self.row_scratch) {
            for ((sum, largest), c) in sums.iter_mut().zip(&*largest).zip(cost) {
                *sum += exp(scaled - c * inverse - largest);
            }
        }
        for ((g, largest), sum) in self.g.iter_mut().zip(&*largest).zip(&*sums) {
            *g = -self.damping * self.epsilon * (largest + sum.ln());
        }
    }

    /// The residual of the columns, and whether one of them has next to nothing of what it should have.
    fn residual(&self) -> (f64, bool) {
        let (mut off, mut total, mut starved) = (0.0, 0.0, false);
        for ((sum, b), g) in self.column_sums.iter().zip(&self.b).zip(&self.g) {
            let target = b * self.share(*g);
            off += (sum - target).abs();
            total += target;
            starved |= *sum <= STARVED * b;
        }
        (if total > 0.0 { off / total } else { 0.0 }, starved)
    }

    /// One epsilon, from the g there is.
    fn stage(&mut self, tolerance: f64, max_iterations: usize, iterations: &mut usize) -> Ended {
        let mut patience = 2 * STRIDE;
        self.reach = LONGEST_STEP;
        self.rows();
        *iterations += 1;
        loop {
            let reachable = tolerance.max(self.floor());
            let (sweep, residual) = self.sweep(reachable, max_iterations, patience, iterations);
            match sweep {
                Sweep::Converged | Sweep::Exhausted => {
                    return self.ended(*iterations, residual, tolerance);
                }
                Sweep::Drifted => {
                    self.columns();
                    self.rows();
                    *iterations += 2;
                }
                Sweep::Slow => {
                    self.rows();
                    *iterations += 1;
                    patience = if self.newton_step(iterations) { 2 } else { 8 * patience.max(STRIDE) };
                }
            }
        }
    }

    /// Iterates on the plan as a matrix that is scaled by rows and columns, without exponentials.
    ///
    /// Begins and ends with f optimal for g; at the end f and g are up to date, q is not.
    fn sweep(
        &mut self,
        tolerance: f64,
        max_iterations: usize,
        patience: usize,
        iterations: &mut usize,
    ) -> (Sweep, f64) {
        let m = self.b.len();
        let balanced = self.rho.is_infinite();
        self.row_scale.fill(1.0);
        self.column_scale.fill(1.0);
        let mut at_stride = f64::INFINITY;
        let mut done = 0;
        let (end, residual) = loop {
            let mut drifted = false;
            let (mut off, mut total) = (0.0, 0.0);
            for j in 0..m {
                let (b, scale) = (self.b[j], self.column_scale[j]);
                let target = if balanced { b } else { b * self.share(self.g[j] + self.epsilon * scale.ln()) };
                off += (scale * self.column_sums[j] - target).abs();
                total += target;
                let relative = self.column_sums[j] / b;
                let new = if balanced {
                    1.0 / relative
                } else {
                    ((self.damping - 1.0) * self.g[j] / self.epsilon - self.damping * relative.ln()).exp()
                };
                drifted |= !(relative > STARVED && (1.0 / DRIFT..=DRIFT).contains(&new));
                self.column_scratch[j] = new;
            }
            let residual = if total > 0.0 { off / total } else { 0.0 };
            if residual <= tolerance {
                break (Sweep::Converged, residual);
            }
            if *iterations >= max_iterations {
                break (Sweep::Exhausted, residual);
            }
            if drifted {
                break (Sweep::Drifted, residual);
            }
            if done >= patience && done % STRIDE.min(patience) == 0 {
                // The iterations that are left at the rate of the last.
                let stride = STRIDE.min(patience) as f64;
                let rate = (residual / at_stride).ln() / stride;
                if rate >= 0.0 || (tolerance / residual).ln() / rate > NEWTON_WORTH {
                    break (Sweep::Slow, residual);
                }
            }
            if done % STRIDE.min(patience) == 0 {
                at_stride = residual;
            }
            std::mem::swap(&mut self.column_scale, &mut self.column_scratch);
            self.column_sums.fill(0.0);
            let mut rows_in_range = true;
            for (i, row) in self.q.chunks_exact(m).enumerate() {
                let y = dot(row, &self.column_scale);
                rows_in_range &= (1.0 / DRIFT..=DRIFT).contains(&y);
                let scale = if balanced {
                    1.0 / y
                } else {
                    let s = self.s[i] - self.epsilon * y.ln();
                    ((self.damping * s - self.s[i]) / self.epsilon).exp()
                };
                self.row_scratch[i] = y;
                add(&mut self.column_sums, row, self.a[i] * scale);
            }
            done += 1;
            *iterations += 1;
            if !rows_in_range {
                // The columns' scaling is sound, and the potentials absorb it.
                std::mem::swap(&mut self.row_scale, &mut self.row_scratch);
                break (Sweep::Drifted, residual);
            }
            std::mem::swap(&mut self.row_scale, &mut self.row_scratch);
        };
        for (g, scale) in self.g.iter_mut().zip(&self.column_scale) {
            *g += self.epsilon * scale.ln();
        }
        for ((f, s), y) in self.f.iter_mut().zip(&self.s).zip(&self.row_scale) {
            *f = self.damping * (s - self.epsilon * y.ln());
        }
        (end, residual)
    }

    /// One step of Newton's method for the dual value as a function of g alone, f being optimal for it; whether it was taken.
    fn newton_step(&mut self, iterations: &mut usize) -> bool {
        const TRIALS: usize = 12;
        const ARMIJO: f64 = 1e-4;
        /// Of the largest cost: of the sum that the value is.
        const ROUNDING: f64 = 1e-14;
        let (residual, starved) = self.residual();
        if starved {
            self.columns();
            self.rows();
            *iterations += 2;
            return false;
        }
        let ratio = self.epsilon / self.rho;
        for (j, g) in self.g.iter().enumerate() {
            let target = self.b[j] * self.share(*g);
            self.newton.gradient[j] = target - self.column_sums[j];
            self.newton.diagonal[j] = self.column_sums[j] + ratio * target;
        }
        if self.rho.is_infinite() {
            // Totals agree but for rounding, which must not be taken for a slope along the constants.
            let Newton { gradient, diagonal, .. } = &mut self.newton;
            let excess = sum(gradient) / sum(diagonal);
            add(gradient, diagonal, -excess);
        }
        *iterations += self.conjugate_gradients(residual.clamp(1e-3, 0.1));
        let Newton { step, gradient, .. } = &mut self.newton;
        let (low, high) =
            step.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (x.min(low), x.max(high)));
        if self.rho.is_infinite() {
            // Constants do not matter, so the step is as short as they can make it.
            for x in &mut *step {
                *x -= 0.5 * (low + high);
            }
        }
        // `step` is in units of epsilon.
        let longest = step.iter().fold(0.0_f64, |longest, x| longest.max(x.abs()));
        let slope =
            self.epsilon * step.iter().zip(&*gradient).map(|(step, gradient)| step * gradient).sum::<f64>();
        if !(longest.is_finite() && slope > 0.0) {
            return false;
        }
        let before = self.dual();
        self.newton.start.copy_from_slice(&self.g);
        let mut length = (self.reach / longest).min(1.0);
        for _ in 0..TRIALS {
            for ((g, start), step) in self.g.iter_mut().zip(&self.newton.start).zip(&self.newton.step) {
                *g = start + length * self.epsilon * step;
            }
            self.rows();
            *iterations += 1;
            // Close to the maximum the value is the same up to rounding, and the residual decides.
            let gain = self.dual() - before;
            let same = gain >= -ROUNDING * (self.largest_cost() + before.abs());
            if gain >= ARMIJO * length * slope || (same && self.residual().0 <= 0.5 * residual) {
                self.reach = LONGEST_STEP.max(4.0 * length * longest);
                return true;
            }
            length *= 0.25;
        }
        self.g.copy_from_slice(&self.newton.start);
        self.rows();
        *iterations += 1;
        false
    }

    /// Solves (diag(d) - damping qᵀ diag(p) q) step = gradient to the relative `accuracy`; returns the passes it took.
    fn conjugate_gradients(&mut self, accuracy: f64) -> usize {
        /// In units of the diagonal's: rounding hides curvatures below.
        const FLATTEST: f64 = 1e-14;
        let m = self.b.len();
        let Newton { gradient, diagonal, step, rest, direction, image, .. } = &mut self.newton;
        step.fill(0.0);
        rest.copy_from_slice(gradient);
        for ((direction, rest), d) in direction.iter_mut().zip(&*rest).zip(&*diagonal) {
            *direction = rest / d;
        }
        let mut norm = dot(rest, direction);
        let goal = accuracy * accuracy * norm;
        let mut passes = 0;
        while norm > goal && passes < 2 * m {
            let mut size = 0.0;
            for ((image, direction), d) in image.iter_mut().zip(&*direction).zip(&*diagonal) {
                *image = direction * d;
                size += *image * direction;
            }
            for (row, p) in self.q.chunks_exact(m).zip(&self.row_sums) {
                add(image, row, -self.damping * p * dot(row, direction));
            }
            passes += 1;
            // The value is all but linear where groups of particles hardly exchange anything: then only the longest step ends it.
            let curvature = dot(direction, image);
            let flat = FLATTEST * size;
            let along = norm / curvature.max(flat);
            let mut new_norm = 0.0;
            for j in 0..m {
                step[j] += along * direction[j];
                rest[j] -= along * image[j];
                new_norm += rest[j] * rest[j] / diagonal[j];
            }
            let keep = new_norm / norm;
            for j in 0..m {
                direction[j] = rest[j] / diagonal[j] + keep * direction[j];
            }
            norm = new_norm;
            if curvature <= flat {
                break;
            }
        }
        passes
    }

    /// Balanced with an epsilon so large that all exponents are small: f = -eps ln(1 + sum b (exp((g - c)/eps) - 1)), whose
    /// digits do not depend on how large it is.
    fn solve_smooth(&mut self, task: Task, largest: f64) -> Ended {
        const ITERATIONS: usize = 20;
        self.set_epsilon(task.epsilon, task.rho);
        let m = self.b.len();
        let inverse = 1.0 / self.epsilon;
        let (mut iterations, mut off) = (0, f64::INFINITY);
        // The rate is (2 largest/epsilon)² or better.
        while iterations < ITERATIONS.min(task.max_iterations) && off > f64::EPSILON * largest {
            iterations += 1;
            for (f, cost) in self.f.iter_mut().zip(self.cost.chunks_exact(m)) {
                let x = &mut self.column_scratch;
                for (((x, c), g), b) in x.iter_mut().zip(cost).zip(&self.g).zip(&self.b) {
                    *x = b * exp_minus_one((g - c) * inverse);
                }
                *f = -self.epsilon * sum(x).ln_1p();
            }
            let sums = &mut self.column_sums;
            sums.fill(0.0);
            for ((f, a), cost) in self.f.iter().zip(&self.a).zip(self.cost.chunks_exact(m)) {
                for (sum, c) in sums.iter_mut().zip(cost) {
                    *sum += a * exp_minus_one((f - c) * inverse);
                }
            }
            off = 0.0;
            for ((g, sum), b) in self.g.iter_mut().zip(&*sums).zip(&self.b) {
                let new = -self.epsilon * sum.ln_1p();
                off += b * (new - *g).abs();
                *g = new;
            }
        }
        // Columns are exact, which makes rows so up to the last change.
        self.ended(iterations, off * inverse, task.tolerance)
    }
}

fn add(to: &mut [f64], row: &[f64], factor: f64) {
    for (to, x) in to.iter_mut().zip(row) {
        *to += factor * x;
    }
}

/// The number of sums that are kept side by side, so that the compiler can take several at a time.
const LANES: usize = 8;

fn dot(x: &[f64], y: &[f64]) -> f64 {
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (x, y) in x.iter().zip(y) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f64>() + x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum::<f64>()
}

fn sum(x: &[f64]) -> f64 {
    let (x, rest) = x.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for x in x {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += x;
        }
    }
    sums.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

fn largest(x: &[f64]) -> f64 {
    let larger = |x: f64, y: f64| if y > x { y } else { x };
    let (x, rest) = x.as_chunks::<LANES>();
    let mut maxima = [f64::NEG_INFINITY; LANES];
    for x in x {
        for (maximum, x) in maxima.iter_mut().zip(x) {
            *maximum = larger(*maximum, *x);
        }
    }
    maxima.iter().chain(rest).fold(f64::NEG_INFINITY, |x, y| larger(x, *y))
}
