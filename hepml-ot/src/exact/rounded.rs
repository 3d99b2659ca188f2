//! The transportation problem in integers, where the simplex finds most of its way.
//!
//! Costs and potentials are whole numbers of units, [`UNITS`] of them the largest |cost|, and flows are whole numbers of parts, [`PARTS`]
//! the total: nothing drifts, ties are ties, and a reduced cost is negative or not. What is left to do after the costs
//! have been rounded so is seen by `simplex`, in f64.

use crate::compensated;
use crate::exact::cloud::Cloud;
use crate::exact::kernel::{
    ABSENT, Aligned, AngularUnits, BLOCK, BlockArc, Kernel, LANES, LARGEST_POTENTIAL,
};
use crate::exact::tree::{Moved, NONE, Tree};

/// The units of the largest |cost|: far enough below the ends of i32 for the potentials, sums of many costs.
pub(crate) const UNITS: f64 = (1_u32 << 25) as f64;
/// The parts into which the total is cut: sums and differences of flows stay far from the ends of i64.
const PARTS: f64 = (1_u64 << 60) as f64;

/// For so many columns one more arc of each block enters, up to the most.
const COLUMNS_PER_ARC: usize = 192;
const MOST_ARCS: usize = 5;

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
    /// Of node `i`: what it adds to the costs while a tree is started, and [`ABSENT`] once it is closed.
    penalty: Aligned,
    /// The costs column by column.
    transposed: Aligned,
    columns: Vec<u32>,
    lines: Vec<u32>,
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
        self.pivots = 0;
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
        self.take_turns(Self::cheapest_column);
    }

    /// The same from potentials near the optimal ones, as set: rows and columns from light to heavy move all they have to where the
    /// reduced cost is lowest.
    ///
    /// `by_mass` are the rows and the columns by mass, without that of what is left over, if there is one.
    pub(crate) fn start_from_potentials(&mut self, by_mass: [&[u32]; 2]) {
        let Self { sources, sinks, first_sink, stride, kernel, .. } = *self;
        self.penalty.clone_from(&self.potential);
        for penalty in &mut self.penalty[..sources] {
            *penalty = -*penalty;
        }
        self.transposed.resize(stride * first_sink);
        kernel.transpose(&self.units[..sources * stride], stride, &mut self.transposed, first_sink);
        self.order_lines(by_mass);

        self.arcs.clear();
        let mut open = [sources, sinks];
        let mut next = 0;
        while open[0] > 1 && open[1] > 1 {
            let line = self.lines[next] as usize;
            if self.penalty[line] == ABSENT {
                next += 1;
                continue;
            }
            let (source, sink) = if line < first_sink {
                (line, first_sink + self.cheapest_column(line))
            } else {
                let column = &self.transposed[(line - first_sink) * first_sink..][..first_sink];
                (kernel.row_minimum(column, &self.penalty[..first_sink]).0, line)
            };
            let closed = self.allocate(source, sink);
            self.penalty[closed] = ABSENT;
            open[usize::from(closed >= first_sink)] -= 1;
        }
        self.rows.clear();
        self.rows.extend((0..sources).filter(|&row| self.penalty[row] != ABSENT).map(number));
        self.hang_open_lines();
    }

    /// Lists all nodes from light to heavy; see [`start_from_potentials`](Self::start_from_potentials).
    fn order_lines(&mut self, [rows, columns]: [&[u32]; 2]) {
        let parts = &self.parts;
        let list_side = |list: &mut Vec<u32>, by_mass: &[u32], first: usize, count: usize| {
            let first = number(first);
            list.clear();
            list.extend(by_mass.iter().map(|line| first + line));
            if by_mass.len() < count {
                let leftover = first + number(by_mass.len());
                let place = list.partition_point(|&line| parts[line as usize] <= parts[leftover as usize]);
                list.insert(place, leftover);
            }
        };
        list_side(&mut self.rows, rows, 0, self.sources);
        list_side(&mut self.columns, columns, self.first_sink, self.sinks);
        self.lines.clear();
        let mut columns = self.columns.iter().copied().peekable();
        for &row in &self.rows {
            while let Some(column) = columns.next_if(|&column| parts[column as usize] < parts[row as usize]) {
                self.lines.push(column);
            }
            self.lines.push(row);
        }
        self.lines.extend(columns);
    }

    /// The same as [`start`](Self::start) with costs that are known elsewhere, after the parts have been cut anew: `cheapest(source, closed)` is the column that
    /// costs least among those where `closed` is 0. The pivots made so far stay counted; the potentials are not set.
    pub(crate) fn start_by(&mut self, cheapest: impl Fn(usize, &[i32]) -> usize) {
        let pivots = self.pivots;
        let first_sink = self.first_sink;
        self.take_turns(|problem, source| cheapest(source, &problem.penalty[first_sink..]));
        self.pivots = pivots;
    }

    fn cheapest_column(&self, source: usize) -> usize {
        let row = &self.units[source * self.stride..(source + 1) * self.stride];
        self.kernel.row_minimum(row, &self.penalty[self.first_sink..]).0
    }

    fn take_turns(&mut self, cheapest: impl Fn(&Self, usize) -> usize) {
        let Self { sources, sinks, first_sink, stride, .. } = *self;
        self.penalty.fill(first_sink + stride, 0);
        self.rows.clear();
        self.rows.extend((0..sources).map(number));
        self.arcs.clear();
        let mut open_columns = sinks;
        let mut turn = 0;
        while self.rows.len() > 1 && open_columns > 1 {
            let source = self.rows[turn] as usize;
            let sink = first_sink + cheapest(self, source);
            if self.allocate(source, sink) == source {
                // Not swap_remove: the order of turns stays that of the rows.
                self.rows.remove(turn);
            } else {
                self.penalty[sink] = ABSENT;
                open_columns -= 1;
                turn += 1;
            }
            if turn == self.rows.len() {
                turn = 0;
            }
        }
        self.hang_open_lines();
    }

    /// Moves what can be moved between two open lines; which of them that has closed.
    fn allocate(&mut self, source: usize, sink: usize) -> usize {
        let (supply, demand) = (self.parts[source], self.parts[sink]);
        if supply < demand {
            self.arcs.push((number(source), number(sink), supply));
            self.parts[sink] -= supply;
            source
        } else {
            self.arcs.push((number(sink), number(source), demand));
            self.parts[source] -= demand;
            sink
        }
    }

    /// The last line of one side is the root of all that are open on the other, the `rows` and the columns with a penalty that is not [`ABSENT`];
    /// with these arcs the tree is complete.
    fn hang_open_lines(&mut self) {
        let Self { sources, sinks, first_sink, stride, .. } = *self;
        let mut open = (first_sink..first_sink + sinks).filter(|&sink| self.penalty[sink] != ABSENT);
        let root = if let &[root] = &self.rows[..] {
            self.arcs.extend(open.map(|sink| (number(sink), root, self.parts[sink])));
            root
        } else {
            let root = number(open.next().expect("a column is open"));
            self.arcs.extend(self.rows.iter().map(|&row| (row, root, self.parts[row as usize])));
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

    /// The modulus of what a unit of mass costs, in units, on average in the plan of the tree that has just been started.
    pub(crate) fn mean_cost_of_start(&self) -> f64 {
        let Self { sources, first_sink, stride, .. } = *self;
        let cost = |&(node, parent, parts): &(u32, u32, i64)| {
            let (node, parent) = (node as usize, parent as usize);
            let (source, sink) = if node < sources { (node, parent) } else { (parent, node) };
            parts as f64 * f64::from(self.units[source * stride + sink - first_sink]).abs()
        };
        self.arcs.iter().map(cost).sum::<f64>() / PARTS
    }

    /// Pivots until no arc has a negative reduced cost.
    ///
    /// Blocks of rows take turns; the best arcs of a block enter, see [`arcs_of_block`].
    pub(crate) fn price(&mut self, max_pivots: usize) -> Priced {
        let Self { sources, first_sink, stride, kernel, .. } = *self;
        let blocks = sources.div_ceil(BLOCK);
        let (mut block, mut clean) = (0, 0);
        let mut room = self.room();
        if room < 0 {
            return Priced::OutOfRange;
        }
        let mut arcs = [BlockArc::default(); MOST_ARCS];
        let wanted = arcs_of_block(stride);
        while clean < blocks {
            let (u, w) = self.potential.split_at(first_sink);
            let (u, _) = u[block * BLOCK..].split_first_chunk().expect("potentials are padded to blocks");
            let rows = &self.units[block * BLOCK * stride..(block + 1) * BLOCK * stride];
            let (best, found) = if wanted == 1 {
                (kernel.price_block(rows, stride, u, w), 1)
            } else {
                let found = kernel.price_rows(rows, stride, u, w, &mut arcs[..wanted]);
                (arcs[..found].first().copied(), found)
            };
            if let Some(arc) = best {
                clean = 0;
                if self.pivots == max_pivots {
                    return Priced::OutOfPivots;
                }
                if !self.enter(block * BLOCK + arc.row, arc.column, arc.reduced, &mut room) {
                    return Priced::OutOfRange;
                }
                if found > 1
                    && let Some(stopped) = self.enter_more(&arcs[1..found], block, max_pivots, &mut room)
                {
                    return stopped;
                }
            } else {
                clean += 1;
            }
            block = if block + 1 == blocks { 0 } else { block + 1 };
        }
        Priced::Optimal
    }

    /// Pivots on further arcs of a block of which the best has entered, as far as their reduced costs are still negative; why the pricing stops, if it does.
    #[inline(never)]
    fn enter_more(
        &mut self,
        arcs: &[BlockArc],
        block: usize,
        max_pivots: usize,
        room: &mut i32,
    ) -> Option<Priced> {
        for arc in arcs {
            let (source, sink) = (block * BLOCK + arc.row, arc.column);
            let cost = self.units[source * self.stride + sink];
            let reduced = cost + self.potential[self.first_sink + sink] - self.potential[source];
            if reduced >= 0 {
                continue;
            }
            if self.pivots == max_pivots {
                return Some(Priced::OutOfPivots);
            }
            if !self.enter(source, sink, reduced, room) {
                return Some(Priced::OutOfRange);
            }
        }
        None
    }

    /// Pivots on an arc of the given negative reduced cost; whether the potentials have stayed in their range, where there was so much room.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "half of the time goes by here")]
    fn enter(&mut self, source: usize, sink: usize, reduced: i32, room: &mut i32) -> bool {
        let shift = match self.pivot(source, sink) {
            Moved::Source => reduced,
            Moved::Sink => -reduced,
        };
        *room -= reduced.abs();
        if *room < 0 {
            *room = self.room() - reduced.abs();
            if *room < 0 {
                return false;
            }
        }
        self.kernel.add_where(&mut self.potential, self.tree.moved(), shift);
        true
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

/// The arcs of a block that enter, one a row, before the next block is priced, for so many columns.
///
/// The best one alone makes the fewest pivots. But long rows come from beyond the nearest memory, and pricing a block of them takes longer than
/// a pivot.
fn arcs_of_block(columns: usize) -> usize {
    (1 + columns / COLUMNS_PER_ARC).min(MOST_ARCS)
}

fn number(node: usize) -> u32 {
    u32::try_from(node).expect("a matrix with 2^32 rows or columns does not fit into memory")
}
