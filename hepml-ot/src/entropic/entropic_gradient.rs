//! Derivatives of what entropy has smoothed.

use hepml_core::{Error as CoreError, finite};

use crate::compensated;
use crate::energy_flow::EnergyFlow;
use crate::entropic::sinkhorn_workspace::{SinkhornWorkspace, Solved};
use crate::error::{Error, Result};
use crate::exact::EventGradient;
use crate::ground_cost::GroundCost;

/// A value and its derivatives by every energy and every point of both events.
///
/// Exact up to the residual of the iteration, not differences; unlike those of the exact EMD they change smoothly with the events as
/// long as the cost does: where particles coincide and the cost has a kink (beta <= 1), the two neither attract nor repel. The derivative by the energy of a particle that has none is that of giving it some; its point has no influence, and the
/// derivative 0.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EntropicGradient {
    /// The value.
    pub value: f64,
    /// The derivatives by the first event.
    pub first: EventGradient,
    /// The derivatives by the second event.
    pub second: EventGradient,
}

impl EntropicGradient {
    /// Derivatives by energies; those by points are to follow.
    pub(crate) fn new(value: f64, first: Vec<f64>, second: Vec<f64>) -> Self {
        let event = |energies: Vec<f64>| EventGradient { points: vec![[0.0; 2]; energies.len()], energies };
        Self { value, first: event(first), second: event(second) }
    }

    /// Adds the derivatives of the cost of the plan in the workspace by the points, times a factor for each event.
    pub(crate) fn add_plan<G: GroundCost>(
        &mut self,
        workspace: &SinkhornWorkspace,
        solved: &Solved,
        cost: &G,
        [a, b]: [&[[f64; 2]]; 2],
        [by_first, by_second]: [f64; 2],
    ) -> Result<()> {
        // Also where nothing moves: whether there is a gradient must not depend on the events.
        let mut known = cost.cost_gradient([0.0; 2], [0.0; 2]).is_some();
        workspace.for_each_entry(solved, |i, j, amount| {
            if amount == 0.0 {
                return;
            }
            let (Some(by_from), Some(by_to)) =
                (cost.cost_gradient(a[i], b[j]), cost.cost_gradient_to(a[i], b[j]))
            else {
                known = false;
                return;
            };
            for axis in 0..2 {
                if by_first != 0.0 {
                    self.first.points[i][axis] += by_first * amount * by_from[axis];
                }
                if by_second != 0.0 {
                    self.second.points[j][axis] += by_second * amount * by_to[axis];
                }
            }
        });
        if known { Ok(()) } else { Err(Error::NoCostGradient) }
    }

    /// All of it finite.
    pub(crate) fn checked(self) -> Result<Self> {
        for event in [&self.first, &self.second] {
            for (particle, (&energy, point)) in event.energies.iter().zip(&event.points).enumerate() {
                finite("derivative by the energy", energy)
                    .and_then(|_| finite("derivative by the rapidity", point[0]))
                    .and_then(|_| finite("derivative by the azimuth", point[1]))
                    .map_err(|error: CoreError| error.at_particle(particle))?;
            }
        }
        Ok(self)
    }
}

/// Derivatives by energies from those by shares E_i / E, each of which depends on every energy.
pub(crate) fn of_shares(flow: &EnergyFlow, slopes: &[f64]) -> Vec<f64> {
    let total = flow.total_energy();
    // The slope of a particle without energy may be infinite.
    let massive = flow.energies().iter().zip(slopes).filter(|(energy, _)| **energy > 0.0);
    let mean = compensated::sum(massive.map(|(energy, slope)| energy / total * slope));
    slopes.iter().map(|slope| (slope - mean) / total).collect()
}
