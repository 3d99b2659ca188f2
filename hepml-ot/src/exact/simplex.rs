//! The transportation simplex on the dense bipartite graph.
//!
//! The problem is balanced: minimise sum_ij f_ij c_ij over f >= 0 with sum_j f_ij = supply_i and sum_i f_ij = demand_j, all
//! supplies and demands positive, their totals equal. The method is the primal network simplex with the node
//! potentials u (sources) and v (sinks) of a strongly feasible spanning tree (`tree`): an arc with the reduced cost
//! c_ij - u_i - v_j < 0 enters until there is none.
//!
//! 1. On costs in 32-bit units (`rounded`), where many arcs are priced by one instruction.
//! 2. On the costs themselves, in f64: the potentials of the tree are computed anew, and only arcs whose rounded reduced
//!    cost lies within the rounding errors of 0 are looked at; one with a larger rounded reduced cost has a positive true one.
//!    Arcs that are found to be negative enter, until none is.
//! 3. Where the roundings of f64 potentials are not far below the value (nearly equal events), the pivots go on with
//!    potentials of twice the digits.
//! 4. Where this is no way to go on (a first plan costs next to nothing in units; so many arcs enter that units evidently do not tell costs apart; the
//!    potentials leave the range of the units), all arcs are priced with the costs in f64; where the value is all rounding, that begins with a new tree.
//!
//! Flows that are returned are computed in f64 from the supplies and demands and the last tree.
//!
//! **The proof** does not rest on the way: with no arc's c_ij - u_i - v_j below -d, the potentials u_i - d, v_j are feasible,
//! and sum_i supply_i (u_i - d) + sum_j demand_j v_j is a lower bound of the optimum.

use crate::compensated;
use crate::exact::kernel::LARGEST_POTENTIAL;
use crate::exact::rounded::{Priced, Rounded, UNITS};
use crate::exact::tree::{Moved, NONE};

/// The lanes of the scan for the lowest reduced cost in f64.
const LANES: usize = 8;
/// The rows that are priced in f64 before the best arc among them enters.
const BLOCK: usize = 8;
/// The reduced cost below which an arc enters, in units of the largest |potential|: a few roundings of it.
///
/// Not of the largest |cost|: with a steep ground cost (beta = 20) that is far above anything that is worth moving at, and
/// an arc so dear is not in the optimal tree, except where it holds nothing.
const TOLERANCE: f64 = 8.0 * f64::EPSILON;
/// The same with potentials of twice the digits.
const FINE_TOLERANCE: f64 = 64.0 * f64::EPSILON * f64::EPSILON;
/// The rounding of potentials times masses, in units of the value, above which the pivots go on with twice the digits.
const FINE_FROM: f64 = 1e-11;
/// The arcs close to 0 per node above which all costs are taken up in f64, rather than those that are looked at.
const CLOSE_ARCS_PER_NODE: usize = 16;
/// The pivots among close arcs after which all arcs are priced in f64: so many, and one for so many nodes. A few are what is needed after
/// rounding, far more where units do not tell costs apart, as for narrow clusters that stand far from each other.
const FEW_PIVOTS: usize = 12;
const NODES_PER_PIVOT: usize = 8;

/// The units per unit of mass, of [`UNITS`], of a value that says next to nothing of a plan.
const FEW_UNITS: f64 = 16_384.0;
/// The same of a first plan that is not worth improving with units.
const LOST_UNITS: f64 = 256.0;

/// The true costs of a problem whose costs in units stand in [`Rounded`].
pub(crate) trait Costs {
    /// The cost from a source to a sink.
    fn cost(&self, matrix: &CostMatrix, source: usize, sink: usize) -> f64;

    /// Whether no cost is negative.
    const NOT_NEGATIVE: bool;

    /// Whether it is likely that units do not tell most costs from 0.
    fn are_steep(&self) -> bool {
        false
    }

    /// Whether the costs stand in the matrix already.
    const ARE_IN_MATRIX: bool;

    /// Writes all costs into the matrix of the given sources, sinks and stride, if they are not there.
    fn fill(&self, matrix: &mut CostMatrix, shape: [usize; 3]);
}

/// The costs stand in the matrix of the simplex.
pub(crate) struct InMatrix;

impl Costs for InMatrix {
    const NOT_NEGATIVE: bool = false;
    const ARE_IN_MATRIX: bool = true;

    #[inline]
    fn cost(&self, matrix: &CostMatrix, source: usize, sink: usize) -> f64 {
        matrix.costs[source * matrix.stride + sink]
    }

    fn are_steep(&self) -> bool {
        true
    }

    fn fill(&self, _matrix: &mut CostMatrix, _shape: [usize; 3]) {}
}

/// Costs `[sources, sinks]`, rows padded with infinity.
#[derive(Debug, Clone, Default)]
pub(crate) struct CostMatrix {
    sinks: usize,
    stride: usize,
    costs: Vec<f64>,
}

impl CostMatrix {
    /// A matrix to be filled in.
    pub(crate) fn reset(&mut self, [sources, sinks, stride]: [usize; 3]) {
        (self.sinks, self.stride) = (sinks, stride);
        self.costs.clear();
        self.costs.resize(sources * stride, f64::INFINITY);
    }

    /// The costs from a source, to be filled in.
    pub(crate) fn row_mut(&mut self, source: usize) -> &mut [f64] {
        &mut self.costs[source * self.stride..][..self.sinks]
    }

    fn row(&self, source: usize) -> &[f64] {
        &self.costs[source * self.stride..][..self.stride]
    }
}

/// The pivots ran out; what there is then can be read off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfPivots;

/// A problem, its tree and its solution; reused from problem to problem without allocation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Simplex {
    pub(crate) rounded: Rounded,
    matrix: CostMatrix,
    matrix_is_filled: bool,
    supply: Vec<f64>,
    demand: Vec<f64>,
    /// Of node `i`: u_i of a source, -v_j of a sink (then a subtree moves by one number); padded as `rounded` is.
    potential: Vec<f64>,
    /// v_j, low enough that no reduced cost is negative (but for its rounding).
    sink_potential: Vec<f64>,
    /// The arcs of the tree with flow: (source, sink, flow).
    flows: Vec<(u32, u32, f64)>,
    primal: f64,
    dual: f64,
    // Scratch space.
    order: Vec<u32>,
    listed: Vec<bool>,
    net: Vec<f64>,
    /// Of node `i`: the cost of the arc to its parent.
    arc_cost: Vec<f64>,
    /// Flows times costs.
    products: Vec<f64>,
    /// Of masses opposite two: by how much the first is dearer, what the two cost, and which mass it is.
    preferred: Vec<(f64, [f64; 2], usize)>,
    /// What potentials or flows of twice the digits are more than those of f64.
    low: Vec<f64>,
}

impl Simplex {
    /// Takes up a problem of the given supplies and demands, without costs.
    ///
    /// At least one of each; all positive; totals that agree to rounding, each between 2^-200 and 2^200.
    pub(crate) fn reset(&mut self, supply: impl Iterator<Item = f64>, demand: impl Iterator<Item = f64>) {
        self.supply.clear();
        self.supply.extend(supply);
        self.demand.clear();
        self.demand.extend(demand);
        self.matrix_is_filled = false;
        self.rounded.reset(self.supply.len(), self.demand.len());
        self.rounded.cut_into_parts(&self.supply, &self.demand);
    }

    pub(crate) fn sources(&self) -> usize {
        self.supply.len()
    }

    pub(crate) fn sinks(&self) -> usize {
        self.demand.len()
    }

    /// The matrix of costs, to be filled in.
    pub(crate) fn matrix_mut(&mut self) -> &mut CostMatrix {
        self.matrix.reset(self.shape());
        &mut self.matrix
    }

    fn shape(&self) -> [usize; 3] {
        [self.supply.len(), self.demand.len(), self.rounded.stride()]
    }

    /// Whether what a source has is what a sink wants.
    pub(crate) fn fits(&self, source: usize, sink: usize) -> bool {
        self.supply[source] == self.demand[sink]
    }

    /// Takes the optimal plan between a side of one or two masses and the other; whether there is such a side.
    pub(crate) fn take_plan_of_few<C: Costs>(&mut self, costs: &C) -> bool {
        let (sources, sinks) = (self.supply.len(), self.demand.len());
        match (sources, sinks) {
            (1, _) => {
                self.flows.clear();
                self.flows
                    .extend(self.demand.iter().enumerate().map(|(sink, demand)| (0, number(sink), *demand)));
                self.take_flows(costs);
            }
            (_, 1) => {
                self.flows.clear();
                let supply = self.supply.iter().enumerate();
                self.flows.extend(supply.map(|(source, supply)| (number(source), 0, *supply)));
                self.take_flows(costs);
            }
            (2, _) | (_, 2) => self.take_plan_of_two(costs, sources == 2),
            _ => return false,
        }
        true
    }

    /// Takes the optimal plan between two masses and those of the other side: the lighter of the two gets what is nearer to it by most, until it has
    /// what it wants.
    fn take_plan_of_two<C: Costs>(&mut self, costs: &C, from_two: bool) {
        let Self { matrix, supply, demand, flows, potential, sink_potential, products, preferred, .. } = self;
        let (two, many) = if from_two { (supply, demand) } else { (demand, supply) };
        let arc = |a: usize, b: usize| if from_two { (a, b) } else { (b, a) };
        let cost = |a: usize, b: usize| {
            let (source, sink) = arc(a, b);
            costs.cost(matrix, source, sink)
        };
        let (light, heavy) = if two[0] <= two[1] { (0, 1) } else { (1, 0) };
        preferred.clear();
        preferred.extend((0..many.len()).map(|b| {
            let costs = [cost(light, b), cost(heavy, b)];
            (costs[0] - costs[1], costs, b)
        }));
        preferred.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (two_potentials, many_potentials) =
            if from_two { (potential, sink_potential) } else { (sink_potential, potential) };
        flows.clear();
        products.clear();
        let (mut wanted, mut lost) = (two[light], 0.0);
        let (mut dearest_sent, mut cheapest_kept) = (f64::NEG_INFINITY, f64::INFINITY);
        for &(difference, costs, b) in &*preferred {
            let to_light = many[b].min(wanted + lost).max(0.0);
            for (a, amount, cost) in [(light, to_light, costs[0]), (heavy, many[b] - to_light, costs[1])] {
                if amount > 0.0 {
                    let (source, sink) = arc(a, b);
                    flows.push((number(source), number(sink), amount));
                    products.push(amount * cost);
                }
            }
            if to_light > 0.0 {
                dearest_sent = difference;
            }
            if to_light < many[b] {
                cheapest_kept = difference.min(cheapest_kept);
            }
            let (left, more_lost) = two_sum(wanted, -to_light);
            (wanted, lost) = (left, lost + more_lost);
            // Rounding in the masses, which is not to be moved at any cost.
            if to_light < many[b] || wanted + lost <= 4.0 * f64::EPSILON * two[light] {
                (wanted, lost) = (0.0, 0.0);
            }
        }
        self.primal = compensated::sum(products.iter().copied());
        // Of all that prove it the smallest, whose roundings are.
        let margin = 0.0_f64.clamp(dearest_sent, cheapest_kept);
        two_potentials.clear();
        two_potentials.resize(2, 0.0);
        two_potentials[light] = margin;
        many_potentials.clear();
        many_potentials.resize(many.len(), 0.0);
        products.clear();
        products.push(margin * two[light]);
        for &(_, [to_light, to_heavy], b) in &*preferred {
            let potential = to_heavy.min(to_light - margin);
            many_potentials[b] = potential;
            products.push(many[b] * potential);
        }
        self.dual = compensated::sum(products.iter().copied());
    }

    /// Takes the plan by which each source goes to the sink that is nearest.
    pub(crate) fn take_nearest<C: Costs>(&mut self, costs: &C, nearest: &[usize]) {
        self.flows.clear();
        let supply = self.supply.iter().zip(nearest).enumerate();
        self.flows.extend(supply.map(|(source, (supply, &sink))| (number(source), number(sink), *supply)));
        self.take_flows(costs);
    }

    /// Takes the flows to be optimal with potentials that are 0 on one side and the costs on the other, which is that where each mass has one flow.
    fn take_flows<C: Costs>(&mut self, costs: &C) {
        let Self { matrix, supply, demand, flows, potential, sink_potential, products, .. } = self;
        for (potentials, masses) in [(&mut *potential, supply), (&mut *sink_potential, demand)] {
            potentials.clear();
            potentials.resize(masses.len(), 0.0);
        }
        products.clear();
        for &(source, sink, flow) in &*flows {
            let (source, sink) = (source as usize, sink as usize);
            let cost = costs.cost(matrix, source, sink);
            if flows.len() == potential.len() {
                potential[source] = cost;
            } else {
                sink_potential[sink] = cost;
            }
            products.push(flow * cost);
        }
        self.primal = compensated::sum(products.iter().copied());
        self.dual = self.primal;
    }

    /// Multiplies all costs of the matrix.
    pub(crate) fn scale_costs(&mut self, factor: f64) {
        for cost in &mut self.matrix.costs {
            *cost *= factor;
        }
    }

    /// The sum of flow times cost of the plan.
    pub(crate) fn primal(&self) -> f64 {
        self.primal
    }

    /// The lower bound that the potentials prove.
    pub(crate) fn dual(&self) -> f64 {
        self.dual
    }

    /// The plan: (source, sink, flow) wherever there is flow.
    pub(crate) fn flows(&self) -> &[(u32, u32, f64)] {
        &self.flows
    }

    /// u.
    pub(crate) fn source_potentials(&self) -> &[f64] {
        &self.potential[..self.supply.len()]
    }

    /// v.
    pub(crate) fn sink_potentials(&self) -> &[f64] {
        &self.sink_potential
    }

    pub(crate) fn pivots(&self) -> usize {
        self.rounded.pivots()
    }

    /// Finds the optimum for the costs in the matrix, none of which exceeds `largest` in modulus.
    pub(crate) fn solve_matrix(&mut self, largest: f64, max_pivots: usize) -> Result<(), OutOfPivots> {
        // Without a cost to be compared with, everything is optimal.
        let units_per_cost = if largest > 0.0 { UNITS / largest } else { 0.0 };
        let kernel = self.rounded.kernel;
        for source in 0..self.supply.len() {
            let costs = &self.matrix.row(source)[..self.demand.len()];
            kernel.quantise_row(costs, units_per_cost, self.rounded.row_mut(source));
        }
        self.rounded.start();
        self.solve(&InMatrix, units_per_cost, 1.0, max_pivots)
    }

    /// Finds the optimum from the tree that `rounded` has started with; the costs in units there are within `error` of
    /// `units_per_cost` times the true ones. If the pivots run out, plan and bound are those of the last tree.
    pub(crate) fn solve<C: Costs>(
        &mut self,
        costs: &C,
        units_per_cost: f64,
        error: f64,
        max_pivots: usize,
    ) -> Result<(), OutOfPivots> {
        let result = self.pivot_to_optimum(costs, units_per_cost, error, max_pivots);
        if result.is_err() {
            self.fill_matrix(costs);
            self.refresh_potentials(&InMatrix);
            self.read_off(None);
        }
        result
    }

    fn pivot_to_optimum<C: Costs>(
        &mut self,
        costs: &C,
        units_per_cost: f64,
        error: f64,
        max_pivots: usize,
    ) -> Result<(), OutOfPivots> {
        // Where the first plan is worth next to nothing in units, so is the best one, and costs decide that units do not tell from 0.
        if costs.are_steep() && self.rounded.mean_cost_of_start() < LOST_UNITS {
            self.fill_matrix(costs);
            self.start_in_matrix();
            self.optimise(max_pivots)?;
            self.read_off(None);
            return self.finish_in_matrix::<C>(max_pivots);
        }
        let lowest = match self.rounded.price(max_pivots) {
            Priced::Optimal => self.settle(costs, units_per_cost, error, max_pivots)?,
            Priced::OutOfRange => None,
            Priced::OutOfPivots => return Err(OutOfPivots),
        };
        if lowest.is_some() {
            self.read_off(lowest);
            if self.primal == 0.0 && C::NOT_NEGATIVE {
                self.take_zero_potentials();
                return Ok(());
            }
            if !self.is_below(FINE_FROM, f64::EPSILON) {
                return Ok(());
            }
        }
        self.fill_matrix(costs);
        // All go on from the tree there is, unless next to nothing is to be moved: then costs decide that units do not tell from 0.
        let is_nothing = if lowest.is_some() {
            self.is_below(1.0, f64::EPSILON)
        } else {
            self.refresh_potentials(&InMatrix);
            self.read_off(Some(0.0));
            self.primal.abs() * units_per_cost < FEW_UNITS * self.supply.iter().sum::<f64>()
        };
        if is_nothing {
            self.start_in_matrix();
        }
        if is_nothing || lowest.is_none() {
            self.optimise(max_pivots)?;
            self.read_off(None);
        }
        self.finish_in_matrix::<C>(max_pivots)
    }

    /// Goes on with twice the digits from a plan that is optimal in f64, where that is not enough.
    fn finish_in_matrix<C: Costs>(&mut self, max_pivots: usize) -> Result<(), OutOfPivots> {
        if self.primal == 0.0 && C::NOT_NEGATIVE {
            self.take_zero_potentials();
        } else if self.is_below(FINE_FROM, f64::EPSILON) {
            self.refine(max_pivots)?;
            self.read_off(None);
        }
        Ok(())
    }

    /// The potentials that prove that nothing is cheaper than nothing, where no cost is negative.
    fn take_zero_potentials(&mut self) {
        self.potential.fill(0.0);
        self.sink_potential.fill(0.0);
        self.dual = 0.0;
    }

    /// Takes up all costs in f64, unless that has been done.
    fn fill_matrix<C: Costs>(&mut self, costs: &C) {
        if !C::ARE_IN_MATRIX && !self.matrix_is_filled {
            let shape = self.shape();
            costs.fill(&mut self.matrix, shape);
            self.matrix_is_filled = true;
        }
    }

    /// Whether the value, times a factor, is below the rounding of potentials times masses. (Not the gap itself, which rounding can make
    /// small as well as large.)
    fn is_below(&self, factor: f64, rounding: f64) -> bool {
        let size = largest_modulus(&self.potential) * self.supply.iter().sum::<f64>();
        rounding * size > factor * self.primal.abs()
    }

    /// Pivots with the true costs among the arcs whose reduced costs are about 0, until none is negative with potentials
    /// fresh from the tree. Returns the lowest reduced cost there is; `None` if this is no way to go on.
    fn settle<C: Costs>(
        &mut self,
        costs: &C,
        units_per_cost: f64,
        error: f64,
        max_pivots: usize,
    ) -> Result<Option<f64>, OutOfPivots> {
        let first_sink = self.rounded.first_sink();
        // Potentials are rounded to units, by half of one at most each.
        #[expect(clippy::cast_possible_truncation, reason = "some hundred at most")]
        let limit = (error + 1.0).ceil() as i32;
        let nodes = self.rounded.sources() + self.rounded.sinks();
        let pivots_worth_while = self.rounded.pivots() + FEW_PIVOTS + nodes / NODES_PER_PIVOT;
        loop {
            self.refresh_potentials(costs);
            let mut size = largest_modulus(&self.potential);
            if size * units_per_cost > f64::from(LARGEST_POTENTIAL) {
                return Ok(None);
            }
            let kernel = self.rounded.kernel;
            kernel.quantise_row(&self.potential, units_per_cost, self.rounded.potential_mut());
            self.rounded.list_close_arcs(limit);
            let close = self.rounded.close_arcs().len();
            if close > CLOSE_ARCS_PER_NODE * nodes && !C::ARE_IN_MATRIX {
                self.fill_matrix(costs);
                return self.settle(&InMatrix, units_per_cost, error, max_pivots);
            }
            let before = self.rounded.pivots();
            let mut lowest = 0.0_f64;
            for listed in 0..close {
                let (source, sink) = self.rounded.close_arcs()[listed];
                let (source, sink) = (source as usize, sink as usize);
                let cost = costs.cost(&self.matrix, source, sink);
                let reduced = cost - self.potential[source] + self.potential[first_sink + sink];
                lowest = if reduced < lowest { reduced } else { lowest };
                if reduced >= -TOLERANCE * size {
                    continue;
                }
                if self.rounded.pivots() == max_pivots {
                    return Err(OutOfPivots);
                }
                if self.rounded.pivots() >= pivots_worth_while {
                    return Ok(None);
                }
                size = size.max(-reduced);
                let moved = self.rounded.pivot(source, sink);
                self.shift_moved(moved, reduced);
            }
            if self.rounded.pivots() == before {
                return Ok(Some(lowest));
            }
        }
    }

    /// Moves the potentials as a pivot on an arc of the given reduced cost has moved the tree.
    fn shift_moved(&mut self, moved: Moved, reduced: f64) {
        let shift = match moved {
            Moved::Source => reduced,
            Moved::Sink => -reduced,
        };
        for (word, &bits) in self.rounded.tree().moved().iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                self.potential[word * 64 + bits.trailing_zeros() as usize] += shift;
                bits &= bits - 1;
            }
        }
    }

    /// A tree by the costs in the matrix: of costs of very different size, units do not tell the small ones apart.
    fn start_in_matrix(&mut self) {
        self.rounded.cut_into_parts(&self.supply, &self.demand);
        let matrix = &self.matrix;
        self.rounded.start_by(|source, closed| {
            let mut lowest = (f64::INFINITY, 0);
            for (column, (&cost, &closed)) in matrix.row(source).iter().zip(closed).enumerate() {
                if closed == 0 && cost < lowest.0 {
                    lowest = (cost, column);
                }
            }
            lowest.1
        });
    }

    /// Pivots with all costs in the matrix until no arc enters with potentials that are fresh from the tree.
    fn optimise(&mut self, max_pivots: usize) -> Result<(), OutOfPivots> {
        let (sources, first_sink) = (self.rounded.sources(), self.rounded.first_sink());
        let stride = self.rounded.stride();
        let blocks = sources.div_ceil(BLOCK);
        let mut roundings = TOLERANCE;
        let mut block = 0;
        loop {
            self.refresh_potentials(&InMatrix);
            let mut size = largest_modulus(&self.potential);
            let before = self.rounded.pivots();
            let mut clean = 0;
            while clean < blocks {
                let mut lowest = -roundings * size;
                let mut entering = None;
                let (row_potentials, column_potentials) = self.potential.split_at(first_sink);
                let rows = self.matrix.costs.chunks_exact(stride).zip(row_potentials).enumerate();
                for (source, (row, row_potential)) in rows.skip(block * BLOCK).take(BLOCK) {
                    let row_lowest = row_minimum(row, column_potentials);
                    let reduced = row_lowest - row_potential;
                    if reduced < lowest {
                        (lowest, entering) = (reduced, Some((source, row_lowest)));
                    }
                }
                block = if block + 1 == blocks { 0 } else { block + 1 };
                let Some((source, row_lowest)) = entering else {
                    clean += 1;
                    continue;
                };
                clean = 0;
                if self.rounded.pivots() == max_pivots {
                    return Err(OutOfPivots);
                }
                let sink = position(self.matrix.row(source), column_potentials, row_lowest);
                // Potentials that grow bring their roundings with them.
                size = size.max(lowest.abs());
                let moved = self.rounded.pivot(source, sink);
                self.shift_moved(moved, lowest);
            }
            if self.rounded.pivots() == before {
                return Ok(());
            }
            // Should rounding in the potentials ever be larger than the tolerance, the rounds still end.
            roundings *= 2.0;
        }
    }

    /// Pivots on until no arc enters with potentials of twice the digits, fresh from the tree at each pivot.
    ///
    /// Where an arc that is dear but empty holds two parts of the tree together, f64 loses the small costs within a part
    /// in the difference of the two.
    fn refine(&mut self, max_pivots: usize) -> Result<(), OutOfPivots> {
        let (sources, sinks) = (self.rounded.sources(), self.rounded.sinks());
        let first_sink = self.rounded.first_sink();
        let mut size = self.refresh_fine_potentials();
        let (mut source, mut clean) = (0, 0);
        while clean < sources {
            let mut lowest = -FINE_TOLERANCE * size;
            let mut entering = None;
            // What is further from 0 than its rounding needs no second look.
            let far = 8.0 * f64::EPSILON * size;
            for (sink, cost) in self.matrix.row(source)[..sinks].iter().enumerate() {
                let node = first_sink + sink;
                if cost - self.potential[source] + self.potential[node] > far + 8.0 * f64::EPSILON * cost {
                    continue;
                }
                let (sum, lost) = two_sum(*cost, -self.potential[source]);
                let (sum, lost_too) = two_sum(sum, self.potential[node]);
                let reduced = sum + (lost + lost_too + (self.low[node] - self.low[source]));
                if reduced < lowest {
                    (lowest, entering) = (reduced, Some(sink));
                }
            }
            clean += 1;
            if let Some(sink) = entering {
                if self.rounded.pivots() == max_pivots {
                    return Err(OutOfPivots);
                }
                self.rounded.pivot(source, sink);
                size = self.refresh_fine_potentials();
                clean = 0;
            }
            source = if source + 1 == sources { 0 } else { source + 1 };
        }
        Ok(())
    }

    fn refresh_order(&mut self) {
        let (sources, first_sink) = (self.rounded.sources(), self.rounded.first_sink());
        self.rounded.tree().order(sources, first_sink, &mut self.order, &mut self.listed);
    }

    /// Potentials that give every arc of the tree the reduced cost 0, the root's being 0.
    fn refresh_potentials<C: Costs>(&mut self, costs: &C) {
        self.refresh_order();
        self.arc_cost.resize(self.rounded.first_sink() + self.rounded.stride(), 0.0);
        let (sources, first_sink) = (self.rounded.sources(), self.rounded.first_sink());
        self.potential.clear();
        self.potential.resize(first_sink + self.rounded.stride(), 0.0);
        let tree = self.rounded.tree();
        for &node in &self.order {
            let parent = tree.parent(node);
            if parent == NONE {
                continue;
            }
            let (parent, node) = (parent as usize, node as usize);
            if node < sources {
                let cost = costs.cost(&self.matrix, node, parent - first_sink);
                self.potential[node] = self.potential[parent] + cost;
                self.arc_cost[node] = cost;
            } else {
                let cost = costs.cost(&self.matrix, parent, node - first_sink);
                self.potential[node] = self.potential[parent] - cost;
                self.arc_cost[node] = cost;
            }
        }
    }

    /// As [`refresh_potentials`](Self::refresh_potentials), with `low`; returns the largest modulus.
    fn refresh_fine_potentials(&mut self) -> f64 {
        self.refresh_order();
        let (sources, first_sink) = (self.rounded.sources(), self.rounded.first_sink());
        for digits in [&mut self.potential, &mut self.low] {
            digits.clear();
            digits.resize(first_sink + self.rounded.stride(), 0.0);
        }
        let tree = self.rounded.tree();
        let mut size = 0.0_f64;
        for &node in &self.order {
            let parent = tree.parent(node);
            if parent == NONE {
                continue;
            }
            let (parent, node) = (parent as usize, node as usize);
            let (cost, step) = if node < sources {
                let cost = self.matrix.row(node)[parent - first_sink];
                (cost, cost)
            } else {
                let cost = self.matrix.row(parent)[node - first_sink];
                (cost, -cost)
            };
            self.arc_cost[node] = cost;
            let (sum, lost) = two_sum(self.potential[parent], step);
            (self.potential[node], self.low[node]) = two_sum(sum, lost + self.low[parent]);
            size = size.max(sum.abs());
        }
        size
    }

    /// Flows in f64 from the tree whose order and potentials are at hand, and the two bounds of the optimum; `lowest` is the lowest reduced
    /// cost, where it is known.
    fn read_off(&mut self, lowest: Option<f64>) {
        let (sources, sinks) = (self.rounded.sources(), self.rounded.sinks());
        let first_sink = self.rounded.first_sink();
        self.net.clear();
        self.net.extend(&self.supply);
        self.net.resize(first_sink, 0.0);
        self.net.extend(self.demand.iter().map(|demand| -demand));
        // A dear arc that holds nothing must not come to hold a rounding.
        self.low.clear();
        self.low.resize(self.net.len(), 0.0);
        self.flows.clear();
        self.products.clear();
        let tree = self.rounded.tree();
        for &node in self.order.iter().rev() {
            let parent = tree.parent(node);
            if parent == NONE {
                continue;
            }
            let (high, low) = (self.net[node as usize], self.low[node as usize]);
            let (sum, lost) = two_sum(self.net[parent as usize], high);
            self.net[parent as usize] = sum;
            self.low[parent as usize] += lost + low;
            let net = high + low;
            let (source, sink, flow) =
                if (node as usize) < sources { (node, parent, net) } else { (parent, node, -net) };
            // An arc that holds nothing may come out a rounding below 0.
            if flow > 0.0 {
                self.flows.push((source, sink - number(first_sink), flow));
                self.products.push(flow * self.arc_cost[node as usize]);
            }
        }
        self.primal = compensated::sum(self.products.iter().copied());

        let u = &self.potential[..sources];
        let w = &self.potential[first_sink..];
        let lowest = lowest.unwrap_or_else(|| {
            let rows = u.iter().enumerate().map(|(source, u)| row_minimum(self.matrix.row(source), w) - u);
            rows.fold(0.0, f64::min)
        });
        self.sink_potential.clear();
        self.sink_potential.extend(w[..sinks].iter().map(|w| lowest - w));
        let supplied = self.supply.iter().zip(u).map(|(mass, u)| mass * u);
        let demanded = self.demand.iter().zip(&self.sink_potential).map(|(mass, v)| mass * v);
        self.dual = compensated::sum(supplied.chain(demanded));
    }
}

/// The largest |x|, of numbers that are not NaN.
fn largest_modulus(numbers: &[f64]) -> f64 {
    let (chunks, rest) = numbers.as_chunks::<LANES>();
    let mut largest = [0.0_f64; LANES];
    for chunk in chunks {
        for (largest, x) in largest.iter_mut().zip(chunk) {
            *largest = if x.abs() > *largest { x.abs() } else { *largest };
        }
    }
    rest.iter().map(|x| x.abs()).chain(largest).fold(0.0, f64::max)
}

/// The rounded sum, and what it is less than the sum (Knuth's two-sum).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

fn number(node: usize) -> u32 {
    u32::try_from(node).expect("a matrix with 2^32 rows or columns does not fit into memory")
}

/// The minimum of `row[j] + shift[j]`; the lengths are multiples of [`LANES`].
#[inline]
fn row_minimum(row: &[f64], shift: &[f64]) -> f64 {
    let mut lowest = [f64::INFINITY; LANES];
    for (row, shift) in row.as_chunks::<LANES>().0.iter().zip(shift.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            let x = row[lane] + shift[lane];
            lowest[lane] = if x < lowest[lane] { x } else { lowest[lane] };
        }
    }
    // Not f64::min, which would look for NaN.
    let less = |x: f64, y: f64| if x < y { x } else { y };
    let [a, b, c, d, e, f, g, h] = lowest;
    less(less(less(a, b), less(c, d)), less(less(e, f), less(g, h)))
}

/// The first position of the [`row_minimum`] `lowest`, which must be finite.
#[inline]
fn position(row: &[f64], shift: &[f64], lowest: f64) -> usize {
    row.iter().zip(shift).position(|(x, y)| x + y == lowest).expect("the minimum is among them")
}

#[cfg(test)]
mod tests {
    use hepml_core::SimdLevel;

    use super::*;
    use crate::exact::kernel::Kernel;

    /// What is read off at sight is what pivots find.
    #[test]
    fn few_masses_have_their_plan() {
        let shapes = [(1, 1), (1, 7), (7, 1), (2, 2), (2, 9), (9, 2), (2, 40), (33, 2)];
        for (seed, &(sources, sinks)) in shapes.iter().enumerate() {
            for different in DIFFERENT {
                let (mut exact, largest) = problem(seed as u64 + 7, sources, sinks, different);
                exact.start(largest);
                exact.optimise(1_000_000).unwrap();
                exact.read_off(None);
                let (mut few, _) = problem(seed as u64 + 7, sources, sinks, different);
                assert!(few.take_plan_of_few(&InMatrix));
                let size = largest * exact.supply.iter().sum::<f64>();
                assert!((few.primal() - exact.primal()).abs() <= 1e-14 * size);
                assert!((few.primal() - few.dual()).abs() <= 1e-14 * size);
                let (mut from, mut to) = (vec![0.0; sources], vec![0.0; sinks]);
                for &(source, sink, flow) in few.flows() {
                    assert!(flow > 0.0);
                    from[source as usize] += flow;
                    to[sink as usize] += flow;
                }
                for (got, wanted) in from.iter().zip(&few.supply).chain(to.iter().zip(&few.demand)) {
                    assert!((got - wanted).abs() <= 1e-12 * wanted);
                }
                for source in 0..sources {
                    for sink in 0..sinks {
                        let bound = few.source_potentials()[source] + few.sink_potentials()[sink];
                        assert!(bound <= few.matrix.row(source)[sink] + 1e-14 * largest);
                    }
                }
            }
        }
        let (mut more, _) = problem(1, 3, 3, DIFFERENT[0]);
        assert!(!more.take_plan_of_few(&InMatrix));
    }

    /// So many different masses and costs, from a small generator that needs no crate.
    fn problem(seed: u64, sources: usize, sinks: usize, [masses, costs]: [u64; 2]) -> (Simplex, f64) {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draw = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below) as f64
        };
        let mut side = |count| (0..count).map(|_| 1.0 + draw(masses)).collect::<Vec<f64>>();
        let (supply, demand) = (side(sources), side(sinks));
        let ratio = supply.iter().sum::<f64>() / demand.iter().sum::<f64>();
        let mut simplex = Simplex::default();
        simplex.reset(supply.into_iter(), demand.into_iter().map(|mass| mass * ratio));
        for source in 0..sources {
            for cost in simplex.matrix_mut_row(source) {
                *cost = draw(costs) - 1.0;
            }
        }
        (simplex, (costs as f64 - 2.0).max(1.0))
    }

    impl Simplex {
        fn matrix_mut_row(&mut self, source: usize) -> &mut [f64] {
            if source == 0 {
                self.matrix_mut();
            }
            self.matrix.row_mut(source)
        }

        fn start(&mut self, largest: f64) {
            for source in 0..self.sources() {
                let costs = &self.matrix.row(source)[..self.demand.len()];
                let kernel = self.rounded.kernel;
                kernel.quantise_row(costs, UNITS / largest, self.rounded.row_mut(source));
            }
            self.rounded.start();
        }
    }

    const SHAPES: [(usize, usize); 9] =
        [(1, 1), (1, 5), (6, 1), (4, 4), (9, 7), (20, 20), (40, 33), (3, 70), (130, 150)];
    /// Equal masses on equally many nodes make every basis as degenerate as can be.
    const DIFFERENT: [[u64; 2]; 6] = [[1, 1], [1, 3], [1, 1000], [2, 2], [5, 5], [1000, 1000]];

    /// Pivots by the rule of the lowest reduced cost, and checks the tree each time.
    #[test]
    fn the_tree_stays_a_strongly_feasible_basis() {
        for (seed, &(sources, sinks)) in SHAPES[..8].iter().enumerate() {
            for different in DIFFERENT {
                let (mut simplex, largest) = problem(seed as u64 + 1, sources, sinks, different);
                let (first_sink, parts) = (simplex.rounded.first_sink(), simplex.rounded.parts().to_vec());
                simplex.start(largest);
                let mut before = f64::INFINITY;
                for pivot in 0.. {
                    assert!(pivot < 100_000, "cycling");
                    let tree = simplex.rounded.tree();
                    tree.check(sources, first_sink);
                    for (node, &parts) in parts.iter().enumerate().take(first_sink + sinks) {
                        let expected = if node < sources { parts } else { -parts };
                        assert_eq!(tree.net_flow(node, sources), expected);
                    }
                    simplex.refresh_potentials(&InMatrix);
                    simplex.read_off(None);
                    assert!(simplex.primal <= before + 1e-9, "a pivot made it dearer");
                    assert!(simplex.dual <= simplex.primal + 1e-9, "the bound is none");
                    before = simplex.primal;
                    let (u, w) = simplex.potential.split_at(first_sink);
                    let reduced: Vec<f64> = (0..sources)
                        .map(|source| row_minimum(simplex.matrix.row(source), w) - u[source])
                        .collect();
                    let source = (0..sources).min_by(|a, b| reduced[*a].total_cmp(&reduced[*b])).unwrap();
                    if reduced[source] > -1e-9 {
                        break;
                    }
                    let row = simplex.matrix.row(source);
                    let sink = position(row, w, row_minimum(row, w));
                    simplex.rounded.pivot(source, sink);
                }
            }
        }
    }

    /// All ways to the optimum find the same, whatever the vectors.
    #[test]
    fn rounded_and_exact_pivots_agree() {
        for (seed, &(sources, sinks)) in SHAPES.iter().enumerate() {
            for different in DIFFERENT {
                let (mut exact, largest) = problem(seed as u64 + 1, sources, sinks, different);
                exact.start(largest);
                exact.optimise(1_000_000).unwrap();
                exact.read_off(None);
                let size = largest * exact.supply.iter().sum::<f64>();
                let mut pivots = None;
                for level in SimdLevel::available() {
                    let (mut simplex, largest) = problem(seed as u64 + 1, sources, sinks, different);
                    simplex.rounded.kernel = Kernel::new(level).unwrap();
                    simplex.solve_matrix(largest, 1_000_000).unwrap();
                    assert!((simplex.primal() - exact.primal()).abs() <= 1e-14 * size, "{level:?}");
                    assert!((simplex.primal() - simplex.dual()).abs() <= 1e-13 * size, "{level:?}");
                    assert_eq!(*pivots.get_or_insert(simplex.pivots()), simplex.pivots(), "{level:?}");
                }
            }
        }
    }

    /// Where one cost dwarfs all that are worth paying, f64 finds from the start what it finds alone.
    #[test]
    fn costs_that_units_do_not_tell_apart_are_left_to_f64() {
        for (seed, &(sources, sinks)) in SHAPES[3..].iter().enumerate() {
            let steep = |dear: f64| {
                let (mut simplex, _) = problem(seed as u64 + 1, sources, sinks, [1000, 1000]);
                let lightest =
                    |masses: &[f64]| (0..masses.len()).min_by(|a, b| masses[*a].total_cmp(&masses[*b]));
                let (source, sink) = (lightest(&simplex.supply).unwrap(), lightest(&simplex.demand).unwrap());
                simplex.matrix.row_mut(source)[sink] = dear;
                simplex
            };
            // So dear that it carries nothing, but not so dear that units lose the others.
            let (dear, dearest) = (1e5, 1e9);
            let mut exact = steep(dear);
            exact.start(dear);
            assert!(exact.rounded.mean_cost_of_start() > LOST_UNITS);
            exact.optimise(1_000_000).unwrap();
            exact.read_off(None);
            let mut simplex = steep(dearest);
            simplex.start(dearest);
            assert!(simplex.rounded.mean_cost_of_start() < LOST_UNITS);
            let mut simplex = steep(dearest);
            simplex.solve_matrix(dearest, 1_000_000).unwrap();
            let mass = exact.supply.iter().sum::<f64>();
            assert!((simplex.primal() - exact.primal()).abs() <= 1e-14 * dear * mass);
            assert!((simplex.primal() - simplex.dual()).abs() <= 1e-14 * dearest * mass);
        }
    }

    #[test]
    fn potentials_are_those_of_the_plan() {
        let (mut simplex, largest) = problem(3, 60, 50, [1000, 1000]);
        simplex.solve_matrix(largest, 100_000).unwrap();
        assert!(simplex.pivots() > 50);
        for &(source, sink, flow) in simplex.flows() {
            let cost = simplex.matrix.row(source as usize)[sink as usize];
            let reduced = cost
                - simplex.source_potentials()[source as usize]
                - simplex.sink_potentials()[sink as usize];
            assert!(flow > 0.0 && reduced.abs() < 1e-10);
        }
        assert!((simplex.primal() - simplex.dual()).abs() < 1e-12 * 60.0 * 1e6);
    }

    #[test]
    fn without_pivots_left_there_is_a_plan_and_a_bound() {
        let (mut simplex, largest) = problem(3, 60, 50, [1000, 1000]);
        simplex.solve_matrix(largest, 100_000).unwrap();
        let optimum = simplex.primal();
        for pivots in [0, 1, 5, 50] {
            let (mut simplex, largest) = problem(3, 60, 50, [1000, 1000]);
            assert_eq!(simplex.solve_matrix(largest, pivots), Err(OutOfPivots));
            assert_eq!(simplex.pivots(), pivots);
            assert!(simplex.dual() <= optimum && optimum < simplex.primal());
        }
    }

    #[test]
    fn parts_balance_and_none_is_lost() {
        let mut simplex = Simplex::default();
        simplex.reset([1e-30, 3.0, 1e-5].into_iter(), [1.0, 1.0, 1.0, 1e-5].into_iter());
        let (supplies, demands) = simplex.rounded.parts().split_at(simplex.rounded.first_sink());
        assert_eq!(supplies[0], 1);
        assert_eq!(supplies.iter().sum::<i64>(), demands.iter().sum::<i64>());
    }
}
