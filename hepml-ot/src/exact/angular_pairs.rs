//! The costs between the particles of two events.

use crate::exact::cloud::Cloud;
use crate::exact::simplex::{CostMatrix, Costs};
use crate::ground_cost::AngularCost;

/// (theta/R)^beta between the particles with energy of two events, and the cost of what is left over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AngularPairs<'a> {
    pub(crate) cost: &'a AngularCost,
    pub(crate) from: &'a Cloud,
    pub(crate) to: &'a Cloud,
    pub(crate) leftover: f64,
}

/// The power above which most distances can cost next to nothing of what the largest does.
const STEEP: f64 = 4.0;

impl Costs for AngularPairs<'_> {
    const NOT_NEGATIVE: bool = true;
    const ARE_IN_MATRIX: bool = false;

    fn are_steep(&self) -> bool {
        self.cost.beta() > STEEP
    }

    #[inline]
    fn cost(&self, _matrix: &CostMatrix, source: usize, sink: usize) -> f64 {
        if source < self.from.masses.len() && sink < self.to.masses.len() {
            self.cost.plain_cost(self.from.point(source), self.to.point(sink))
        } else {
            self.leftover
        }
    }

    fn fill(&self, matrix: &mut CostMatrix, [sources, sinks, stride]: [usize; 3]) {
        matrix.reset([sources, sinks, stride]);
        for source in 0..sources {
            for sink in 0..sinks {
                let cost = self.cost(matrix, source, sink);
                matrix.row_mut(source)[sink] = cost;
            }
        }
    }
}
