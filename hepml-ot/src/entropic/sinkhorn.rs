//! Sinkhorn's algorithm: its parameters, and cost matrices of one's own.

use hepml_core::Error as CoreError;
use hepml_core::ndarray::ArrayRef2;

use crate::entropic::entropic_transport::EntropicTransport;
use crate::entropic::sinkhorn_workspace::{Masses, SinkhornWorkspace};
use crate::error::{Error, Result};
use crate::line::checked_total;

/// Totals of a balanced problem must agree to this fraction of the larger, as for [`TransportProblem`](crate::TransportProblem).
const BALANCE: f64 = 1e-9;

/// The parameters of [`Sinkhorn`]: epsilon = 0.01, balanced, residual 1e-9, at most 10000 iterations, unless set otherwise.
///
/// ```
/// use hepml_ot::SinkhornConfig;
///
/// let sinkhorn = SinkhornConfig::new().epsilon(0.05).relaxation(0.5).build()?;
/// assert_eq!((sinkhorn.epsilon(), sinkhorn.relaxation()), (0.05, Some(0.5)));
/// assert!(SinkhornConfig::new().epsilon(0.0).build().is_err());
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SinkhornConfig {
    epsilon: f64,
    relaxation: Option<f64>,
    mass_unit: f64,
    tolerance: f64,
    max_iterations: usize,
    scaling: f64,
}

impl Default for SinkhornConfig {
    fn default() -> Self {
        Self {
            epsilon: 0.01,
            relaxation: None,
            mass_unit: 1.0,
            tolerance: 1e-9,
            max_iterations: 10_000,
            scaling: 0.2,
        }
    }
}

impl SinkhornConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The strength of the entropy, in the unit of the costs: particles closer than this are not told apart.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Relaxes the marginals: a particle may lose or gain energy at the price rho times the Kullback-Leibler divergence, rho in
    /// the unit of the costs. Without it all energy is moved.
    #[must_use]
    pub fn relaxation(mut self, rho: f64) -> Self {
        self.relaxation = Some(rho);
        self
    }

    /// The mass M that counts as 1 where marginals are relaxed (see [`Sinkhorn`]): the unit in which entropies of measures that are
    /// not normalised are had. 1 unless set; balanced problems do not depend on it.
    #[must_use]
    pub fn mass_unit(mut self, mass: f64) -> Self {
        self.mass_unit = mass;
        self
    }

    /// The residual at which the iteration has converged.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The passes over the cost matrix after which the iteration is given up.
    #[must_use]
    pub fn max_iterations(mut self, iterations: usize) -> Self {
        self.max_iterations = iterations;
        self
    }

    /// The ratio of one epsilon to the next, larger one, of those that lead from the largest cost to the epsilon asked for. It
    /// changes the speed, not the result.
    #[must_use]
    pub fn scaling(mut self, scaling: f64) -> Self {
        self.scaling = scaling;
        self
    }

    /// The algorithm with these parameters.
    ///
    /// # Errors
    /// An epsilon, a relaxation or a mass unit that is not positive and finite, a tolerance or a scaling not between 0 and 1,
    /// no iterations.
    pub fn build(self) -> Result<Sinkhorn> {
        let relaxation = self.relaxation.unwrap_or(1.0);
        for (what, value) in
            [("epsilon", self.epsilon), ("relaxation rho", relaxation), ("mass unit", self.mass_unit)]
        {
            if !(value > 0.0 && value.is_finite()) {
                return Err(CoreError::out_of_range(what, value, "positive and finite").into());
            }
        }
        for (what, value) in [("tolerance", self.tolerance), ("scaling of epsilon", self.scaling)] {
            if !(value > 0.0 && value < 1.0) {
                return Err(CoreError::out_of_range(what, value, "between 0 and 1").into());
            }
        }
        if self.max_iterations == 0 {
            return Err(CoreError::out_of_range("maximum of iterations", 0.0, "positive").into());
        }
        Ok(Sinkhorn { config: self })
    }
}

/// Transport smoothed by entropy, solved by Sinkhorn's algorithm.
///
/// Between masses a and b of the same total M, with costs c (*balanced*):
///
/// OT_eps = min_pi sum_ij pi_ij c_ij + eps KL(pi | a ⊗ b / M), where sum_j pi_ij = a_i, sum_i pi_ij = b_j and
/// KL(pi | mu) = sum pi ln(pi/mu) - pi + mu.
///
/// For M = 1 that is the normalisation of arXiv:1810.08278, and otherwise M times the value for a/M and b/M, so that
/// the value is in proportion to the masses as the exact one is. With a [`relaxation`](SinkhornConfig::relaxation) rho
/// (*unbalanced*; arXiv:1910.12958, and for the unit M = 1 exactly as there), for any two totals:
///
/// OT_eps = min_pi sum_ij pi_ij c_ij + rho KL(pi 1 | a) + rho KL(piᵀ 1 | b) + eps KL(pi | a ⊗ b / M), pi >= 0,
///
/// where M is the [`mass_unit`](SinkhornConfig::mass_unit) of the parameters: the value is M times that of a/M and b/M. The
/// entropy of measures that are not normalised depends on the unit, so choose one near the totals that are compared.
///
/// The iteration is on the potentials, so no epsilon is too small for the range of f64; where it is slow, Newton's method
/// takes over. A row of the plan always has the sum it should have, and the *residual* is sum_j |column sum - what it
/// should be| over the sum of what they should be (b_j; b_j exp(-g_j/rho) if unbalanced). The value is that of the dual
/// problem: never above OT_eps, and, balanced, below it by no more than M times the residual times (max c - min c). The
/// residual cannot be smaller than rounding of the exponents leaves it, about 1e-15 of the largest cost or potential over eps,
/// which counts as converged up to 1e-5 even if the tolerance is smaller. (Unbalanced, potentials are of the size of
/// rho |ln(m_a/m_b)|, so a rho of more than 1e10 eps between unequal totals does not converge.)
///
/// Particles with less than 1e-60 of the total of their side are treated as particles without energy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sinkhorn {
    config: SinkhornConfig,
}

impl Default for Sinkhorn {
    fn default() -> Self {
        SinkhornConfig::new().build().expect("the defaults are in range")
    }
}

impl Sinkhorn {
    /// The strength of the entropy.
    pub fn epsilon(&self) -> f64 {
        self.config.epsilon
    }

    /// The price rho of changed marginals, none if balanced.
    pub fn relaxation(&self) -> Option<f64> {
        self.config.relaxation
    }

    /// The mass that counts as 1 where marginals are relaxed.
    pub fn mass_unit(&self) -> f64 {
        self.config.mass_unit
    }

    /// The residual at which the iteration has converged.
    pub fn tolerance(&self) -> f64 {
        self.config.tolerance
    }

    /// The passes over the cost matrix after which the iteration is given up.
    pub fn max_iterations(&self) -> usize {
        self.config.max_iterations
    }

    pub(crate) fn scaling(&self) -> f64 {
        self.config.scaling
    }

    /// Moves `from[n]` to `to[m]` at `cost[n, m]` per unit.
    ///
    /// Masses are finite and not negative; costs are finite and may be negative. Balanced, the totals must agree to 1e-9
    /// of the larger, and what they differ by is taken from each mass of the second side in proportion. An iteration
    /// that has not converged is not an error here: see [`EntropicTransport::converged`].
    ///
    /// # Errors
    /// Shapes that do not fit; a mass that is negative or not finite; masses whose sum overflows; [`Error::CostNotFinite`];
    /// [`Error::NotBalanced`]; an epsilon below 1e-9 of the largest difference of costs (the largest modulus if unbalanced), where
    /// rounding of exponents would be all there is; [`Error::ValueOverflows`].
    ///
    /// ```
    /// use hepml_core::ndarray::array;
    /// use hepml_ot::SinkhornConfig;
    ///
    /// let cost = array![[0.0, 1.0], [1.0, 0.0]];
    /// let masses = [0.5, 0.5];
    /// let solution = SinkhornConfig::new().epsilon(0.5).build()?.solve(&cost, &masses, &masses)?;
    /// // The plan is proportional to exp(-c/eps) by symmetry.
    /// let stays = 0.5 / (1.0 + (-2.0_f64).exp());
    /// assert!((solution.plan[(0, 0)] - stays).abs() < 1e-15);
    /// assert!((solution.transport_cost - 2.0 * (0.5 - stays)).abs() < 1e-15);
    /// assert!(solution.converged && solution.residual < 1e-15);
    /// # Ok::<(), hepml_ot::Error>(())
    /// ```
    pub fn solve(&self, cost: &ArrayRef2<f64>, from: &[f64], to: &[f64]) -> Result<EntropicTransport> {
        if cost.nrows() != from.len() {
            return Err(CoreError::shape("rows of the cost matrix", from.len(), cost.nrows()).into());
        }
        if cost.ncols() != to.len() {
            return Err(CoreError::shape("columns of the cost matrix", to.len(), cost.ncols()).into());
        }
        if let Some(((from, to), &value)) = cost.indexed_iter().find(|(_, cost)| !cost.is_finite()) {
            return Err(Error::CostNotFinite { from, to, value });
        }
        let from = checked("mass of the first side", from)?;
        let to = checked("mass of the second side", to)?;
        if self.relaxation().is_none() && (from.total - to.total).abs() > BALANCE * from.total.max(to.total) {
            return Err(Error::NotBalanced { from: from.total, to: to.total, tolerance: BALANCE });
        }
        let unit = if self.relaxation().is_some() { self.mass_unit() } else { from.total };
        let mut workspace = SinkhornWorkspace::default();
        let solved = workspace.solve([from, to], self, unit, |from, to, costs| {
            let row = cost.row(from);
            for (cost, &to) in costs.iter_mut().zip(to) {
                *cost = row[to];
            }
        })?;
        workspace.transport(&solved, [from, to], |from, to| cost[(from, to)])
    }
}

fn checked<'a>(what: &'static str, masses: &'a [f64]) -> Result<Masses<'a>> {
    Ok(Masses { masses, total: checked_total(what, masses)? })
}
