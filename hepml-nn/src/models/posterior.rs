//! Models with a distribution of weights.

use hepml_core::rand::Rng;

use super::{Ensemble, Model};
use crate::error::Result;
use crate::network::{Architecture, EncodedOf, Network};
use crate::parameters::Parameters;
use crate::scalar::Scalar;

/// A network whose parameters describe a distribution of its weights, such as one of
/// [`BayesianDense`](crate::BayesianDense) layers.
pub trait Variational<T: Scalar>: Network<T> {
    /// The parameters with drawn weights in place of the mean ones: what evaluation then takes.
    ///
    /// # Errors
    /// Other parameters than the network's.
    fn draw(&self, parameters: &Parameters<T>, rng: &mut dyn Rng) -> Result<Parameters<T>>;
}

impl<A: Architecture, T: Scalar> Model<A, T>
where
    A::Network: Variational<T, Input = EncodedOf<A, T>>,
{
    /// Models with weights drawn from the distribution that was fitted: their mean is the prediction that accounts for it, their
    /// spread what is not known of the weights. The weights of a draw are the same for all events, as they are in truth.
    ///
    /// A draw does not remember the fit, and drawing from it again adds the variance a second time.
    ///
    /// # Errors
    /// No draws.
    pub fn draws(&self, count: usize, rng: &mut dyn Rng) -> Result<Ensemble<Self>> {
        let mut draw = || {
            let drawn = self.network().draw(self.parameters(), rng)?;
            let (architecture, encoder) = (self.architecture().clone(), self.encoder().clone());
            Self::new(architecture, encoder, self.network().clone(), drawn, self.head().clone())
        };
        Ensemble::new((0..count).map(|_| draw()).collect::<Result<_>>()?)
    }
}
