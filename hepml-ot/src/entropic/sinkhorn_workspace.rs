//! The memory of Sinkhorn's algorithm, and the way from masses and costs to its units and back.

use hepml_core::Error as CoreError;
use hepml_core::ndarray::Array2;

use crate::compensated;
use crate::entropic::entropic_transport::EntropicTransport;
use crate::entropic::sinkhorn::Sinkhorn;
use crate::entropic::solver::{Ended, Solver, Task};
use crate::error::{Error, Result};
use crate::line::representable;

/// The part of its side's total below which a particle is treated as one without energy.
const NO_MASS: f64 = 1e-60;
/// The epsilon, in units of the largest cost, below which rounding of exponents is all that is left.
const SMALLEST_EPSILON: f64 = 1e-9;
/// The epsilon, in units of the largest cost, above which nothing changes any more.
const LARGEST_EPSILON: f64 = 1e100;

/// The memory that Sinkhorn's algorithm needs, to be reused from pair to pair; one a thread.
#[derive(Debug, Clone, Default)]
pub struct SinkhornWorkspace {
    pub(crate) solver: Solver,
    /// The positions of the masses that count.
    from: Vec<usize>,
    to: Vec<usize>,
    /// The points of `to`, for costs that come by the row.
    pub(crate) points: Vec<[f64; 2]>,
}

/// The masses of one side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Masses<'a> {
    pub(crate) masses: &'a [f64],
    /// The sum of `masses`.
    pub(crate) total: f64,
}

impl Masses<'_> {
    fn positions(&self, list: &mut Vec<usize>) {
        list.clear();
        list.extend((0..self.masses.len()).filter(|&i| self.masses[i] / self.total > NO_MASS));
    }
}

/// What was found; the potentials are in the workspace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Solved {
    /// The dual value without its constant eps m_a m_b / M, which divergences do not need.
    pub(crate) dual: f64,
    /// That constant; 0 if balanced.
    pub(crate) constant: f64,
    pub(crate) ended: Ended,
    /// The mass and the cost that were 1 in the solver, and the cost that was 0.
    mass_unit: f64,
    pub(crate) cost_unit: f64,
    pub(crate) cost_zero: f64,
    balanced: bool,
    /// rho in units of epsilon, if unbalanced.
    relaxation: Option<f64>,
    /// Whether one of the sides holds nothing.
    trivial: bool,
    /// What a unit of mass costs that has no partner.
    alone: f64,
}

impl Solved {
    /// OT_eps.
    pub(crate) fn value(&self) -> f64 {
        self.dual + self.constant
    }

    /// The value, if the iteration has converged.
    pub(crate) fn converged(self, value: f64) -> Result<f64> {
        if !value.is_finite() {
            return Err(Error::ValueOverflows);
        }
        let Ended { iterations, residual, tolerance } = self.ended;
        if self.ended.converged() {
            Ok(value)
        } else {
            let relaxation = self.relaxation;
            Err(Error::SinkhornNotConverged { iterations, residual, tolerance, value, relaxation })
        }
    }
}

impl SinkhornWorkspace {
    /// An empty workspace.
    pub fn new() -> Self {
        Self::default()
    }

    /// The potentials between two sides; `mass_unit` is M, and balanced sides may each have their own total.
    ///
    /// `cost_row(i, positions, row)` fills in the costs from mass `i` of the first side to those at `positions` of the
    /// second.
    pub(crate) fn solve(
        &mut self,
        sides: [Masses<'_>; 2],
        sinkhorn: &Sinkhorn,
        mass_unit: f64,
        cost_row: impl FnMut(usize, &[usize], &mut [f64]),
    ) -> Result<Solved> {
        self.run(sides, sinkhorn, mass_unit, cost_row, Solver::solve)
    }

    /// The same for a side with itself.
    pub(crate) fn solve_symmetric(
        &mut self,
        side: Masses<'_>,
        sinkhorn: &Sinkhorn,
        mass_unit: f64,
        cost_row: impl FnMut(usize, &[usize], &mut [f64]),
    ) -> Result<Solved> {
        self.run([side, side], sinkhorn, mass_unit, cost_row, Solver::solve_symmetric)
    }

    fn run(
        &mut self,
        [from, to]: [Masses<'_>; 2],
        sinkhorn: &Sinkhorn,
        mass_unit: f64,
        mut cost_row: impl FnMut(usize, &[usize], &mut [f64]),
        solve: impl FnOnce(&mut Solver, Task) -> Ended,
    ) -> Result<Solved> {
        let balanced = sinkhorn.relaxation().is_none();
        let rho = sinkhorn.relaxation().unwrap_or(f64::INFINITY);
        let mut solved = Solved {
            dual: 0.0,
            constant: 0.0,
            ended: Ended { iterations: 0, residual: 0.0, tolerance: sinkhorn.tolerance() },
            mass_unit,
            cost_unit: 1.0,
            cost_zero: 0.0,
            balanced,
            relaxation: sinkhorn.relaxation().map(|rho| rho / sinkhorn.epsilon()),
            trivial: true,
            alone: if balanced { 0.0 } else { rho },
        };
        from.positions(&mut self.from);
        to.positions(&mut self.to);
        if self.from.is_empty() || self.to.is_empty() {
            solved.dual = solved.alone * from.total + solved.alone * to.total;
            return Ok(solved);
        }
        solved.trivial = false;
        let scale = |side: Masses<'_>| if balanced { side.total } else { mass_unit };
        let (scale_from, scale_to) = (scale(from), scale(to));
        self.solver.reset(
            self.from.iter().map(|&i| from.masses[i] / scale_from),
            self.to.iter().map(|&j| to.masses[j] / scale_to),
        );
        let usable = |masses: &[f64]| masses.iter().all(|mass| *mass > 0.0 && mass.is_finite());
        if !(usable(&self.solver.a) && usable(&self.solver.b)) {
            return Err(Error::ValueOverflows);
        }

        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for (row, &i) in self.from.iter().enumerate() {
            let costs = self.solver.cost_row_mut(row);
            cost_row(i, &self.to, costs);
            if !costs.iter().fold(true, |all, cost| all & cost.is_finite()) {
                let sink = costs.iter().position(|cost| !cost.is_finite()).expect("one is not finite");
                return Err(Error::CostNotFinite { from: i, to: self.to[sink], value: costs[sink] });
            }
            for &cost in &*costs {
                least = if cost < least { cost } else { least };
                most = if cost > most { cost } else { most };
            }
        }
        // Balanced, a constant on all costs is a constant on the value, and costs nothing in digits.
        solved.cost_zero = if balanced { least } else { 0.0 };
        // Halves, as the difference of two finite numbers can overflow.
        let half_size = if balanced { 0.5 * most - 0.5 * least } else { 0.5 * most.max(-least) };
        let half_epsilon = 0.5 * sinkhorn.epsilon();
        if half_epsilon < SMALLEST_EPSILON * half_size {
            let what = "epsilon in units of the largest (difference of) costs";
            let allowed = "at least 1e-9";
            return Err(CoreError::out_of_range(what, half_epsilon / half_size, allowed).into());
        }
        let half_unit = if balanced { half_size } else { half_size.max(half_epsilon).max(0.5 * rho) };
        solved.cost_unit = if half_unit > 0.0 { power_of_two_below(half_unit) * 2.0 } else { 1.0 };
        let inverse = 1.0 / solved.cost_unit;
        for cost in &mut self.solver.cost {
            *cost = *cost * inverse - solved.cost_zero * inverse;
        }
        let epsilon = sinkhorn.epsilon() * inverse;
        solved.ended = solve(
            &mut self.solver,
            Task {
                epsilon: if balanced { epsilon.min(LARGEST_EPSILON) } else { epsilon },
                rho: rho * inverse,
                tolerance: sinkhorn.tolerance(),
                max_iterations: sinkhorn.max_iterations(),
                scaling: sinkhorn.scaling(),
            },
        );
        solved.dual = mass_unit * (solved.cost_unit * self.solver.dual() + solved.cost_zero);
        if !balanced {
            // What the particles that do not count would cost is below rounding, that of m_a m_b is not.
            solved.constant = sinkhorn.epsilon() * from.total * (to.total / mass_unit);
        }
        Ok(solved)
    }

    /// The potentials of all particles in the unit of the costs, those without energy included; `cost(i, j)` is the cost
    /// between any two.
    ///
    /// # Errors
    /// [`Error::CostNotFinite`] for a particle without energy; [`Error::ValueOverflows`].
    pub(crate) fn potentials(
        &self,
        solved: &Solved,
        sizes: [usize; 2],
        cost: impl Fn(usize, usize) -> f64,
    ) -> Result<[Vec<f64>; 2]> {
        let (unit, zero) = (solved.cost_unit, solved.cost_zero);
        if solved.trivial {
            let alone = if solved.balanced { 0.0 } else { f64::INFINITY };
            let lists = [&self.from, &self.to];
            let of = |side: usize| {
                // Without a partner all is lost; the first bit of a partner gains all the entropy there is.
                let mut potentials =
                    vec![if lists[1 - side].is_empty() { alone } else { -alone }; sizes[side]];
                lists[side].iter().for_each(|&i| potentials[i] = alone);
                potentials
            };
            return Ok([of(0), of(1)]);
        }
        let solver = &self.solver;
        let scaled = |from: usize, to: usize| {
            let value = cost(from, to);
            if !value.is_finite() {
                return Err(Error::CostNotFinite { from, to, value });
            }
            representable(value / unit - zero / unit)
        };
        let carried = |masses: &[f64], potentials: &[f64]| {
            compensated::sum(masses.iter().zip(potentials).map(|(mass, f)| mass * f))
        };
        let (mut to_f, mut to_g) = (0.0, 0.0);
        if solved.balanced {
            let shift = 0.5 * (carried(&solver.b, &solver.g) - carried(&solver.a, &solver.f));
            (to_f, to_g) = (shift, -shift);
        }
        let mut f = vec![f64::NAN; sizes[0]];
        for (&i, potential) in self.from.iter().zip(&solver.f) {
            f[i] = *potential;
        }
        for (i, f) in f.iter_mut().enumerate().filter(|(_, f)| f.is_nan()) {
            let costs: Vec<f64> = self.to.iter().map(|&j| scaled(i, j)).collect::<Result<_>>()?;
            *f = representable(solver.extrapolate(costs.into_iter(), true))?;
        }
        let mut g = vec![f64::NAN; sizes[1]];
        for (&j, potential) in self.to.iter().zip(&solver.g) {
            g[j] = *potential;
        }
        for (j, g) in g.iter_mut().enumerate().filter(|(_, g)| g.is_nan()) {
            let costs: Vec<f64> = self.from.iter().map(|&i| scaled(i, j)).collect::<Result<_>>()?;
            *g = representable(solver.extrapolate(costs.into_iter(), false))?;
        }
        for f in &mut f {
            *f = (*f + to_f) * unit + 0.5 * zero;
        }
        for g in &mut g {
            *g = (*g + to_g) * unit + 0.5 * zero;
        }
        Ok([f, g])
    }

    /// What a unit of energy of each particle adds to the dual value, and what belongs to no particle: together, with the energies, the
    /// value without its constant. 0 for particles without energy.
    pub(crate) fn contributions(&self, solved: &Solved, sizes: [usize; 2]) -> ([Vec<f64>; 2], f64) {
        let solver = &self.solver;
        let of = |list: &[usize], size: usize, potentials: &[f64]| {
            let mut contributions = vec![0.0; size];
            for (place, &i) in list.iter().enumerate() {
                contributions[i] = match (solved.trivial, potentials.get(place)) {
                    (false, Some(f)) => solver.conjugate(*f) * solved.cost_unit + 0.5 * solved.cost_zero,
                    // All of it is lost, at the price of the relaxation.
                    _ => solved.alone,
                };
            }
            contributions
        };
        let rest = if solved.trivial { 0.0 } else { -solved.mass_unit * solved.cost_unit * solver.entropy() };
        ([of(&self.from, sizes[0], &solver.f), of(&self.to, sizes[1], &solver.g)], rest)
    }

    /// The first two particles between which costs differ by direction, by more than `tolerance` of the largest cost, if the
    /// problem that has just been solved was that of a side with itself.
    pub(crate) fn asymmetric_cost(&self, tolerance: f64) -> Option<(usize, usize)> {
        let (n, cost) = (self.from.len(), &self.solver.cost);
        let largest = cost.iter().fold(0.0_f64, |largest, cost| largest.max(cost.abs()));
        let pairs = (0..n).flat_map(|i| (0..i).map(move |j| (j, i)));
        let differs =
            |&(i, j): &(usize, usize)| (cost[i * n + j] - cost[j * n + i]).abs() > tolerance * largest;
        pairs.filter(differs).map(|(i, j)| (self.from[i], self.from[j])).next()
    }

    /// Calls `entry(i, j, amount)` for every entry of the plan between particles with energy.
    pub(crate) fn for_each_entry(&self, solved: &Solved, mut entry: impl FnMut(usize, usize, f64)) {
        if solved.trivial {
            return;
        }
        for (row, &i) in self.from.iter().enumerate() {
            for (column, &j) in self.to.iter().enumerate() {
                entry(i, j, solved.mass_unit * self.solver.plan(row, column));
            }
        }
    }

    /// The whole solution of the problem that has just been solved.
    pub(crate) fn transport(
        &self,
        solved: &Solved,
        [from, to]: [Masses<'_>; 2],
        cost: impl Fn(usize, usize) -> f64,
    ) -> Result<EntropicTransport> {
        let mut plan = Array2::zeros((from.masses.len(), to.masses.len()));
        let mut residual = 0.0;
        if !solved.trivial {
            let solver = &self.solver;
            let (mut rows, mut columns) = (vec![0.0; self.from.len()], vec![0.0; self.to.len()]);
            for (row, &i) in self.from.iter().enumerate() {
                for (column, &j) in self.to.iter().enumerate() {
                    let amount = solver.plan(row, column);
                    rows[row] += amount;
                    columns[column] += amount;
                    plan[(i, j)] = amount * solved.mass_unit;
                }
            }
            let off = |sums: &[f64], masses: &[f64], potentials: &[f64]| {
                let (mut off, mut total) = (0.0, 0.0);
                for ((sum, mass), f) in sums.iter().zip(masses).zip(potentials) {
                    let target = mass * solver.share(*f);
                    off += (sum - target).abs();
                    total += target;
                }
                if total > 0.0 { off / total } else { 0.0 }
            };
            residual = off(&rows, &solver.a, &solver.f).max(off(&columns, &solver.b, &solver.g));
        }
        let [source_potentials, sink_potentials] =
            self.potentials(solved, [from.masses.len(), to.masses.len()], &cost)?;
        let carried = plan.indexed_iter().map(
            |((i, j), amount)| {
                if *amount == 0.0 { 0.0 } else { amount * cost(i, j) }
            },
        );
        let transport_cost = compensated::sum(carried);
        let value = solved.value();
        if !(value.is_finite() && transport_cost.is_finite()) {
            return Err(Error::ValueOverflows);
        }
        Ok(EntropicTransport {
            value,
            transport_cost,
            plan,
            source_potentials,
            sink_potentials,
            iterations: solved.ended.iterations,
            residual,
            converged: solved.ended.converged(),
        })
    }
}

/// The power of two at or below a positive number, kept within 2^±1000 so that its inverse is one too.
fn power_of_two_below(x: f64) -> f64 {
    const LARGEST: f64 = f64::from_bits((1023 + 1000) << 52);
    f64::from_bits(x.to_bits() & (0x7ff << 52)).clamp(1.0 / LARGEST, LARGEST)
}
