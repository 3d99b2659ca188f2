//! Particle Flow Networks.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{ParticleSets, Weighted};

use super::deep_sets::{DeepSets, DeepSetsConfig, Pooling};
use crate::encoding::{JetEncoder, ParticleInput};
use crate::error::Result;
use crate::layers::StackConfig;
use crate::network::Architecture;
use crate::parameters::Parameters;
use crate::scalar::Scalar;

/// A Particle Flow Network (arXiv:1810.05165, eq. 1.1): F(sum_i Phi(z_i, y_i, phi_i, ...)), the Deep Sets of a jet.
///
/// z_i is the particle's share of the scalar sum of pt, y_i and phi_i its place relative to the pt-weighted axis; inputs such as
/// [`ParticleInput::DetectorType`] or [`ParticleInput::StableSpecies`] add what kind of particle it is (the paper's PFN-Ex and
/// PFN-ID). Defaults: Phi 100-100-256, F 100-100-100-2, ReLU; 82,458 parameters for (z, y, phi).
///
/// *Invariances*: the order of the particles; boosts along the beam and rotations about it; a common scale of all momenta;
/// with [`upright`](Self::upright) also rotations and reflections about the axis. It is *not* infrared or collinear safe:
/// Phi need not vanish with z, nor be linear in it. [`EfnConfig`](crate::EfnConfig) is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub struct PfnConfig(DeepSetsConfig);

impl PfnConfig {
    /// The defaults, with so many outputs (2 for a classifier of two kinds).
    pub fn new(outputs: usize) -> Self {
        let inputs = vec![ParticleInput::PtFraction, ParticleInput::Rapidity, ParticleInput::Azimuth];
        Self(DeepSetsConfig::new(inputs, outputs).pooling(Pooling::Sum).standardise(false))
    }

    /// What is seen of each particle: (z, y, phi) unless set.
    #[must_use]
    pub fn inputs(self, inputs: Vec<ParticleInput>) -> Self {
        Self(self.0.inputs(inputs))
    }

    /// Whether jets are turned upright; see [`JetEncoder::upright`].
    #[must_use]
    pub fn upright(self, upright: bool) -> Self {
        Self(self.0.upright(upright))
    }

    /// The layers of Phi; the width of the last one is the number of latent dimensions.
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

impl Architecture for PfnConfig {
    const KIND: &'static str = "hepml-nn/pfn";
    type Encoder = JetEncoder;
    type Network = DeepSets;

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
    ) -> Result<DeepSets> {
        self.0.build(encoder, parameters, rng)
    }
}
