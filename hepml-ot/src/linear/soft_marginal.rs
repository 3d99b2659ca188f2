//! Optimal transport whose marginals are kept to at a price.

use crate::compensated;
use crate::error::{Error, Result};

/// Flows of a total of about 1 that are above the negative of this are 0 but for the rounding of sums along the tree.
const FLOW_ROUNDING: f64 = 1e-14;
/// By which fraction costs are made different while the solver runs, so that ties do not make it go round in circles.
const TIE_BREAKING: f64 = 1e-13;
/// The gap, in units of the square root of the product of the totals, above which a result is refused.
///
/// Rounding and broken ties give some 1e-15; anything near this limit is a defect of the solver.
const GAP_LIMIT: f64 = 1e-10;

/// The memory and the state of the solver of
///
/// min_f sum_ij f_ij c_ij + KL(f 1 | a) + KL(fᵀ 1 | b), f >= 0, with KL(p | a) = sum_i p_i ln(p_i/a_i) - p_i + a_i,
///
/// for totals sum a = sum b = 1 and costs c_ij >= 0, which may be infinite. Its dual is
/// max sum_i a_i (1 - e^(-u_i)) + sum_j b_j (1 - e^(-v_j)) with u_i + v_j <= c_ij, and f 1 = a e^(-u), fᵀ 1 = b e^(-v).
///
/// The method is exact: an active set of tight constraints u_i + v_j = c_ij, which is a forest. On each of its trees one number
/// is free, what u gains and v loses, and its best value is known: that which makes both sides send equally much.
/// A tree moves there, or until another constraint becomes tight and makes two trees one; on a tree that is in
/// balance the flows follow from the leaves, and the most negative of them, if any, tells which constraint to let go. Each
/// such step increases the dual, so that there are finitely many.
#[derive(Debug, Clone, Default)]
pub(crate) struct SoftMarginal {
    sources: usize,
    sinks: usize,
    /// Row after row, as given.
    cost: Vec<f64>,
    /// Column after column, with ties broken; then row after row.
    by_sink: Vec<f64>,
    by_source: Vec<f64>,
    mass: Vec<f64>,
    /// Of the sources, then of the sinks.
    potential: Vec<f64>,
    neighbours: Vec<Vec<usize>>,
    tree: Tree,
    steps: usize,
}

/// The nodes of a tree of the forest, each after its parent.
#[derive(Debug, Clone, Default)]
struct Tree {
    nodes: Vec<usize>,
    /// By position in `nodes`: the position of the parent; the root's is its own.
    parents: Vec<usize>,
    /// By node.
    inside: Vec<bool>,
    /// By position in `nodes`: what the node's subtree sends (sources) less what it receives (sinks).
    surplus: Vec<f64>,
    /// The other side's potentials outside of the tree, infinite inside.
    others: Vec<f64>,
}

/// The steps ran out.
struct OutOfSteps;

/// The optimum.
#[derive(Debug, Clone, Default)]
pub(crate) struct SoftPlan {
    /// The minimum.
    pub(crate) value: f64,
    /// The cost of the plan less the dual value of feasible potentials.
    pub(crate) gap: f64,
    pub(crate) steps: usize,
    /// (source, sink, amount), positive.
    pub(crate) flows: Vec<(usize, usize, f64)>,
    /// e^(-u) and e^(-v): what is sent and received per mass; 0 for what no finite cost reaches.
    pub(crate) sent: Vec<f64>,
    pub(crate) received: Vec<f64>,
}

impl SoftMarginal {
    /// Solves the problem for positive masses; `cost(i, j)` is not NaN.
    pub(crate) fn solve(
        &mut self,
        a: &[f64],
        b: &[f64],
        mut cost: impl FnMut(usize, usize) -> f64,
        max_steps: Option<usize>,
    ) -> Result<SoftPlan> {
        let (n, m) = (a.len(), b.len());
        (self.sources, self.sinks, self.steps) = (n, m, 0);
        self.cost.clear();
        self.cost.extend((0..n * m).map(|k| cost(k / m, k % m)));
        self.mass.clear();
        self.mass.extend(a.iter().chain(b));
        self.break_ties();
        self.start();
        let limit = max_steps.unwrap_or(1000 + 100 * (n + m));
        if self.optimise(limit).is_err() {
            let SoftPlan { flows, gap, .. } = self.read_off();
            let value = self.primal(&flows);
            return Err(Error::NotConverged { pivots: limit, from: n, to: m, value, gap });
        }
        let mut plan = self.read_off();
        if plan.gap.is_nan() || plan.gap > GAP_LIMIT {
            return Err(Error::NotCertified { gap: plan.gap, limit: GAP_LIMIT });
        }
        // The minimum is not negative; its rounding may be.
        plan.value = plan.value.max(0.0);
        Ok(plan)
    }

    fn optimise(&mut self, limit: usize) -> Result<(), OutOfSteps> {
        let (n, m) = (self.sources, self.sinks);
        // Trees that may be out of balance, or have a negative flow, each by one of its nodes.
        let mut open: Vec<usize> = (0..n + m).rev().collect();
        let mut done = vec![false; n + m];
        while let Some(node) = open.pop() {
            if done[node] || !self.potential[node].is_finite() {
                continue;
            }
            self.balance(node, limit)?;
            if let Some((child, parent)) = self.most_negative_flow() {
                self.tree.nodes.iter().for_each(|&node| done[node] = false);
                self.neighbours[child].retain(|&node| node != parent);
                self.neighbours[parent].retain(|&node| node != child);
                open.extend([child, parent]);
                self.count_step(limit)?;
            } else {
                self.tree.nodes.iter().for_each(|&node| done[node] = true);
            }
        }
        Ok(())
    }

    fn count_step(&mut self, limit: usize) -> Result<(), OutOfSteps> {
        self.steps += 1;
        if self.steps <= limit { Ok(()) } else { Err(OutOfSteps) }
    }

    fn break_ties(&mut self) {
        let (n, m) = (self.sources, self.sinks);
        let finite = || self.cost.iter().filter(|cost| cost.is_finite());
        let mean = finite().sum::<f64>() / finite().count().max(1) as f64;
        // Never more than the cost, so that potentials are feasible for the cost itself. Any irregular sequence will do.
        let golden = 0.618_033_988_749_894_9_f64;
        let broken = |k: usize| {
            let fraction = (golden * (k + 1) as f64).fract();
            self.cost[k] - TIE_BREAKING * (0.5 + 0.5 * fraction * fraction) * (self.cost[k].min(1e300) + mean)
        };
        self.by_source.clear();
        self.by_source.extend((0..n * m).map(broken));
        self.by_sink.clear();
        self.by_sink.extend((0..n * m).map(|k| self.by_source[(k % n) * m + k / n]));
    }

    /// Feasible potentials: half of what it costs each source to reach its nearest sink, and all that is left of it
    /// for the sinks. What no finite cost reaches has an infinite potential.
    fn start(&mut self) {
        let (n, m) = (self.sources, self.sinks);
        let least = |costs: &[f64]| costs.iter().copied().fold(f64::INFINITY, f64::min);
        self.potential.clear();
        self.potential.extend((0..n).map(|i| 0.5 * least(&self.by_source[i * m..(i + 1) * m])));
        self.neighbours.truncate(n + m);
        self.neighbours.iter_mut().for_each(Vec::clear);
        self.neighbours.resize(n + m, Vec::new());
        for j in 0..m {
            let column = &self.by_sink[j * n..(j + 1) * n];
            let mut nearest = (f64::INFINITY, None);
            for (i, cost) in column.iter().enumerate().filter(|(_, cost)| cost.is_finite()) {
                let slack = cost - self.potential[i];
                if slack < nearest.0 {
                    nearest = (slack, Some(i));
                }
            }
            self.potential.push(nearest.0);
            if let Some(i) = nearest.1 {
                self.neighbours[i].push(n + j);
                self.neighbours[n + j].push(i);
            }
        }
        self.tree.nodes.clear();
        self.tree.inside.clear();
        self.tree.inside.resize(n + m, false);
    }

    /// Moves the tree of a node into balance, with all that it takes up on the way.
    fn balance(&mut self, node: usize, limit: usize) -> Result<(), OutOfSteps> {
        loop {
            self.tree.grow(node, &self.neighbours);
            let sent = |sources: bool| {
                let mine = self.tree.nodes.iter().filter(|&&node| (node < self.sources) == sources);
                mine.map(|&node| self.mass[node] * (-self.potential[node]).exp()).sum::<f64>()
            };
            let (sent, received) = (sent(true), sent(false));
            let shift = 0.5 * (sent.ln() - received.ln());
            let blocked = if shift > 0.0 {
                self.first_tight(true, shift)
            } else if shift < 0.0 {
                self.first_tight(false, -shift)
            } else {
                None
            };
            let size = blocked.map_or(shift.abs(), |(size, ..)| size);
            let shift = size.copysign(shift);
            for &node in &self.tree.nodes {
                self.potential[node] += if node < self.sources { shift } else { -shift };
            }
            let Some((_, inside, outside)) = blocked else { return Ok(()) };
            self.neighbours[inside].push(outside);
            self.neighbours[outside].push(inside);
            self.count_step(limit)?;
        }
    }

    /// The constraint between the tree's sources (or sinks) and what is outside of it that has the least slack, if that is
    /// below `limit`: (slack, node of the tree, node outside).
    fn first_tight(&mut self, rising_sources: bool, limit: f64) -> Option<(f64, usize, usize)> {
        let (n, m) = (self.sources, self.sinks);
        let (costs, own, other, width) = if rising_sources {
            (&self.by_source, 0..n, n..n + m, m)
        } else {
            (&self.by_sink, n..n + m, 0..n, n)
        };
        let Tree { nodes, inside, others, .. } = &mut self.tree;
        others.clear();
        // What is inside, or out of all reach, is never in the way.
        others.extend(other.clone().map(|node| {
            let potential = self.potential[node];
            if inside[node] || !potential.is_finite() { f64::NEG_INFINITY } else { potential }
        }));
        let mut best = (limit, None);
        for &node in nodes.iter().filter(|node| own.contains(node)) {
            let row = &costs[(node - own.start) * width..][..width];
            let potential = self.potential[node];
            let reached = best.0 + potential;
            let least = row.iter().zip(&*others).fold(f64::INFINITY, |least, (cost, other)| {
                let slack = cost - other;
                if slack < least { slack } else { least }
            });
            if least < reached {
                let at = row.iter().zip(&*others).position(|(cost, other)| cost - other == least);
                best = (least - potential, at.map(|at| (node, other.start + at)));
            }
        }
        // Rounding can make a tight constraint look violated.
        best.1.map(|(node, other)| (best.0.max(0.0), node, other))
    }

    /// The edge (child, parent) of the tree that would have to carry most backwards, if any would.
    fn most_negative_flow(&mut self) -> Option<(usize, usize)> {
        self.find_surplus();
        let tree = &self.tree;
        let mut worst = (-FLOW_ROUNDING, None);
        for position in 1..tree.nodes.len() {
            let flow = self.flow_to_parent(position);
            if flow < worst.0 {
                worst = (flow, Some((tree.nodes[position], tree.nodes[tree.parents[position]])));
            }
        }
        worst.1
    }

    /// From source to sink along the edge between the node at a position and its parent.
    fn flow_to_parent(&self, position: usize) -> f64 {
        let surplus = self.tree.surplus[position];
        if self.tree.nodes[position] < self.sources { surplus } else { -surplus }
    }

    fn find_surplus(&mut self) {
        let Tree { nodes, parents, surplus, .. } = &mut self.tree;
        surplus.clear();
        surplus.extend(nodes.iter().map(|&node| {
            let amount = self.mass[node] * (-self.potential[node]).exp();
            if node < self.sources { amount } else { -amount }
        }));
        for position in (1..nodes.len()).rev() {
            surplus[parents[position]] += surplus[position];
        }
    }

    /// The plan on the forest that was found, with the costs as they were given, and what it is worth.
    fn read_off(&mut self) -> SoftPlan {
        let (n, m) = (self.sources, self.sinks);
        let mut plan = SoftPlan { steps: self.steps, ..SoftPlan::default() };
        let mut seen = vec![false; n + m];
        for root in 0..n + m {
            if seen[root] || !self.potential[root].is_finite() {
                continue;
            }
            self.tree.grow(root, &self.neighbours);
            // Not what broken ties have made of it: equal events are to have potentials that are exactly 0.
            self.potential[root] = 0.0;
            for position in 1..self.tree.nodes.len() {
                let (node, parent) =
                    (self.tree.nodes[position], self.tree.nodes[self.tree.parents[position]]);
                let edge = if node < n { node * m + (parent - n) } else { parent * m + (node - n) };
                self.potential[node] = self.cost[edge] - self.potential[parent];
            }
            let total = |sources: bool| {
                let mine = self.tree.nodes.iter().filter(|&&node| (node < n) == sources);
                compensated::sum(mine.map(|&node| self.mass[node] * (-self.potential[node]).exp()))
            };
            let shift = 0.5 * (total(true).ln() - total(false).ln());
            for &node in &self.tree.nodes {
                seen[node] = true;
                self.potential[node] += if node < n { shift } else { -shift };
            }
            self.find_surplus();
            for position in 1..self.tree.nodes.len() {
                let (node, parent) =
                    (self.tree.nodes[position], self.tree.nodes[self.tree.parents[position]]);
                let amount = self.flow_to_parent(position);
                if amount > 0.0 {
                    plan.flows.push((node.min(parent), node.max(parent) - n, amount));
                }
            }
        }
        plan.flows.sort_unstable_by_key(|&(i, j, _)| (i, j));
        plan.sent = self.potential[..n].iter().map(|u| (-u).exp()).collect();
        plan.received = self.potential[n..].iter().map(|v| (-v).exp()).collect();
        plan.value = self.dual(0.0);
        let excess = (0..n * m).map(|k| self.potential[k / m] + self.potential[n + k % m] - self.cost[k]);
        // Infinite potentials only stand where the cost is infinite.
        let excess = excess.filter(|excess| !excess.is_nan()).fold(0.0, f64::max);
        plan.gap = self.primal(&plan.flows) - self.dual(excess);
        plan
    }

    /// The dual value of potentials of which those of the sinks are lowered by `excess`.
    fn dual(&self, excess: f64) -> f64 {
        compensated::sum(self.mass.iter().zip(&self.potential).enumerate().map(
            |(node, (mass, potential))| {
                let lowered = if node < self.sources { *potential } else { potential - excess };
                -mass * (-lowered).exp_m1()
            },
        ))
    }

    fn primal(&self, flows: &[(usize, usize, f64)]) -> f64 {
        let mut sums = vec![0.0; self.mass.len()];
        for &(i, j, amount) in flows {
            sums[i] += amount;
            sums[self.sources + j] += amount;
        }
        let moved = flows.iter().map(|&(i, j, amount)| amount * self.cost[i * self.sinks + j]);
        let kept =
            sums.iter().zip(&self.mass).map(|(&sum, &mass)| mass * kept_to(sum / mass, (sum - mass) / mass));
        compensated::sum(moved.chain(kept))
    }
}

/// x ln x - x + 1 of a ratio x and x - 1: near 1, where it is (x - 1)²/2, to a rounding of x - 1, not of 1.
fn kept_to(ratio: f64, excess: f64) -> f64 {
    if ratio == 0.0 {
        1.0
    } else if excess.abs() < 0.5 {
        (1.0 + excess) * excess.ln_1p() - excess
    } else {
        ratio * ratio.ln() - excess
    }
}

impl Tree {
    /// Becomes the tree of `root` in the forest.
    fn grow(&mut self, root: usize, neighbours: &[Vec<usize>]) {
        self.nodes.iter().for_each(|&node| self.inside[node] = false);
        self.nodes.clear();
        self.parents.clear();
        self.nodes.push(root);
        self.parents.push(0);
        self.inside[root] = true;
        let mut position = 0;
        while position < self.nodes.len() {
            for &node in &neighbours[self.nodes[position]] {
                if !self.inside[node] {
                    self.inside[node] = true;
                    self.nodes.push(node);
                    self.parents.push(position);
                }
            }
            position += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_its_digits() {
        for excess in [-0.5_f64, 0.5] {
            let (inside, outside) =
                (kept_to(1.0 + excess, excess * (1.0 - f64::EPSILON)), kept_to(1.0 + excess, excess));
            assert!((inside - outside).abs() < 4.0 * f64::EPSILON, "{inside} {outside}");
        }
        assert_eq!((kept_to(1.0, 0.0), kept_to(0.0, -1.0)), (0.0, 1.0));
        assert!((kept_to(1.0 + 1e-9, 1e-9) / 0.5e-18 - 1.0).abs() < 1e-6);
    }
}
