//! Energy Flow Networks.

use std::sync::Arc;

use hepml_core::ndarray::Array3;
use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{ParticleSets, Weighted};

use super::deep_sets::{DeepSets, DeepSetsConfig, Pooling};
use crate::encoding::{JetEncoder, ParticleInput};
use crate::error::Result;
use crate::inputs::{SetVars, Sets};
use crate::layers::StackConfig;
use crate::matrix::Matrix;
use crate::network::{Architecture, Network};
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Var;

/// An Energy Flow Network (arXiv:1810.05165, eq. 1.2): F(sum_i z_i Phi(y_i, phi_i)).
///
/// z_i is the particle's share of the scalar sum of pt, y_i and phi_i its place relative to the pt-weighted axis. Defaults: Phi
/// 100-100-256, F 100-100-100-2, ReLU. Each latent dimension is a jet image seen through one *filter* Phi_k(y, phi):
/// [`Efn::filters`].
///
/// *Invariances*: infrared and collinear safe by construction, as z is linear and the axis safe, and nothing else of a
/// particle is seen (no kind, no mass): p -> z p, (1 - z) p changes nothing, and what a particle adds vanishes linearly with its
/// pt. Also the order of the particles; boosts along the beam and rotations about it; a common scale of all momenta; with
/// [`upright`](Self::upright) rotations and reflections about the axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub struct EfnConfig(DeepSetsConfig);

impl EfnConfig {
    /// The defaults, with so many outputs (2 for a classifier of two kinds).
    pub fn new(outputs: usize) -> Self {
        let inputs = vec![ParticleInput::Rapidity, ParticleInput::Azimuth];
        Self(DeepSetsConfig::new(inputs, outputs).pooling(Pooling::PtWeightedSum).standardise(false))
    }

    /// Whether jets are turned upright; see [`JetEncoder::upright`].
    #[must_use]
    pub fn upright(self, upright: bool) -> Self {
        Self(self.0.upright(upright))
    }

    /// The layers of Phi; the width of the last one is the number of filters.
    #[must_use]
    pub fn phi(self, layers: StackConfig) -> Self {
        Self(self.0.phi(layers))
    }

    /// The hidden layers of F.
    #[must_use]
    pub fn f(self, layers: StackConfig) -> Self {
        Self(self.0.f(layers))
    }
}

impl Architecture for EfnConfig {
    const KIND: &'static str = "hepml-nn/efn";
    type Encoder = JetEncoder;
    type Network = Efn;

    fn outputs(&self) -> usize {
        Architecture::outputs(&self.0)
    }

    fn fit_encoder(&self, events: &Weighted<ParticleSets>) -> Result<JetEncoder> {
        self.0.fit_encoder(events)
    }

    fn build<T: Scalar>(
        &self,
        encoder: &JetEncoder,
        parameters: &mut Parameters<T>,
        rng: &mut dyn Rng,
    ) -> Result<Efn> {
        Ok(Efn(self.0.build(encoder, parameters, rng)?))
    }
}

/// The network of an [`EfnConfig`].
#[derive(Debug, Clone)]
pub struct Efn(DeepSets);

impl Efn {
    /// The filters Phi_k on a grid, [filters, rapidities, azimuths], relative to the jet's axis.
    ///
    /// # Errors
    /// Parameters of another network.
    pub fn filters<T: Scalar>(
        &self,
        parameters: &Arc<Parameters<T>>,
        rapidities: &[f64],
        azimuths: &[f64],
    ) -> Result<Array3<f64>> {
        let points: Vec<T> = rapidities
            .iter()
            .flat_map(|&y| azimuths.iter().flat_map(move |&phi| [y, phi].map(T::from_f64)))
            .collect();
        let points = Matrix::from_rows(rapidities.len() * azimuths.len(), 2, &points)?;
        let latent = self.0.latent_of(parameters, &points)?;
        let shape = (latent.columns(), rapidities.len(), azimuths.len());
        Ok(Array3::from_shape_fn(shape, |(filter, y, phi)| {
            latent.row(y * azimuths.len() + phi)[filter].to_f64()
        }))
    }
}

impl<T: Scalar> Network<T> for Efn {
    type Input = Sets<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, input: &SetVars) -> Result<Var> {
        Network::<T>::forward(&self.0, pass, input)
    }
}
