//! Events as vectors, by their transport from one reference.

use hepml_core::ndarray::Array2;
use hepml_core::{
    Error as CoreError, EventMetric, EventSet, Item, Observables, ParticleSet, ParticleSets, Table,
};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use crate::divergence::Divergence;
use crate::energy_flow::EnergyFlow;
use crate::error::{Error, Result};
use crate::exact::{Emd, EmdConfig, Flow};
use crate::ground_cost::{AngularCost, GroundCost};
use crate::linear::hellinger_kantorovich::{HellingerKantorovich, HellingerKantorovichConfig};

/// The parameters of a [`LinearEmbedding`].
///
/// ```
/// use hepml_ot::{Grid, LinearEmbeddingConfig};
///
/// let reference = Grid::disk(1.0, 15)?.uniform(1.0)?;
/// let embedding = LinearEmbeddingConfig::wasserstein(reference).about_axis(true).build()?;
/// assert_eq!(embedding.dimension(), 2 * embedding.reference().len());
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LinearEmbeddingConfig {
    reference: EnergyFlow,
    kappa: Option<f64>,
    periodic_phi: bool,
    about_axis: bool,
}

impl LinearEmbeddingConfig {
    /// The tangent space of the Wasserstein distance W2 at a reference; energies are normalised.
    pub fn wasserstein(reference: EnergyFlow) -> Self {
        Self { reference, kappa: None, periodic_phi: false, about_axis: false }
    }

    /// The tangent space of the [`HellingerKantorovich`] distance with the length scale `kappa` at a reference; energies are
    /// as they are.
    pub fn hellinger_kantorovich(reference: EnergyFlow, kappa: f64) -> Self {
        Self { reference, kappa: Some(kappa), periodic_phi: false, about_axis: false }
    }

    /// Whether azimuths are differences around a circle.
    #[must_use]
    pub fn periodic_phi(mut self, periodic_phi: bool) -> Self {
        self.periodic_phi = periodic_phi;
        self
    }

    /// Whether events that come as [`ParticleSets`] are jets, each to be taken about its axis
    /// ([`EnergyFlow::about_axis`]).
    #[must_use]
    pub fn about_axis(mut self, about_axis: bool) -> Self {
        self.about_axis = about_axis;
        self
    }

    /// The embedding with these parameters.
    ///
    /// # Errors
    /// A reference without energy; a kappa that is not positive and finite.
    pub fn build(self) -> Result<LinearEmbedding> {
        let Self { reference, kappa, periodic_phi, about_axis } = self;
        let total = reference.total_energy();
        if total == 0.0 {
            return Err(CoreError::out_of_range("total energy of the reference", total, "positive").into());
        }
        let geometry = match kappa {
            None => Geometry::Wasserstein {
                emd: EmdConfig::new().beta(2.0).normalise(true).periodic_phi(periodic_phi).build()?,
            },
            Some(kappa) => Geometry::HellingerKantorovich {
                distance: HellingerKantorovichConfig::new()
                    .kappa(kappa)
                    .periodic_phi(periodic_phi)
                    .build()?,
            },
        };
        let divisor = if kappa.is_some() { 1.0 } else { total };
        let roots = reference.energies().iter().map(|energy| (energy / divisor).sqrt()).collect();
        let square = AngularCost::new(1.0, 2.0, periodic_phi)?;
        Ok(LinearEmbedding { reference, roots, geometry, square, about_axis })
    }
}

/// Events as vectors of a fixed length whose Euclidean distance approximates an optimal transport distance.
///
/// One transport problem an event, from one reference with energies a_k at points x_k, instead of one a pair.
///
/// **Wasserstein** (arXiv:2008.08604): with the optimal plan f from the reference to the event, both normalised, for the cost
/// theta², the reference's energy at x_k goes on average to the event's points T_k = sum_j f_kj y_j / a_k. The vector is
/// √a_k (T_k - x_k), two components (y, phi) per reference particle. The squared distance
/// of two events is sum_k a_k |T_k - T'_k|², which stands for W2² = [`Emd`] with beta = 2, R = 1, normalised.
///
/// **Hellinger-Kantorovich** (arXiv:2102.08807, arXiv:2111.03670): with u_k the fraction of the reference's energy at x_k that is sent
/// ([`SoftTransport::sent`](crate::SoftTransport::sent)), the tangent vector at x_k is the velocity v_k = kappa u_k sum_j f_kj
/// tan(theta_kj/kappa) e_kj / sum_j f_kj, with e_kj the unit vector from x_k to y_j, and the rate of change of energy
/// alpha_k = 2 (u_k - 1). The vector is √a_k (v_k, kappa alpha_k / 2), three components per reference
/// particle, and the squared distance stands for [`HellingerKantorovich`]. Energies are not normalised; give the reference the
/// total energy of a typical event.
///
/// What holds exactly:
/// - the reference itself is the zero vector;
/// - the squared length of an event's vector is its squared distance from the reference less [`Embedded::spread`], what the
///   average over a reference particle's targets loses; the spread vanishes as the reference gets finer;
/// - Wasserstein: W2 <= Euclidean distance + √spread + √spread' between any two events. Without spread the Euclidean
///   distance is the larger one, as it is the cost of one particular plan;
/// - translated events differ by the translation, of which the squared distance is |translation|² (Wasserstein, not periodic).
///
/// The [`metric`](Divergence::metric) is Euclidean, hence obeys the triangle inequality, but it is 0 between events that have the same
/// averages. How well it stands for the exact distance depends on events and reference: compare the two on a sample.
///
/// ```
/// use hepml_ot::{Divergence, EnergyFlow, Grid, LinearEmbeddingConfig};
///
/// let embedding = LinearEmbeddingConfig::wasserstein(Grid::disk(1.0, 9)?.uniform(1.0)?).build()?;
/// let a = EnergyFlow::from_rows(&[[3.0, 0.01, 0.04], [2.0, 0.53, 0.07]])?;
/// let b = EnergyFlow::from_rows(&[[6.0, 0.11, 0.24], [4.0, 0.63, 0.27]])?;
/// assert!((embedding.value(&a, &b)? - (0.01 + 0.04)).abs() < 1e-14);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LinearEmbedding {
    reference: EnergyFlow,
    /// √a_k.
    roots: Vec<f64>,
    geometry: Geometry,
    /// theta².
    square: AngularCost,
    about_axis: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Geometry {
    Wasserstein { emd: Emd },
    HellingerKantorovich { distance: HellingerKantorovich },
}

/// An event as a vector.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Embedded {
    /// The vector: all components of the first reference particle, then of the second, ...
    pub vector: Vec<f64>,
    /// The squared distance of the event from the reference, exact: W2² or HK².
    pub squared_distance: f64,
    /// How much of it is not in the vector: `squared_distance` less the squared length of `vector`.
    pub spread: f64,
}

impl LinearEmbedding {
    /// The reference.
    pub fn reference(&self) -> &EnergyFlow {
        &self.reference
    }

    /// The length of the vectors: two (Wasserstein) or three (Hellinger-Kantorovich) per particle of the reference.
    pub fn dimension(&self) -> usize {
        self.components() * self.reference.len()
    }

    fn components(&self) -> usize {
        match self.geometry {
            Geometry::Wasserstein { .. } => 2,
            Geometry::HellingerKantorovich { .. } => 3,
        }
    }

    /// The vector of an event.
    ///
    /// # Errors
    /// An event without energy (Wasserstein); [`Error::OutOfReach`] for a particle at pi kappa / 2 or
    /// more from all of the reference, whose creation no tangent vector expresses (Hellinger-Kantorovich); [`Error::NotConverged`],
    /// [`Error::NotCertified`] if the solver fails; [`Error::CostNotFinite`]; [`Error::ValueOverflows`].
    pub fn embed(&self, event: &EnergyFlow) -> Result<Embedded> {
        match &self.geometry {
            Geometry::Wasserstein { emd } => {
                if event.total_energy() == 0.0 {
                    return Err(CoreError::out_of_range("total energy of the event", 0.0, "positive").into());
                }
                let transport = emd.solve(&self.reference, event)?;
                let (mean, spread) = self.mean_of_targets(&transport.flows, |flow| self.way(event, flow));
                let vector = mean.iter().zip(&self.roots).flat_map(|(x, root)| [root * x[0], root * x[1]]);
                Ok(Embedded { vector: vector.collect(), squared_distance: transport.value, spread })
            }
            Geometry::HellingerKantorovich { distance } => {
                let transport = distance.solve(&self.reference, event)?;
                // As a share of the total, which can underflow.
                let massive = |particle: &usize| event.energies()[*particle] / event.total_energy() > 0.0;
                let unreached = |particle: &usize| transport.received[*particle] == 0.0;
                if let Some(particle) = (0..event.len()).filter(massive).find(unreached) {
                    let reach = std::f64::consts::FRAC_PI_2 * distance.kappa();
                    return Err(Error::OutOfReach { particle, reach });
                }
                let kappa = distance.kappa();
                let (mean, spread) = self.mean_of_targets(&transport.flows, |flow| {
                    let way = self.way(event, flow);
                    let theta = way[0].hypot(way[1]);
                    let stretched = if theta > 0.0 { (theta / kappa).tan() * (kappa / theta) } else { 1.0 };
                    let sent = transport.sent[flow.from];
                    way.map(|x| sent * stretched * x)
                });
                let vector =
                    mean.iter().zip(&self.roots).zip(&transport.sent).flat_map(|((v, root), sent)| {
                        [root * v[0], root * v[1], root * kappa * (sent - 1.0)]
                    });
                Ok(Embedded { vector: vector.collect(), squared_distance: transport.value, spread })
            }
        }
    }

    /// From the reference's end of a flow to the event's, the shorter way round if there are two.
    fn way(&self, event: &EnergyFlow, flow: &Flow) -> [f64; 2] {
        let ends = (self.reference.points()[flow.from], event.points()[flow.to]);
        // theta² grows by twice the difference.
        let growth =
            self.square.cost_gradient(ends.0, ends.1).expect("the angular cost knows its derivative");
        growth.map(|x| -0.5 * x)
    }

    /// For each reference particle the mean of a vector over what flows from it, and the sum of their variances, each
    /// weighted by the energy of the particle.
    fn mean_of_targets(&self, flows: &[Flow], vector: impl Fn(&Flow) -> [f64; 2]) -> (Vec<[f64; 2]>, f64) {
        let mut mean = vec![[0.0; 2]; self.reference.len()];
        let mut spread = 0.0;
        for of_one in flows.chunk_by(|a, b| a.from == b.from) {
            let from = of_one[0].from;
            let total: f64 = of_one.iter().map(|flow| flow.amount).sum();
            for flow in of_one {
                let x = vector(flow);
                for axis in 0..2 {
                    mean[from][axis] += flow.amount / total * x[axis];
                }
            }
            let square = |flow: &Flow| {
                let x = vector(flow);
                (x[0] - mean[from][0]).powi(2) + (x[1] - mean[from][1]).powi(2)
            };
            let variance: f64 = of_one.iter().map(|flow| flow.amount / total * square(flow)).sum();
            spread += self.roots[from] * self.roots[from] * variance;
        }
        (mean, spread)
    }

    /// The event at the end of the geodesic that starts at the reference with a tangent vector: what a vector
    /// (a mean of vectors, a principal component) looks like.
    ///
    /// Particle k of the reference is moved and, for Hellinger-Kantorovich, its energy a_k changed to
    /// a_k ((1 + alpha_k/2)² + |v_k|²/kappa²). The vector of an event without spread gives back the event, with one particle per particle
    /// of the reference.
    ///
    /// # Errors
    /// Another length than [`dimension`](Self::dimension); a component that is not finite; energies that overflow.
    pub fn event_at(&self, vector: &[f64]) -> Result<EnergyFlow> {
        if vector.len() != self.dimension() {
            return Err(CoreError::shape("components of the vector", self.dimension(), vector.len()).into());
        }
        if let Some((component, &value)) = vector.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            let item = Item { event: None, particle: Some(component / self.components()) };
            return Err(CoreError::NotFinite { what: "component of the vector".into(), item, value }.into());
        }
        let particles = self.reference.energies().iter().zip(self.reference.points()).zip(&self.roots);
        let (energies, points): (Vec<f64>, Vec<[f64; 2]>) = particles
            .zip(vector.chunks_exact(self.components()))
            .map(|(((&energy, &[y, phi]), &root), tangent)| {
                if root == 0.0 {
                    return (0.0, [y, phi]);
                }
                let (mut dy, mut dphi) = (tangent[0] / root, tangent[1] / root);
                let mut moved = energy;
                if let Geometry::HellingerKantorovich { distance } = &self.geometry {
                    let kappa = distance.kappa();
                    let (along, across) = (1.0 + tangent[2] / root / kappa, dy.hypot(dphi) / kappa);
                    moved = energy * (along * along + across * across);
                    let shortened = if across > 0.0 { across.atan2(along) / across } else { 1.0 };
                    (dy, dphi) = (dy * shortened, dphi * shortened);
                }
                (moved, [y + dy, phi + dphi])
            })
            .unzip();
        EnergyFlow::new(energies, points)
    }
}

impl Divergence for LinearEmbedding {
    type Event = EnergyFlow;
    type Prepared<'a> = Embedded;
    type Workspace = ();

    /// # Errors
    /// As [`LinearEmbedding::embed`].
    fn prepare<'a>(&'a self, event: &'a EnergyFlow) -> Result<Embedded> {
        self.embed(event)
    }

    /// The squared Euclidean distance of the vectors.
    fn prepared_value(&self, (): &mut (), a: &Embedded, b: &Embedded) -> Result<f64> {
        let value: f64 = a.vector.iter().zip(&b.vector).map(|(x, y)| (x - y) * (x - y)).sum();
        if value.is_finite() { Ok(value) } else { Err(Error::ValueOverflows) }
    }

    /// 1/2.
    fn exponent(&self) -> f64 {
        0.5
    }
}

impl LinearEmbedding {
    /// An event of a batch as the embedding takes it.
    fn flow(&self, event: ParticleSet<'_>) -> Result<EnergyFlow> {
        if self.about_axis { EnergyFlow::about_axis(event) } else { EnergyFlow::from_particles(event) }
    }
}

impl Observables<ParticleSets> for LinearEmbedding {
    /// The vectors `[events, dimension]`; on all threads with the feature `rayon`.
    ///
    /// # Errors
    /// As [`LinearEmbedding::embed`], naming the event.
    fn observe(&self, events: &ParticleSets) -> hepml_core::Result<Table> {
        let count = events.event_count();
        let vector = |index: usize| {
            let embedded = self.flow(events.event(index)).and_then(|flow| self.embed(&flow));
            match embedded {
                Ok(embedded) => Ok(embedded.vector),
                Err(Error::Core(error)) => Err(error.at_event(index)),
                Err(error) => Err(Error::Event { list: "event", index, source: Box::new(error) }.into()),
            }
        };
        // Into a `Result` in order: collected in parallel, any event's error could come out, not the first one's.
        #[cfg(feature = "rayon")]
        let vectors: Vec<_> = (0..count).into_par_iter().map(vector).collect();
        #[cfg(not(feature = "rayon"))]
        let vectors: Vec<_> = (0..count).map(vector).collect();
        let all = vectors.into_iter().collect::<hepml_core::Result<Vec<Vec<f64>>>>()?.concat();
        Ok(Array2::from_shape_vec((count, self.dimension()), all).expect("one vector an event"))
    }
}

impl EventMetric<ParticleSets> for LinearEmbedding {
    /// The [`metric`](Divergence::metric) of the events' transverse momenta at their rapidities and azimuths, about
    /// the axis if so configured.
    fn distance(&self, a: ParticleSet<'_>, b: ParticleSet<'_>) -> hepml_core::Result<f64> {
        Ok(self.metric(&self.flow(a)?, &self.flow(b)?)?)
    }
}
