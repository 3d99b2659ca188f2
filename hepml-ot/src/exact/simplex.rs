//! The transportation simplex on the dense bipartite graph.
//!
//! The problem is balanced: minimise sum_ij f_ij c_ij over f >= 0 with sum_j f_ij = supply_i and sum_i f_ij = demand_j, all
//! supplies and demands positive, their totals equal. The method is the primal network simplex with the node
//! potentials u (sources) and v (sinks) of a strongly feasible spanning tree (`tree`): an arc with the reduced cost
//! c_ij - u_i - v_j < 0 enters until there is none.
//!
//! - **Flows are integers.** For the choice of pivots the totals are cut into 2^60 parts, so ties are ties and nothing
//!   drifts; the flows that are returned are recomputed in f64 from the supplies and demands themselves.
//! - **Potentials are f64**, recomputed from the tree once nothing enters any more, and again until nothing enters with fresh ones.
//!   Where their roundings are then not far below the value, the pivots go on with potentials of twice the digits.
//! - **The certificate** does not rest on any of this: v_j = min_i(c_ij - u_i) makes the potentials feasible, whatever
//!   the tree, and then sum_i supply_i u_i + sum_j demand_j v_j is a lower bound of the optimum.

use crate::compensated;
use crate::error::{Error, Result};
use crate::exact::tree::{Moved, NONE, Tree};

/// Columns are padded to a multiple of this, the width of the unrolled scan for the lowest reduced cost.
const LANES: usize = 8;
/// The rows that are priced before the best arc among them enters.
const BLOCK: usize = 8;
/// The parts into which the total is cut: sums and differences of flows stay far from the ends of i64.
const PARTS: f64 = (1_u64 << 60) as f64;
/// The reduced cost below which an arc enters, in units of the largest |potential|: a few roundings of it.
///
/// Not of the largest |cost|: with a steep ground cost (beta = 20) that is far above anything that is worth moving at, and
/// an arc so dear is not in the optimal tree, except where it holds nothing.
const TOLERANCE: f64 = 8.0 * f64::EPSILON;
/// The same with potentials of twice the digits.
const FINE_TOLERANCE: f64 = 64.0 * f64::EPSILON * f64::EPSILON;
/// The rounding of potentials times masses, in units of the value, above which the pivots go on with twice the digits.
const FINE_FROM: f64 = 1e-11;

/// A problem, its tree and its solution; reused from problem to problem without allocation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Simplex {
    sources: usize,
    sinks: usize,
    stride: usize,
    cost: Vec<f64>,
    supply: Vec<f64>,
    demand: Vec<f64>,
    tree: Tree,
    /// Of node `i`: u_i of a source, -v_j of a sink (then a subtree moves by one number); padded to the stride.
    potential: Vec<f64>,
    /// Feasible potentials of the sinks.
    sink_potential: Vec<f64>,
    /// The arcs of the tree with flow: (source, sink, flow).
    flows: Vec<(u32, u32, f64)>,
    primal: f64,
    dual: f64,
    pivots: usize,
    // Scratch space.
    parts: Vec<i64>,
    arcs: Vec<(u32, u32, i64)>,
    closed: Vec<f64>,
    open_rows: Vec<u32>,
    order: Vec<u32>,
    net: Vec<f64>,
    /// What potentials or flows of twice the digits are more than those of f64.
    low: Vec<f64>,
}

impl Simplex {
    /// Takes up a problem of the given supplies and demands, all costs still 0.
    ///
    /// At least one of each; all positive; totals that agree to rounding, each between 2^-200 and 2^200.
    pub(crate) fn reset(&mut self, supply: impl Iterator<Item = f64>, demand: impl Iterator<Item = f64>) {
        self.supply.clear();
        self.supply.extend(supply);
        self.demand.clear();
        self.demand.extend(demand);
        self.sources = self.supply.len();
        self.sinks = self.demand.len();
        self.stride = self.sinks.next_multiple_of(LANES);
        // The padding can never be the lowest.
        self.cost.clear();
        self.cost.resize(self.sources * self.stride, f64::INFINITY);
    }

    pub(crate) fn sources(&self) -> usize {
        self.sources
    }

    pub(crate) fn sinks(&self) -> usize {
        self.sinks
    }

    /// The costs from a source, to be filled in.
    pub(crate) fn cost_row_mut(&mut self, source: usize) -> &mut [f64] {
        let start = source * self.stride;
        &mut self.cost[start..start + self.sinks]
    }

    /// Multiplies all costs.
    pub(crate) fn scale_costs(&mut self, factor: f64) {
        for cost in &mut self.cost {
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
        &self.potential[..self.sources]
    }

    /// v.
    pub(crate) fn sink_potentials(&self) -> &[f64] {
        &self.sink_potential
    }

    pub(crate) fn pivots(&self) -> usize {
        self.pivots
    }

    /// Finds the optimum.
    pub(crate) fn solve(&mut self, max_pivots: usize) -> Result<()> {
        self.cut_into_parts();
        self.start();
        self.optimise(max_pivots)?;
        self.read_off();
        let largest = self.potential.iter().fold(0.0, |m: f64, p| m.max(p.abs()));
        let rounding = f64::EPSILON * largest * self.supply.iter().sum::<f64>();
        // Not the gap itself, which rounding can make small as well as large.
        if rounding > FINE_FROM * self.primal.abs() {
            self.refine(max_pivots)?;
            self.read_off();
        }
        Ok(())
    }

    /// Supplies and demands as whole numbers of parts with equal sums, none 0.
    fn cut_into_parts(&mut self) {
        self.parts.clear();
        let mut surplus = 0;
        for (masses, sign) in [(&self.supply, 1), (&self.demand, -1)] {
            let parts_per_mass = PARTS / compensated::sum(masses.iter().copied());
            for mass in masses {
                #[expect(clippy::cast_possible_truncation, reason = "at most 2^60")]
                let parts = ((mass * parts_per_mass).round() as i64).max(1);
                surplus += sign * parts;
                self.parts.push(parts);
            }
        }
        // What rounding has left over, far less than a largest mass, goes to the largest of the smaller side.
        let smaller = if surplus < 0 { 0..self.sources } else { self.sources..self.sources + self.sinks };
        let largest = self.parts[smaller].iter_mut().max().expect("each side holds a mass");
        *largest += surplus.abs();
    }

    /// A strongly feasible tree, by the modified row-minimum rule.
    ///
    /// The rows take turns; each sends what it can to its cheapest open column. An allocation closes one line, the row or
    /// (also at a tie) the column, which becomes a child of the other. So a row may close without flow, a column never.
    fn start(&mut self) {
        let Self { sources, sinks, stride, .. } = *self;
        self.closed.clear();
        self.closed.resize(stride, 0.0);
        self.arcs.clear();
        self.open_rows.clear();
        self.open_rows.extend((0..sources).map(number));
        let mut open_columns = sinks;
        let mut turn = 0;
        while self.open_rows.len() > 1 && open_columns > 1 {
            let source = self.open_rows[turn] as usize;
            let row = &self.cost[source * stride..(source + 1) * stride];
            let column = position(row, &self.closed, row_minimum(row, &self.closed));
            let sink = sources + column;
            let (supply, demand) = (self.parts[source], self.parts[sink]);
            if supply < demand {
                self.arcs.push((number(source), number(sink), supply));
                self.parts[sink] -= supply;
                // Not swap_remove: the order of turns stays that of the rows.
                self.open_rows.remove(turn);
            } else {
                self.arcs.push((number(sink), number(source), demand));
                self.parts[source] -= demand;
                self.closed[column] = f64::INFINITY;
                open_columns -= 1;
                turn += 1;
            }
            if turn >= self.open_rows.len() {
                turn = 0;
            }
        }
        // One line is left on one side: it is the root of all that is open on the other.
        let mut open = (0..sinks).filter(|&column| self.closed[column] == 0.0).map(|column| sources + column);
        let root = if open_columns == 1 {
            let root = number(open.next().expect("a column is open"));
            for &row in &self.open_rows {
                self.arcs.push((row, root, self.parts[row as usize]));
            }
            root
        } else {
            let root = self.open_rows[0];
            self.arcs.extend(open.map(|sink| (number(sink), root, self.parts[sink])));
            root
        };
        self.tree.build(&self.arcs, root);
    }

    /// Pivots until no arc enters with potentials that are fresh from the tree.
    fn optimise(&mut self, max_pivots: usize) -> Result<()> {
        let Self { sources, stride, .. } = *self;
        let blocks = sources.div_ceil(BLOCK);
        let mut roundings = TOLERANCE;
        self.pivots = 0;
        let mut block = 0;
        loop {
            self.refresh_potentials();
            let mut size = self.potential.iter().fold(0.0, |m: f64, p| m.max(p.abs()));
            let before = self.pivots;
            let mut clean = 0;
            while clean < blocks {
                let mut lowest = -roundings * size;
                let mut entering = None;
                let (row_potentials, column_potentials) = self.potential.split_at(sources);
                let rows = self.cost.chunks_exact(stride).zip(row_potentials).enumerate();
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
                if self.pivots == max_pivots {
                    return Err(Error::NotConverged { pivots: max_pivots, from: sources, to: self.sinks });
                }
                self.pivots += 1;
                let row = &self.cost[source * stride..(source + 1) * stride];
                let sink = sources + position(row, column_potentials, row_lowest);
                // Potentials that grow bring their roundings with them.
                size = size.max(lowest.abs());
                let shift = match self.tree.pivot(number(source), number(sink)) {
                    Moved::Source => lowest,
                    Moved::Sink => -lowest,
                };
                let potential = &mut self.potential;
                self.tree.for_each_moved(|node| potential[node] += shift);
            }
            if self.pivots == before {
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
    fn refine(&mut self, max_pivots: usize) -> Result<()> {
        let Self { sources, sinks, stride, .. } = *self;
        let mut size = self.refresh_fine_potentials();
        let (mut source, mut clean) = (0, 0);
        while clean < sources {
            let mut lowest = -FINE_TOLERANCE * size;
            let mut entering = None;
            for sink in 0..sinks {
                let node = sources + sink;
                let (sum, lost) = two_sum(self.cost[source * stride + sink], -self.potential[source]);
                let (sum, lost_too) = two_sum(sum, self.potential[node]);
                let reduced = sum + (lost + lost_too + (self.low[node] - self.low[source]));
                if reduced < lowest {
                    (lowest, entering) = (reduced, Some(node));
                }
            }
            clean += 1;
            if let Some(sink) = entering {
                if self.pivots == max_pivots {
                    return Err(Error::NotConverged { pivots: max_pivots, from: sources, to: sinks });
                }
                self.pivots += 1;
                self.tree.pivot(number(source), number(sink));
                size = self.refresh_fine_potentials();
                clean = 0;
            }
            source = if source + 1 == sources { 0 } else { source + 1 };
        }
        Ok(())
    }

    /// As [`refresh_potentials`](Self::refresh_potentials), with `low`; returns the largest modulus.
    fn refresh_fine_potentials(&mut self) -> f64 {
        let Self { sources, stride, .. } = *self;
        self.tree.order(&mut self.order);
        for digits in [&mut self.potential, &mut self.low] {
            digits.clear();
            digits.resize(sources + stride, 0.0);
        }
        let mut size = 0.0_f64;
        for &node in &self.order[1..] {
            let (parent, node) = (self.tree.parent(node) as usize, node as usize);
            let step = if node < sources {
                self.cost[node * stride + parent - sources]
            } else {
                -self.cost[parent * stride + node - sources]
            };
            let (sum, lost) = two_sum(self.potential[parent], step);
            (self.potential[node], self.low[node]) = two_sum(sum, lost + self.low[parent]);
            size = size.max(sum.abs());
        }
        size
    }

    /// Potentials that give every arc of the tree the reduced cost 0, the root's being 0.
    fn refresh_potentials(&mut self) {
        let Self { sources, stride, .. } = *self;
        self.tree.order(&mut self.order);
        self.potential.clear();
        self.potential.resize(sources + stride, 0.0);
        for &node in &self.order[1..] {
            let (parent, node) = (self.tree.parent(node) as usize, node as usize);
            self.potential[node] = if node < sources {
                self.potential[parent] + self.cost[node * stride + parent - sources]
            } else {
                self.potential[parent] - self.cost[parent * stride + node - sources]
            };
        }
    }

    /// Flows in f64 from the tree, feasible potentials, and the two bounds of the optimum.
    fn read_off(&mut self) {
        let Self { sources, sinks, stride, .. } = *self;
        self.net.clear();
        self.net.extend(&self.supply);
        self.net.extend(self.demand.iter().map(|demand| -demand));
        // A dear arc that holds nothing must not come to hold a rounding.
        self.low.clear();
        self.low.resize(self.net.len(), 0.0);
        self.flows.clear();
        for &node in self.order.iter().rev() {
            let parent = self.tree.parent(node);
            if parent == NONE {
                break;
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
                self.flows.push((source, sink - number(sources), flow));
            }
        }
        let cost_of = |&(source, sink, flow): &(u32, u32, f64)| {
            flow * self.cost[source as usize * stride + sink as usize]
        };
        self.primal = compensated::sum(self.flows.iter().map(cost_of));

        self.sink_potential.clear();
        self.sink_potential.resize(stride, f64::INFINITY);
        for (row, u) in self.cost.chunks_exact(stride).zip(&self.potential) {
            for (v, cost) in self.sink_potential.iter_mut().zip(row) {
                let bound = cost - u;
                *v = if bound < *v { bound } else { *v };
            }
        }
        self.sink_potential.truncate(sinks);
        let supplied = self.supply.iter().zip(&self.potential).map(|(mass, u)| mass * u);
        let demanded = self.demand.iter().zip(&self.sink_potential).map(|(mass, v)| mass * v);
        self.dual = compensated::sum(supplied.chain(demanded));
    }
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
    use super::*;

    /// So many different masses and costs, from a small generator that needs no crate.
    fn problem(seed: u64, sources: usize, sinks: usize, [masses, costs]: [u64; 2]) -> Simplex {
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
            for cost in simplex.cost_row_mut(source) {
                *cost = draw(costs) - 1.0;
            }
        }
        simplex
    }

    /// Pivots as `optimise` does, by the rule of the lowest reduced cost, and checks the tree each time.
    #[test]
    fn the_tree_stays_a_strongly_feasible_basis() {
        for (seed, &(sources, sinks)) in
            [(1, 1), (1, 5), (6, 1), (4, 4), (9, 7), (20, 20), (40, 33), (3, 70)].iter().enumerate()
        {
            // Equal masses on equally many nodes make every basis as degenerate as can be.
            for different in [[1, 1], [1, 3], [1, 1000], [2, 2], [5, 5], [1000, 1000]] {
                let mut simplex = problem(seed as u64 + 1, sources, sinks, different);
                simplex.cut_into_parts();
                let supplies = simplex.parts.clone();
                simplex.start();
                let mut before = f64::INFINITY;
                for pivot in 0.. {
                    assert!(pivot < 100_000, "cycling");
                    simplex.tree.check(sources);
                    for (node, &parts) in supplies.iter().enumerate() {
                        let expected = if node < sources { parts } else { -parts };
                        assert_eq!(simplex.tree.net_flow(number(node), sources), expected);
                    }
                    simplex.refresh_potentials();
                    simplex.read_off();
                    assert!(simplex.primal <= before + 1e-9, "a pivot made it dearer");
                    assert!(simplex.dual <= simplex.primal + 1e-9, "the bound is none");
                    before = simplex.primal;
                    let (row_potentials, column_potentials) = simplex.potential.split_at(sources);
                    let rows = simplex.cost.chunks_exact(simplex.stride).zip(row_potentials);
                    let reduced: Vec<f64> =
                        rows.map(|(row, u)| row_minimum(row, column_potentials) - u).collect();
                    let Some(source) = (0..sources).min_by(|a, b| reduced[*a].total_cmp(&reduced[*b])) else {
                        break;
                    };
                    if reduced[source] > -1e-9 {
                        break;
                    }
                    let row = &simplex.cost[source * simplex.stride..][..simplex.stride];
                    let lowest = row_minimum(row, column_potentials);
                    let sink = sources + position(row, column_potentials, lowest);
                    simplex.tree.pivot(number(source), number(sink));
                }
            }
        }
    }

    #[test]
    fn potentials_kept_through_pivots_are_those_of_the_tree() {
        let mut simplex = problem(3, 60, 50, [1000, 1000]);
        simplex.solve(100_000).unwrap();
        assert!(simplex.pivots() > 50);
        for (source, sink, flow) in simplex.flows().to_vec() {
            let cost = simplex.cost_row_mut(source as usize)[sink as usize];
            let reduced = cost
                - simplex.source_potentials()[source as usize]
                - simplex.sink_potentials()[sink as usize];
            assert!(flow > 0.0 && reduced.abs() < 1e-10);
        }
        assert!((simplex.primal() - simplex.dual()).abs() < 1e-12 * 60.0 * 1e6);
    }

    #[test]
    fn the_pivots_are_capped() {
        let mut simplex = problem(3, 60, 50, [1000, 1000]);
        assert!(matches!(simplex.solve(5), Err(Error::NotConverged { pivots: 5, from: 60, to: 50 })));
    }

    #[test]
    fn parts_balance_and_none_is_lost() {
        let mut simplex = Simplex::default();
        simplex.reset([1e-30, 3.0, 1e-5].into_iter(), [1.0, 1.0, 1.0, 1e-5].into_iter());
        simplex.cut_into_parts();
        assert_eq!(simplex.parts[0], 1);
        assert_eq!(simplex.parts[..3].iter().sum::<i64>(), simplex.parts[3..].iter().sum::<i64>());
    }
}
