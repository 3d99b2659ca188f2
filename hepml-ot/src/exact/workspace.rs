//! The memory of a solver, and the way from masses and costs to a balanced problem and back.

use crate::compensated;
use crate::error::{Error, Result};
use crate::exact::angular_pairs::AngularPairs;
use crate::exact::cloud::Cloud;
use crate::exact::kernel::{AngularUnits, Kernel, LANES};
use crate::exact::leftover::Leftover;
use crate::exact::nearest::nearest_sinks;
use crate::exact::prepared_flow::PreparedFlow;
use crate::exact::rounded::{Priced, Rounded, UNITS};
use crate::exact::simplex::{OutOfPivots, Simplex};
use crate::exact::transport::{Flow, Transport};
use crate::ground_cost::AngularCost;
use crate::memory;

/// Totals of a balanced problem must agree to this fraction of the larger: sums of many f64 do, wrong input does not.
const BALANCE: f64 = 1e-9;
/// The relative duality gap, in units of the total times the largest |cost|, above which a result is refused.
///
/// Rounding gives some 1e-15; anything near this limit is a defect of the solver.
const GAP_LIMIT: f64 = 1e-11;
/// More pivots than a coarse problem ever needs: it is there to save some.
const COARSE_PIVOTS: usize = 100_000;
/// The largest costs with which sums of many products with masses stay in the range of f64.
const COSTS_IN_RANGE: std::ops::Range<f64> = 1e-100..1e100;

/// The memory that a solver needs, to be reused from pair to pair: once it has seen the largest, nothing is allocated.
///
/// One a thread. [`Divergence::value`](crate::Divergence::value) makes a new one each time, [`Divergence::value_in`](crate::Divergence::value_in)
/// uses yours.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    simplex: Simplex,
    /// The problems of coarser events, the finest first.
    coarse: Vec<Rounded>,
    /// The positions of the masses that are not 0.
    from: Vec<usize>,
    to: Vec<usize>,
    /// The points of `to`, for costs that come by the row.
    pub(crate) points: Vec<[f64; 2]>,
    pivots: usize,
    gap: f64,
    /// The largest memory that was found to be there.
    room: u128,
    // Scratch space.
    nearest: Vec<usize>,
    taken: Vec<bool>,
}

/// The masses of one side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) masses: &'a [f64],
    /// The sum of `masses`.
    pub(crate) total: f64,
}

impl Side<'_> {
    fn positions_with_mass(&self, list: &mut Vec<usize>) {
        list.clear();
        list.extend((0..self.masses.len()).filter(|&i| self.masses[i] > 0.0));
    }
}

/// What [`Workspace::solve`] found; the plan and the potentials are in the workspace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Solved {
    pub(crate) value: f64,
    /// The same in the solver's units.
    primal: f64,
    /// The mass and the cost that were 1 in the solver, where sums and products of them stay in range.
    mass_unit: f64,
    cost_unit: f64,
    /// Whether there is anything to move or to leave.
    trivial: bool,
}

impl Solved {
    /// Nothing has to be moved or left.
    const TRIVIAL: Self = Self { value: 0.0, primal: 0.0, mass_unit: 1.0, cost_unit: 1.0, trivial: true };
}

/// What is 1 in the solver.
#[derive(Debug, Clone, Copy)]
struct Units {
    mass: f64,
    cost: f64,
    /// The total of a side in the solver.
    total: f64,
}

impl Workspace {
    /// An empty workspace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the vector instructions for what follows.
    pub(crate) fn use_kernel(&mut self, kernel: Kernel) {
        self.simplex.rounded.kernel = kernel;
    }

    /// The pivots that the last value took; 0 before the first.
    pub fn pivots(&self) -> usize {
        self.pivots
    }

    /// The duality gap of the last value, in its unit: what it exceeds a proven lower bound by; 0 before the first.
    pub fn gap(&self) -> f64 {
        self.gap
    }

    /// Moves the masses of one side to the other at the least cost.
    ///
    /// Masses are finite and not negative. `cost_row(i, positions, row)` fills in the costs from mass `i` of the first
    /// side to those at `positions` of the second.
    pub(crate) fn solve(
        &mut self,
        [from, to]: [Side<'_>; 2],
        leftover: Leftover,
        max_pivots: Option<usize>,
        cost_row: impl FnMut(usize, &[usize], &mut [f64]),
    ) -> Result<Solved> {
        from.positions_with_mass(&mut self.from);
        to.positions_with_mass(&mut self.to);
        let masses =
            |side: Side<'_>, positions: &[usize]| positions.iter().map(|&i| side.masses[i]).collect();
        let (from_masses, to_masses): (Vec<f64>, Vec<f64>) = (masses(from, &self.from), masses(to, &self.to));
        let Some(mut units) = self.take_up([&from_masses, &to_masses], [from.total, to.total], leftover)?
        else {
            return Ok(Solved::TRIVIAL);
        };
        self.take_room()?;
        let mut largest_cost = self.fill_costs(leftover, cost_row)?;
        // Far from 1 the potentials, sums of many costs, could leave the range of f64.
        if largest_cost > 0.0 && !COSTS_IN_RANGE.contains(&largest_cost) {
            units.cost = power_of_two_below(largest_cost);
            self.simplex.scale_costs(1.0 / units.cost);
            largest_cost /= units.cost;
        }
        let result = self.simplex.solve_matrix(largest_cost, self.pivots_allowed(max_pivots));
        self.finish(result, units, largest_cost)
    }

    /// The same with an angular cost between events, whose masses left over cost 1 per unit: the costs are computed where they are needed.
    /// `None` if costs or points are outside the range where they can be.
    pub(crate) fn solve_angular(
        &mut self,
        [from, to]: [&PreparedFlow<'_>; 2],
        leftover: Leftover,
        max_pivots: Option<usize>,
        cost: &AngularCost,
    ) -> Result<Option<Solved>> {
        let Some(distance) = from.extent.joined(&to.extent).largest_distance(cost.periodic_phi()) else {
            return Ok(None);
        };
        let is_left = leftover != Leftover::Normalised && from.flow.total_energy() != to.flow.total_energy();
        let largest_cost = cost.of_distance(distance).max(if is_left { 1.0 } else { 0.0 });
        if !COSTS_IN_RANGE.contains(&largest_cost) {
            return Ok(None);
        }
        let totals = [from.flow.total_energy(), to.flow.total_energy()];
        let Some(units) = self.take_up([&from.cloud.masses, &to.cloud.masses], totals, leftover)? else {
            return Ok(Some(Solved::TRIVIAL));
        };
        self.from.clone_from(&from.positions);
        self.to.clone_from(&to.positions);
        let pairs = AngularPairs { cost, from: &from.cloud, to: &to.cloud, leftover: 1.0 };
        if self.solve_at_sight(&pairs) {
            return self.finish(Ok(()), units, largest_cost).map(Some);
        }
        if !AngularUnits::BETAS.contains(&cost.beta()) {
            return Ok(None);
        }
        self.take_room()?;
        let angular = AngularUnits::new(cost, distance, UNITS / largest_cost);
        self.simplex.rounded.angular_costs(&from.cloud, &to.cloud, &angular);
        if self.guess(from, to, totals, leftover, &angular) {
            self.simplex.rounded.start_from_potentials([&from.cloud.by_mass, &to.cloud.by_mass]);
        } else {
            self.simplex.rounded.start();
        }
        let max_pivots = self.pivots_allowed(max_pivots);
        let result = self.simplex.solve(&pairs, UNITS / largest_cost, angular.error(), max_pivots);
        self.finish(result, units, largest_cost).map(Some)
    }

    /// Takes the plan that needs no search, if there is one.
    fn solve_at_sight(&mut self, pairs: &AngularPairs<'_>) -> bool {
        let (from, to) = (pairs.from, pairs.to);
        if self.simplex.take_plan_of_few(pairs) {
            return true;
        }
        let without_leftover = self.simplex.sources() == from.len() && self.simplex.sinks() == to.len();
        let fits = |source: usize, sink: usize| self.simplex.fits(source, sink);
        let found = without_leftover
            && nearest_sinks([from, to], pairs.cost.periodic_phi(), fits, &mut self.nearest, &mut self.taken);
        if found {
            self.simplex.take_nearest(pairs, &self.nearest);
        }
        found
    }

    /// Guesses the potentials of the problem at hand by solving coarser ones; whether there are any that are good for it.
    fn guess(
        &mut self,
        from: &PreparedFlow<'_>,
        to: &PreparedFlow<'_>,
        [total_from, total_to]: [f64; 2],
        leftover: Leftover,
        cost: &AngularUnits,
    ) -> bool {
        if !(from.cloud.has_coarser() && to.cloud.has_coarser()) {
            return false;
        }
        let kernel = self.simplex.rounded.kernel;
        let (all_from, all_to) = (from.levels(kernel), to.levels(kernel));
        let levels = all_from.len().min(all_to.len());
        self.coarse.resize_with(self.coarse.len().max(levels), Rounded::default);
        let is_left = leftover != Leftover::Normalised;
        // As for the problem itself, so that sums stay in range.
        let unit_from = power_of_two_below(if is_left { total_from.max(total_to) } else { total_from });
        let unit_to = if is_left { unit_from } else { power_of_two_below(total_to) };
        for level in (0..levels).rev() {
            let (from, to) = (&all_from[level], &all_to[level]);
            let masses = |cloud: &Cloud, extra: f64, unit: f64| {
                let extra = (is_left && extra > 0.0).then_some(extra);
                cloud.masses.iter().copied().chain(extra).map(|mass| mass / unit).collect::<Vec<f64>>()
            };
            let supply = masses(from, total_to - total_from, unit_from);
            let demand = masses(to, total_from - total_to, unit_to);
            let (coarser, finer) = self.coarse.split_at_mut(level + 1);
            let problem = &mut coarser[level];
            problem.kernel = self.simplex.rounded.kernel;
            problem.reset(supply.len(), demand.len());
            problem.cut_into_parts(&supply, &demand);
            problem.angular_costs(from, to, cost);
            if level + 1 == levels {
                problem.start();
            } else {
                problem.guess_potentials(from, &mut finer[0], &all_to[level + 1], cost);
                problem.start_from_potentials([&from.by_mass, &to.by_mass]);
            }
            if problem.price(COARSE_PIVOTS) != Priced::Optimal {
                return false;
            }
        }
        self.simplex.rounded.guess_potentials(&from.cloud, &mut self.coarse[0], &all_to[0], cost);
        true
    }

    /// Takes up the masses of both sides, without costs; `None` if there are none.
    fn take_up(
        &mut self,
        [from, to]: [&[f64]; 2],
        [total_from, total_to]: [f64; 2],
        leftover: Leftover,
    ) -> Result<Option<Units>> {
        (self.pivots, self.gap) = (0, 0.0);
        let [extra_from, extra_to] = match leftover {
            Leftover::None if (total_from - total_to).abs() > BALANCE * total_from.max(total_to) => {
                return Err(Error::NotBalanced { from: total_from, to: total_to, tolerance: BALANCE });
            }
            Leftover::None | Leftover::Normalised => [0.0, 0.0],
            Leftover::OfHeavier(_) => [(total_to - total_from).max(0.0), (total_from - total_to).max(0.0)],
            Leftover::OfBoth(_) => [total_to, total_from],
        };
        if total_from == 0.0 && total_to == 0.0 {
            return Ok(None);
        }
        // The unit of mass on either side, and what the second side is multiplied by to have the total of the first: without
        // leftovers the units need not be the same. For equal totals this is exact.
        let (unit, unit_to, ratio) = match leftover {
            Leftover::None | Leftover::Normalised => {
                let (unit, unit_to) = (power_of_two_below(total_from), power_of_two_below(total_to));
                (unit, unit_to, (total_from / unit) / (total_to / unit_to))
            }
            Leftover::OfHeavier(_) | Leftover::OfBoth(_) => {
                let unit = power_of_two_below(total_from.max(total_to));
                (unit, unit, 1.0)
            }
        };
        let (scale, scale_to) = (1.0 / unit, 1.0 / unit_to);
        let extra = |mass: f64| (mass > 0.0).then_some(mass * scale);
        let with_extra = |masses: &[f64], mass: f64| masses.len() + usize::from(mass > 0.0);
        let sizes = [with_extra(from, extra_from), with_extra(to, extra_to)];
        // The costs in units, of 4 bytes each, which every problem has.
        let [rows, columns] = sizes.map(|size| size.next_multiple_of(LANES));
        self.check_room(sizes, memory::numbers(rows, columns) / 2)?;
        self.simplex.reset(
            from.iter().map(|mass| mass * scale).chain(extra(extra_from)),
            to.iter().map(|mass| mass * scale_to * ratio).chain(extra(extra_to)),
        );
        Ok(Some(Units {
            mass: if leftover == Leftover::Normalised { unit / total_from } else { unit },
            cost: 1.0,
            total: (total_from * scale).max(total_to * scale_to * ratio),
        }))
    }

    /// Makes sure that there is memory for the tree and for the costs in all their forms.
    fn take_room(&mut self) -> Result<()> {
        let sizes = [self.simplex.sources(), self.simplex.sinks()];
        let [rows, columns] = sizes.map(|size| size.next_multiple_of(LANES));
        // In f64 and twice in units; of each node, a bit for each other; and an eighth of that for coarser problems.
        let costs = 2 * memory::numbers(rows, columns);
        let tree = memory::numbers(rows + columns, rows + columns) / 64;
        self.check_room(sizes, (costs + tree) * 9 / 8)
    }

    fn check_room(&mut self, sizes: [usize; 2], bytes: u128) -> Result<()> {
        if bytes > self.room {
            memory::check("particles of the two sides of a transport", sizes, bytes)?;
            self.room = bytes;
        }
        Ok(())
    }

    fn pivots_allowed(&self, max_pivots: Option<usize>) -> usize {
        max_pivots.unwrap_or(10_000 + 20 * self.simplex.sources() * self.simplex.sinks())
    }

    /// What the simplex has found, in the units of the problem, if it is proven.
    fn finish(&mut self, result: Result<(), OutOfPivots>, units: Units, largest_cost: f64) -> Result<Solved> {
        let size = units.total * largest_cost;
        let primal = self.simplex.primal();
        let gap = primal - self.simplex.dual();
        let (value, value_gap) =
            (in_units(primal, units.mass, units.cost), in_units(gap, units.mass, units.cost));
        self.pivots = self.simplex.pivots();
        if result.is_err() {
            return Err(Error::NotConverged {
                pivots: self.pivots,
                from: self.simplex.sources(),
                to: self.simplex.sinks(),
                value,
                gap: value_gap,
            });
        }
        if gap.is_nan() || gap > GAP_LIMIT * size {
            return Err(Error::NotCertified { gap: gap / size, limit: GAP_LIMIT });
        }
        if !value.is_finite() {
            return Err(Error::ValueOverflows);
        }
        self.gap = value_gap;
        Ok(Solved { value, primal, mass_unit: units.mass, cost_unit: units.cost, trivial: false })
    }

    /// Fills in the costs, those of the fictitious mass included, and returns the largest modulus.
    fn fill_costs(
        &mut self,
        leftover: Leftover,
        mut cost_row: impl FnMut(usize, &[usize], &mut [f64]),
    ) -> Result<f64> {
        let penalty = match leftover {
            Leftover::None | Leftover::Normalised => 0.0,
            Leftover::OfHeavier(penalty) | Leftover::OfBoth(penalty) => penalty,
        };
        let (sources, sinks) = (self.simplex.sources(), self.simplex.sinks());
        let matrix = self.simplex.matrix_mut();
        let mut largest = 0.0_f64;
        for (source, &from) in self.from.iter().enumerate() {
            let row = matrix.row_mut(source);
            let (real, fictitious) = row.split_at_mut(self.to.len());
            cost_row(from, &self.to, real);
            let row_largest = real.iter().fold(0.0, |m, c| if c.abs() > m { c.abs() } else { m });
            // A NaN is never the largest, but it is not finite.
            if !real.iter().fold(true, |all, cost| all & cost.is_finite()) {
                let sink = real.iter().position(|cost| !cost.is_finite()).expect("one is not finite");
                return Err(Error::CostNotFinite { from, to: self.to[sink], value: real[sink] });
            }
            largest = largest.max(row_largest);
            fictitious.fill(penalty);
        }
        if sources > self.from.len() {
            let row = matrix.row_mut(self.from.len());
            let (real, fictitious) = row.split_at_mut(self.to.len());
            real.fill(penalty);
            // What is moved between real masses is what the fictitious ones exchange.
            fictitious.fill(0.0);
        }
        if sources > self.from.len() || sinks > self.to.len() {
            largest = largest.max(penalty.abs());
        }
        Ok(largest)
    }

    /// The whole solution of the problem that has just been solved; `cost(i, j)` is the cost between any two masses,
    /// also those that are 0. Potentials beyond the largest f64 are an error.
    pub(crate) fn transport(
        &self,
        solved: Solved,
        [from, to]: [Side<'_>; 2],
        leftover: Leftover,
        cost: impl Fn(usize, usize) -> f64,
    ) -> Result<Transport> {
        let mut transport = Transport {
            value: solved.value,
            gap: 0.0,
            pivots: 0,
            flows: Vec::new(),
            removed: vec![0.0; from.masses.len()],
            created: vec![0.0; to.masses.len()],
            source_potentials: vec![f64::INFINITY; from.masses.len()],
            sink_potentials: vec![f64::INFINITY; to.masses.len()],
        };
        let Transport { pivots, flows, removed, created, source_potentials: u, sink_potentials: v, .. } =
            &mut transport;
        // No potential exceeds the price of the way out through a fictitious mass, where there is one.
        let (mut u_limit, mut v_limit) = match leftover {
            Leftover::OfBoth(penalty) => (penalty, penalty),
            Leftover::None | Leftover::Normalised | Leftover::OfHeavier(_) => (f64::INFINITY, f64::INFINITY),
        };
        if !solved.trivial {
            *pivots = self.simplex.pivots();
            for &(source, sink, flow) in self.simplex.flows() {
                let amount = flow * solved.mass_unit;
                match (self.from.get(source as usize), self.to.get(sink as usize)) {
                    (Some(&from), Some(&to)) => flows.push(Flow { from, to, amount }),
                    (Some(&from), None) => removed[from] = amount,
                    (None, Some(&to)) => created[to] = amount,
                    (None, None) => {}
                }
            }
            flows.sort_unstable_by_key(|flow| (flow.from, flow.to));

            let (all_u, all_v) = (self.simplex.source_potentials(), self.simplex.sink_potentials());
            let fictitious_u = all_u.get(self.from.len()).copied();
            let fictitious_v = all_v.get(self.to.len()).copied();
            if let Leftover::OfHeavier(penalty) = leftover {
                u_limit = fictitious_v.map_or(f64::INFINITY, |_| penalty);
                v_limit = fictitious_u.map_or(f64::INFINITY, |_| penalty);
            }
            let (u_shift, v_shift) = match leftover {
                // Potentials are fixed up to a constant: each side is to carry half of the value.
                Leftover::None | Leftover::Normalised => {
                    let carried = |list: &[usize], side: Side<'_>, potential: &[f64]| {
                        compensated::sum(
                            list.iter().zip(potential).map(|(&i, p)| side.masses[i] / side.total * p),
                        )
                    };
                    let shift = 0.5 * (carried(&self.to, to, all_v) - carried(&self.from, from, all_u));
                    (shift, -shift)
                }
                // The fictitious mass is to carry nothing of the value.
                Leftover::OfHeavier(_) => {
                    let shift = fictitious_v.unwrap_or(0.0) - fictitious_u.unwrap_or(0.0);
                    (shift, -shift)
                }
                Leftover::OfBoth(_) => (fictitious_v.unwrap_or(0.0), fictitious_u.unwrap_or(0.0)),
            };
            for (&i, potential) in self.from.iter().zip(all_u) {
                u[i] = (potential + u_shift) * solved.cost_unit;
            }
            for (&j, potential) in self.to.iter().zip(all_v) {
                v[j] = (potential + v_shift) * solved.cost_unit;
            }
        }
        // Masses that are 0 get the largest potentials that are feasible.
        let (sources, sinks) = (0..from.masses.len(), 0..to.masses.len());
        let largest = |limit: f64, bounds: &mut dyn Iterator<Item = f64>| {
            let largest = bounds.fold(limit, f64::min);
            if largest.is_finite() { largest } else { 0.0 }
        };
        for i in sources.clone().filter(|&i| from.masses[i] == 0.0) {
            u[i] = largest(u_limit, &mut self.to.iter().map(|&j| cost(i, j) - v[j]));
        }
        for j in sinks.filter(|&j| to.masses[j] == 0.0) {
            v[j] = largest(v_limit, &mut sources.clone().map(|i| cost(i, j) - u[i]));
        }
        if u.iter().chain(&*v).any(|potential| !potential.is_finite()) {
            return Err(Error::ValueOverflows);
        }
        // In the solver's units: masses times potentials can overflow where their sum does not.
        let carried = |list: &[usize], side: Side<'_>, potential: &[f64]| -> Vec<f64> {
            let total = if leftover == Leftover::Normalised { side.total } else { 1.0 };
            let mass = |i: usize| side.masses[i] / total / solved.mass_unit;
            list.iter().map(|&i| mass(i) * (potential[i] / solved.cost_unit)).collect()
        };
        let proven = carried(&self.from, from, u).into_iter().chain(carried(&self.to, to, v));
        let gap = compensated::sum(std::iter::once(solved.primal).chain(proven.map(|x| -x)));
        transport.gap = in_units(gap, solved.mass_unit, solved.cost_unit);
        if transport.gap.is_finite() { Ok(transport) } else { Err(Error::ValueOverflows) }
    }
}

/// The power of two at or below a positive number, kept within 2^±1000 so that its inverse is one too.
fn power_of_two_below(x: f64) -> f64 {
    const LARGEST: f64 = f64::from_bits((1023 + 1000) << 52);
    f64::from_bits(x.to_bits() & (0x7ff << 52)).clamp(1.0 / LARGEST, LARGEST)
}

/// `x` times two powers of two, without overflow or underflow on the way to a result that has none.
fn in_units(x: f64, mass: f64, cost: f64) -> f64 {
    let unit = mass * cost;
    if unit.is_normal() { x * unit } else { x * mass * cost }
}
