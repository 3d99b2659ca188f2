//! The transportation problem in integers, where the simplex finds most of its way.
//!
//! Costs and potentials are whole numbers of units, [`UNITS`] of them the largest |cost|, and flows are whole numbers of parts, [`PARTS`]
//! the total: nothing drifts, ties are ties, and a reduced cost is negative or not. What is left to do after the costs
//! have been rounded so is seen by `simplex`, in f64.

use crate::compensated;
use crate::exact::cloud::Cloud;
use crate::exact::kernel::{ABSENT, Aligned, AngularUnits, BLOCK, Kernel, LANES, LARGEST_POTENTIAL};
use crate::exact::tree::{Moved, NONE, Tree};

/// The units of the largest |cost|: far enough below the ends of i32 for the potentials, sums of many costs.
pub(crate) const UNITS: f64 = (1_u32 << 25) as f64;
/// The parts into which the total is cut: sums and differences of flows stay far from the ends of i64.
const PARTS: f64 = (1_u64 << 60) as f64;

/// A problem in units and parts, and its tree; reused from problem to problem without allocation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rounded {
    pub(crate) kernel: Kernel,
    sources: usize,
    sinks: usize,
    /// The number of the first sink as a node: `sources`, padded.
    first_sink: usize,
    stride: usize,
    /// The costs `[sources, stride]`, padded to whole blocks of rows.
    units: Aligned,
    /// Of node `i`: u_i of a source, -v_j of a sink (then a subtree moves by one number); padded as the rows and columns are.
    potential: Aligned,
    /// Of node `i`: what it supplies or demands.
    parts: Vec<i64>,
    tree: Tree,
    pivots: usize,
    // Scratch space.
    arcs: Vec<(u32, u32, i64)>,
    rows: Vec<u32>,
    penalty: Aligned,
    close_arcs: Vec<(u32, u32)>,
    hidden: Vec<(usize, i32)>,
}

/// How the pricing of rounded costs ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priced {
    /// No arc has a negative reduced cost.
    Optimal,
    /// The potentials left their range.
    OutOfRange,
    /// The pivots ran out.
    OutOfPivots,
}

impl Rounded {
    /// Takes up a problem of so many sources and sinks, at least one each.
    pub(crate) fn reset(&mut self, sources: usize, sinks: usize) {
        self.sources = sources;
        self.sinks = sinks;
        self.first_sink = sources.next_multiple_of(LANES);
        self.stride = sinks.next_multiple_of(LANES);
        let rows = sources.next_multiple_of(BLOCK);
        self.units.resize(rows * self.stride);
        for row in self.units[..sources * self.stride].chunks_exact_mut(self.stride) {
            row[sinks..].fill(ABSENT);
        }
        self.units[sources * self.stride..rows * self.stride].fill(ABSENT);
        self.potential.fill(self.first_sink + self.stride, 0);
    }

    pub(crate) fn sources(&self) -> usize {
        self.sources
    }

    pub(crate) fn sinks(&self) -> usize {
        self.sinks
    }

    pub(crate) fn first_sink(&self) -> usize {
        self.first_sink
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn pivots(&self) -> usize {
        self.pivots
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    #[cfg(test)]
    pub(crate) fn parts(&self) -> &[i64] {
        &self.parts
    }

    /// The costs from a source, to be filled in.
    pub(crate) fn row_mut(&mut self, source: usize) -> &mut [i32] {
        let start = source * self.stride;
        &mut self.units[start..start + self.sinks]
    }

    /// Takes up the costs between two events, and 1 for what is left over.
    pub(crate) fn angular_costs(&mut self, from: &Cloud, to: &Cloud, cost: &AngularUnits) {
        let leftover = cost.leftover();
        let kernel = self.kernel;
        for source in 0..self.sources {
            let row = &mut self.units[source * self.stride..(source + 1) * self.stride];
            if source < from.len() {
                kernel.angular_row(from.point(source), &to.y, &to.phi, *cost, row);
                row[to.len()..self.sinks].fill(leftover);
            } else {
                row[..self.sinks].fill(leftover);
            }
            row[self.sinks..].fill(ABSENT);
        }
    }

    /// Sets potentials near the optimal ones, from those of a coarser problem whose sinks are at `coarse_to`:
    /// u_i = min_J (c_iJ - v_J) over the coarse sinks J, v_j = min_i (c_ij - u_i).
    pub(crate) fn guess_potentials(
        &mut self,
        from: &Cloud,
        coarse: &mut Self,
        coarse_to: &Cloud,
        cost: &AngularUnits,
    ) {
        let kernel = self.kernel;
        let row = &mut coarse.penalty;
        row.fill(coarse.stride, ABSENT);
        let w = &coarse.potential[coarse.first_sink..];
        let (u_fine, w_fine) = self.potential.split_at_mut(self.first_sink);
        for (source, u) in u_fine[..self.sources].iter_mut().enumerate() {
            if source < from.len() {
                kernel.angular_row(from.point(source), &coarse_to.y, &coarse_to.phi, *cost, row);
                row[coarse_to.len()..coarse.sinks].fill(cost.leftover());
                row[coarse.sinks..].fill(ABSENT);
            } else {
                row[..coarse.sinks].fill(cost.leftover());
            }
            *u = kernel.row_minimum(row, w).1;
        }
        let rows = &self.units[..self.sources * self.stride];
        kernel.column_minima(rows, &u_fine[..self.sources], w_fine);
        for w in &mut w_fine[..self.sinks] {
            *w = -*w;
        }
        w_fine[self.sinks..].fill(0);
    }

    /// The potentials of all nodes, to be set.
    pub(crate) fn potential_mut(&mut self) -> &mut [i32] {
        &mut self.potential
    }

    /// Pivots for a reason found elsewhere; the potentials are left as they are.
    pub(crate) fn pivot(&mut self, source: usize, sink: usize) -> Moved {
        self.pivots += 1;
        self.kernel.pivot(&mut self.tree, source, self.first_sink + sink)
    }

    /// Supplies and demands as whole numbers of parts with equal sums, none 0.
    pub(crate) fn cut_into_parts(&mut self, supply: &[f64], demand: &[f64]) {
        self.parts.clear();
        let mut surplus = 0;
        for (masses, sign) in [(supply, 1), (demand, -1)] {
            let parts_per_mass = PARTS / compensated::sum(masses.iter().copied());
            for mass in masses {
                #[expect(clippy::cast_possible_truncation, reason = "at most 2^60")]
                let parts = ((mass * parts_per_mass + 0.5) as i64).max(1);
                surplus += sign * parts;
                self.parts.push(parts);
            }
            self.parts.resize(self.parts.len().next_multiple_of(LANES), 0);
        }
        // What rounding has left over, far less than a largest mass, goes to the largest of the smaller side.
        let (sources, sinks) = self.parts.split_at_mut(self.first_sink);
        let smaller = if surplus < 0 { sources } else { sinks };
        let largest = smaller.iter_mut().max().expect("each side holds a mass");
        *largest += surplus.abs();
    }

    /// A strongly feasible tree by the modified row-minimum rule, and its potentials.
    ///
    /// The rows take turns; each sends what it can to its cheapest open column. An allocation closes one line, the row or
    /// (also at a tie) the column, which becomes a child of the other. So a row may close without flow, a column never.
    pub(crate) fn start(&mut self) {
        self.penalty.fill(self.stride, 0);
        self.rows.clear();
        self.rows.extend((0..self.sources).map(number));
        self.allocate(true, Self::cheapest_column);
    }

    /// The same from potentials of the sinks that are near the optimal ones, as set: rows from light to heavy send all they have
    /// to where the reduced cost is lowest.
    ///
    /// `by_mass` are the rows by mass, without the one of what is left over, if there is one.
    pub(crate) fn start_from_potentials(&mut self, by_mass: &[u32]) {
        self.penalty.fill(self.stride, 0);
        self.penalty.copy_from_slice(&self.potential[self.first_sink..]);
        self.rows.clear();
        self.rows.extend(by_mass);
        if by_mass.len() < self.sources {
            let (parts, leftover) = (&self.parts, self.sources - 1);
            let place = by_mass.partition_point(|&row| parts[row as usize] <= parts[leftover]);
            self.rows.insert(place, number(leftover));
        }
        self.allocate(false, Self::cheapest_column);
    }

    /// The same as [`start`](Self::start) with costs that are known elsewhere, after the parts have been cut anew: `cheapest(source, closed)` is the column that
    /// costs least among those where `closed` is 0. The pivots made so far stay counted; the potentials are not set.
    pub(crate) fn start_by(&mut self, cheapest: impl Fn(usize, &[i32]) -> usize) {
        self.penalty.fill(self.stride, 0);
        self.rows.clear();
        self.rows.extend((0..self.sources).map(number));
        let pivots = self.pivots;
        self.allocate(true, |problem, source| cheapest(source, &problem.penalty));
        self.pivots = pivots;
    }

    fn cheapest_column(&self, source: usize) -> usize {
        let row = &self.units[source * self.stride..(source + 1) * self.stride];
        self.kernel.row_minimum(row, &self.penalty).0
    }

    fn allocate(&mut self, take_turns: bool, cheapest: impl Fn(&Self, usize) -> usize) {
        let Self { sources, sinks, first_sink, stride, .. } = *self;
        self.arcs.clear();
        let mut open_columns = sinks;
        let mut first = 0;
        let mut turn = 0;
        while self.rows.len() - first > 1 && open_columns > 1 {
            let source = self.rows[turn] as usize;
            let column = cheapest(self, source);
            let sink = first_sink + column;
            let (supply, demand) = (self.parts[source], self.parts[sink]);
            if supply < demand {
                self.arcs.push((number(source), number(sink), supply));
                self.parts[sink] -= supply;
                if take_turns {
                    // Not swap_remove: the order of turns stays that of the rows.
                    self.rows.remove(turn);
                } else {
                    first += 1;
                    turn = first;
                }
            } else {
                self.arcs.push((number(sink), number(source), demand));
                self.parts[source] -= demand;
                self.penalty[column] = ABSENT;
                open_columns -= 1;
                turn += usize::from(take_turns);
            }
            if turn >= self.rows.len() {
                turn = 0;
            }
        }
        // One line is left on one side: it is the root of all that is open on the other.
        let mut open =
            (0..sinks).filter(|&column| self.penalty[column] != ABSENT).map(|column| first_sink + column);
        let root = if open_columns == 1 {
            let root = number(open.next().expect("a column is open"));
            self.arcs.extend(self.rows[first..].iter().map(|&row| (row, root, self.parts[row as usize])));
            root
        } else {
            let root = self.rows[first];
            self.arcs.extend(open.map(|sink| (number(sink), root, self.parts[sink])));
            root
        };
        self.tree.build(&self.arcs, root, first_sink + sinks);
        self.pivots = 0;
        self.potential[root as usize] = 0;
        for &(node, parent, _) in self.arcs.iter().rev() {
            let (node, parent) = (node as usize, parent as usize);
            self.potential[node] = if node < sources {
                self.potential[parent].saturating_add(self.units[node * stride + parent - first_sink])
            } else {
                self.potential[parent].saturating_sub(self.units[parent * stride + node - first_sink])
            };
        }
    }

    /// Pivots until no arc has a negative reduced cost.
    ///
    /// Blocks of rows take turns; the best arc of a block enters.
    pub(crate) fn price(&mut self, max_pivots: usize) -> Priced {
        let Self { sources, first_sink, stride, kernel, .. } = *self;
        let blocks = sources.div_ceil(BLOCK);
        let (mut block, mut clean) = (0, 0);
        let mut room = self.room();
        if room < 0 {
            return Priced::OutOfRange;
        }
        while clean < blocks {
            let (u, w) = self.potential.split_at(first_sink);
            let (u, _) = u[block * BLOCK..].split_first_chunk().expect("potentials are padded to blocks");
            let rows = &self.units[block * BLOCK * stride..(block + 1) * BLOCK * stride];
            let found = kernel.price_block(rows, stride, u, w);
            if let Some(arc) = found {
                clean = 0;
                if self.pivots == max_pivots {
                    return Priced::OutOfPivots;
                }
                let shift = match self.pivot(block * BLOCK + arc.row, arc.column) {
                    Moved::Source => arc.reduced,
                    Moved::Sink => -arc.reduced,
                };
                room -= arc.reduced.abs();
                if room < 0 {
                    room = self.room() - arc.reduced.abs();
                    if room < 0 {
                        return Priced::OutOfRange;
                    }
                }
                kernel.add_where(&mut self.potential, self.tree.moved(), shift);
            } else {
                clean += 1;
            }
            block = if block + 1 == blocks { 0 } else { block + 1 };
        }
        Priced::Optimal
    }

    /// How much the potentials may still grow.
    fn room(&self) -> i32 {
        LARGEST_POTENTIAL - self.potential.iter().fold(0, |largest, p| largest.max(p.saturating_abs()))
    }

    /// Lists the arcs outside of the tree whose reduced cost is at most `limit` with the potentials as they are set.
    pub(crate) fn list_close_arcs(&mut self, limit: i32) {
        let Self { sources, first_sink, stride, kernel, .. } = *self;
        // Those of the tree, which are all that close, are hidden for the while: a scan that finds next to nothing is fast.
        self.hidden.clear();
        for node in (0..sources).chain(first_sink..first_sink + self.sinks) {
            let parent = self.tree.parent(number(node));
            if parent != NONE {
                let (source, sink) = (node.min(parent as usize), node.max(parent as usize) - first_sink);
                let place = source * stride + sink;
                self.hidden.push((place, self.units[place]));
                self.units[place] = ABSENT;
            }
        }
        self.close_arcs.clear();
        let (u, w) = self.potential.split_at(first_sink);
        kernel.arcs_at_most(&self.units[..sources * stride], &u[..sources], w, limit, &mut self.close_arcs);
        for &(place, units) in &self.hidden {
            self.units[place] = units;
        }
    }

    /// The arcs last listed: sources and sinks.
    pub(crate) fn close_arcs(&self) -> &[(u32, u32)] {
        &self.close_arcs
    }
}

fn number(node: usize) -> u32 {
    u32::try_from(node).expect("a matrix with 2^32 rows or columns does not fit into memory")
}
