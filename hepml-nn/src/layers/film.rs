//! Feature-wise conditioning.

use hepml_core::rand::Rng;

use super::{Dense, Initial};
use crate::error::Result;
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Var;

/// Feature-wise linear modulation by a context (FiLM, arXiv:1709.07871): (1 + gamma(c)) h + beta(c), with gamma and beta
/// linear in c.
///
/// The weights are 0 at first: it begins as the identity, whatever the context.
#[derive(Debug, Clone)]
pub struct Film {
    gamma: Dense,
    beta: Dense,
}

impl Film {
    /// A modulation of so many features by so many numbers of context, with parameters `name/gamma/...`, `name/beta/...`.
    ///
    /// # Errors
    /// Names that are taken; as [`Parameters::check_room`].
    pub fn new<T: Scalar>(
        parameters: &mut Parameters<T>,
        name: &str,
        context: usize,
        features: usize,
        rng: &mut dyn Rng,
    ) -> Result<Self> {
        let mut layer = |part: &str| {
            let name = format!("{name}/{part}");
            Dense::new(parameters, &name, [context, features], None, Initial::Zeros, rng)
        };
        Ok(Self { gamma: layer("gamma")?, beta: layer("beta")? })
    }

    /// The modulated features [rows, features] for a context [rows, context].
    ///
    /// # Errors
    /// Other numbers of columns; another number of rows of the context.
    pub fn forward<T: Scalar>(&self, pass: &mut Pass<'_, T>, x: Var, context: Var) -> Result<Var> {
        let gamma = self.gamma.forward(pass, context)?;
        let beta = self.beta.forward(pass, context)?;
        let change = pass.mul(gamma, x)?;
        let change = pass.add(change, beta)?;
        pass.add(x, change)
    }
}
