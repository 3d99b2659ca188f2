//! The memory of a solver, and the way from masses and costs to a balanced problem and back.

use crate::compensated;
use crate::error::{Error, Result};
use crate::exact::leftover::Leftover;
use crate::exact::simplex::Simplex;
use crate::exact::transport::{Flow, Transport};

/// Totals of a balanced problem must agree to this fraction of the larger: sums of many f64 do, wrong input does not.
const BALANCE: f64 = 1e-9;
/// The relative duality gap, in units of the total times the largest |cost|, above which a result is refused.
///
/// Rounding gives some 1e-15; anything near this limit is a defect of the solver.
const GAP_LIMIT: f64 = 1e-11;

/// The memory that a solver needs, to be reused from pair to pair: once it has seen the largest, nothing is allocated.
///
/// One a thread. [`Divergence::value`](crate::Divergence::value) makes a new one each time, [`Divergence::value_in`](crate::Divergence::value_in)
/// uses yours.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    simplex: Simplex,
    /// The positions of the masses that are not 0.
    from: Vec<usize>,
    to: Vec<usize>,
    /// The points of `to`, for costs that come by the row.
    pub(crate) points: Vec<[f64; 2]>,
    pivots: usize,
    gap: f64,
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

impl Workspace {
    /// An empty workspace.
    pub fn new() -> Self {
        Self::default()
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
        (self.pivots, self.gap) = (0, 0.0);
        from.positions_with_mass(&mut self.from);
        to.positions_with_mass(&mut self.to);
        let (total_from, total_to) = (from.total, to.total);
        let [extra_from, extra_to] = match leftover {
            Leftover::None if (total_from - total_to).abs() > BALANCE * total_from.max(total_to) => {
                return Err(Error::NotBalanced { from: total_from, to: total_to, tolerance: BALANCE });
            }
            Leftover::None | Leftover::Normalised => [0.0, 0.0],
            Leftover::OfHeavier(_) => [(total_to - total_from).max(0.0), (total_from - total_to).max(0.0)],
            Leftover::OfBoth(_) => [total_to, total_from],
        };
        if total_from == 0.0 && total_to == 0.0 {
            return Ok(Solved { value: 0.0, primal: 0.0, mass_unit: 1.0, cost_unit: 1.0, trivial: true });
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
        self.simplex.reset(
            self.from.iter().map(|&i| from.masses[i] * scale).chain(extra(extra_from)),
            self.to.iter().map(|&j| to.masses[j] * scale_to * ratio).chain(extra(extra_to)),
        );
        let mut largest_cost = self.fill_costs(leftover, cost_row)?;
        // Far from 1 the potentials, sums of many costs, could leave the range of f64.
        let mut cost_unit = 1.0;
        if largest_cost > 0.0 && !(1e-100..1e100).contains(&largest_cost) {
            cost_unit = power_of_two_below(largest_cost);
            self.simplex.scale_costs(1.0 / cost_unit);
            largest_cost /= cost_unit;
        }
        let arcs = self.simplex.sources() * self.simplex.sinks();
        self.simplex.solve(max_pivots.unwrap_or(10_000 + 20 * arcs))?;

        let size = (total_from * scale).max(total_to * scale_to * ratio) * largest_cost;
        let primal = self.simplex.primal();
        let gap = primal - self.simplex.dual();
        if gap.is_nan() || gap > GAP_LIMIT * size {
            return Err(Error::NotCertified { gap: gap / size, limit: GAP_LIMIT });
        }
        let mass_unit = if leftover == Leftover::Normalised { unit / total_from } else { unit };
        let value = in_units(primal, mass_unit, cost_unit);
        if value.is_finite() {
            (self.pivots, self.gap) = (self.simplex.pivots(), in_units(gap, mass_unit, cost_unit));
            Ok(Solved { value, primal, mass_unit, cost_unit, trivial: false })
        } else {
            Err(Error::ValueOverflows)
        }
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
        let mut largest = 0.0_f64;
        for (source, &from) in self.from.iter().enumerate() {
            let row = self.simplex.cost_row_mut(source);
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
        if self.simplex.sources() > self.from.len() {
            let row = self.simplex.cost_row_mut(self.from.len());
            let (real, fictitious) = row.split_at_mut(self.to.len());
            real.fill(penalty);
            // What is moved between real masses is what the fictitious ones exchange.
            fictitious.fill(0.0);
        }
        if self.simplex.sources() > self.from.len() || self.simplex.sinks() > self.to.len() {
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
