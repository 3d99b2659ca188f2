//! Derivatives of the Energy Mover's Distance.

use hepml_core::{Error as CoreError, finite};

use crate::compensated;
use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::exact::emd::Emd;
use crate::ground_cost::GroundCost;

/// An [`Emd`] and its derivatives by every energy and every point of both events.
///
/// They follow from the optimum by the envelope theorem, at no more than the cost of [`Emd::solve`]. With its plan f and
/// potentials u, v and the ground cost c:
/// - by the energy of particle i of the first event: u_i; if normalised, (u_i - sum_k E_k u_k / E) / E with the total
///   energy E, as E_i / E depends on every energy;
/// - by its point: sum_j f_ij ∂c(x_i, x'_j)/∂x_i;
/// - likewise for the second event, with v_j and the derivative by the other point.
///
/// The EMD is differentiable almost everywhere. Where it is not, these are one of several answers:
/// - if several plans are optimal (two arrangements tie), that of one of them;
/// - if the totals are exactly equal, not normalised: there the surplus |E - E'| has its kink, and the derivatives by energies
///   lie between those on its two sides;
/// - for a particle without energy: the derivative for adding some. Its point has no influence, and the derivative 0;
/// - where energy stays in place (c of coinciding points): 0 for beta >= 1, which is the derivative for beta > 1 and a subgradient
///   for beta = 1; for beta < 1 the slope is infinite there, and 0 merely says that no direction is preferred.
///
/// In units of 1 (energies) and of energy per unit of y or phi (points); normalised, 1/energy and 1 per unit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EmdGradient {
    /// The EMD.
    pub value: f64,
    /// How much the value exceeds what the potentials prove, as [`Transport::gap`](crate::Transport::gap).
    pub gap: f64,
    /// The derivatives by the first event.
    pub first: EventGradient,
    /// The derivatives by the second event.
    pub second: EventGradient,
}

/// The derivatives of a quantity by the energies and points of an event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventGradient {
    /// By the energy of each particle.
    pub energies: Vec<f64>,
    /// By (y, phi) of each particle.
    pub points: Vec<[f64; 2]>,
}

impl<G: GroundCost> Emd<G> {
    /// EMD(a, b) and its derivatives by the energies and points of both events.
    ///
    /// # Errors
    /// [`Error::NoCostGradient`] for a ground cost that does not know its derivative (a closure); a derivative that
    /// is not finite, naming the particle; as [`solve`](Self::solve).
    ///
    /// ```
    /// use hepml_ot::{Emd, EnergyFlow};
    ///
    /// let a = EnergyFlow::from_rows(&[[3.0, 0.0, 0.0]])?;
    /// let b = EnergyFlow::from_rows(&[[2.0, 0.5, 0.0]])?;
    /// let gradient = Emd::default().gradient(&a, &b)?;
    /// assert_eq!(gradient.value, 2.0 * 0.5 + 1.0);
    /// // More energy on the left is more to destroy; on the right, it is moved instead.
    /// assert_eq!((gradient.first.energies[0], gradient.second.energies[0]), (1.0, 0.5 - 1.0));
    /// // Two units move: the points attract each other with strength 2.
    /// assert_eq!((gradient.first.points[0], gradient.second.points[0]), ([-2.0, 0.0], [2.0, 0.0]));
    /// # Ok::<(), hepml_ot::Error>(())
    /// ```
    pub fn gradient(&self, a: &EnergyFlow, b: &EnergyFlow) -> Result<EmdGradient> {
        let transport = self.solve(a, b)?;
        let energies = |flow: &EnergyFlow, potentials: Vec<f64>| {
            if self.is_normalised() {
                let total = flow.total_energy();
                let carried = flow.energies().iter().zip(&potentials).map(|(energy, u)| energy / total * u);
                let mean = compensated::sum(carried);
                potentials.iter().map(|u| (u - mean) / total).collect()
            } else {
                potentials
            }
        };
        let mut gradient = EmdGradient {
            value: transport.value,
            gap: transport.gap,
            first: EventGradient {
                energies: energies(a, transport.source_potentials),
                points: vec![[0.0; 2]; a.len()],
            },
            second: EventGradient {
                energies: energies(b, transport.sink_potentials),
                points: vec![[0.0; 2]; b.len()],
            },
        };
        let cost = self.ground_cost();
        // Also where nothing moves: whether there is a gradient must not depend on the events.
        let known = cost.cost_gradient([0.0; 2], [0.0; 2]).is_some();
        for flow in known.then_some(&transport.flows).ok_or(Error::NoCostGradient)? {
            let (from, to) = (a.points()[flow.from], b.points()[flow.to]);
            let by_from = cost.cost_gradient(from, to).ok_or(Error::NoCostGradient)?;
            let by_to = cost.cost_gradient_to(from, to).ok_or(Error::NoCostGradient)?;
            for axis in 0..2 {
                gradient.first.points[flow.from][axis] += flow.amount * by_from[axis];
                gradient.second.points[flow.to][axis] += flow.amount * by_to[axis];
            }
        }
        gradient.first.check_finite()?;
        gradient.second.check_finite()?;
        Ok(gradient)
    }
}

impl EventGradient {
    fn check_finite(&self) -> Result<()> {
        for (particle, (&energy, point)) in self.energies.iter().zip(&self.points).enumerate() {
            finite("derivative by the energy", energy)
                .and_then(|_| finite("derivative by the rapidity", point[0]))
                .and_then(|_| finite("derivative by the azimuth", point[1]))
                .map_err(|error: CoreError| error.at_particle(particle))?;
        }
        Ok(())
    }
}
