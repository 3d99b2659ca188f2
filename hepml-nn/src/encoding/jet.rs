//! Jets as networks of sets take them.
//!
//! # Conventions
//! With the scalar fractions z_i = pt_i/sum_k pt_k, the axis of a jet is at y = sum_i z_i y_i and phi = sum_i z_i phi_i
//! (arXiv:1810.05165, section 3), azimuths being taken within pi of that of the total transverse momentum: no jet is cut
//! where azimuths jump. Everything here is a sum over particles with weights linear in the momenta, so that the axis is infrared and collinear safe.
//!
//! Differences to the axis are formed from differences to the total momentum, which [`FourMomentum::delta_y`] and
//! [`FourMomentum::delta_phi`] know to a few ulp however collinear or boosted the particles are; all in f64 before the numbers
//! are rounded to those of the network.

use hepml_core::ndarray::Axis;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, EventSet, FourMomentum, ParticleSet, ParticleSets, Weighted};

use super::particle_input::{ParticleInput, Placed};
use crate::error::{Error, Result};
use crate::inputs::Sets;
use crate::matrix::Matrix;
use crate::network::Encoder;
use crate::scalar::Scalar;
use crate::tape::Segments;

/// Jets, or any sets of particles, as [`Sets`]: a row a particle, with the columns of some [`ParticleInput`]s, and the pt
/// fractions as weights where they are asked for.
///
/// An event without particles is an empty set. A particle without momentum has the fraction 0 and lies on the axis. Where fractions
/// or the axis are asked for, an event whose transverse momenta cancel, and a particle along the beam, are errors: the one
/// has no axis, the other is at infinite rapidity.
///
/// *Invariances* of the columns: boosts along the beam and rotations about it change none of them (nor does any choice of
/// where azimuths begin), except [`ParticleInput::Feature`]; a common scale of all momenta changes [`ParticleInput::LnPt`]
/// only. [`upright`](Self::upright) adds rotations and reflections in the plane of y and phi.
///
/// ```
/// use hepml_core::{FourMomentum, ParticleSets};
/// use hepml_nn::{Encoder, JetEncoder, ParticleInput};
///
/// let particle = |pt, phi| FourMomentum::from_pt_y_phi_m(pt, 0.5, phi, 0.0);
/// let jets = ParticleSets::from_events([[particle(30.0, 3.1)?, particle(10.0, -3.1)?]])?;
/// let encoder = JetEncoder::new(vec![ParticleInput::PtFraction, ParticleInput::Azimuth]);
/// let sets = encoder.encode::<f64>(&jets)?;
/// assert_eq!(sets.rows.row(1)[0], 0.25);
/// // They are 2 pi - 6.2 apart, not 6.2; the axis is a quarter of the way from the harder one.
/// assert!((sets.rows.row(1)[1] - 0.75 * (std::f64::consts::TAU - 6.2)).abs() < 1e-14);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct JetEncoder {
    inputs: Vec<ParticleInput>,
    weighted: bool,
    upright: bool,
    /// Mean and standard deviation of each column (0 for one that does not vary), empty without standardisation.
    scales: Vec<[f64; 2]>,
}

impl JetEncoder {
    /// An encoder with the columns of these inputs.
    pub fn new(inputs: Vec<ParticleInput>) -> Self {
        Self { inputs, weighted: false, upright: false, scales: Vec::new() }
    }

    /// Whether the pt fractions come as [`Sets::weights`].
    #[must_use]
    pub fn weighted(mut self, weighted: bool) -> Self {
        self.weighted = weighted;
        self
    }

    /// Whether each jet is turned and reflected about its axis: its principal axis (of the second moments sum_i z_i Δ_i Δ_i^T)
    /// upright, more of the pt at positive azimuth and at positive rapidity.
    ///
    /// A jet that is round, or the same on both sides, is turned by chance: there the columns are not continuous in the
    /// momenta.
    #[must_use]
    pub fn upright(mut self, upright: bool) -> Self {
        self.upright = upright;
        self
    }

    /// The encoder with each column less its mean, over its standard deviation, over all particles of these events, each with the
    /// modulus of its event's weight. A column that does not vary is only shifted.
    ///
    /// # Errors
    /// No particles, or weights that all vanish; as [`encode`](Encoder::encode).
    pub fn standardised(mut self, events: &Weighted<ParticleSets>) -> Result<Self> {
        self.scales.clear();
        let sets = self.encode::<f64>(events.events())?;
        let offsets = sets.segments.offsets();
        let weights: Vec<f64> = offsets
            .windows(2)
            .zip(events.weights())
            .flat_map(|(ends, weight)| (ends[0]..ends[1]).map(|_| weight.abs()))
            .collect();
        // Scaled by the largest, so that sums neither overflow nor underflow.
        let largest = weights.iter().fold(0.0_f64, |m, w| m.max(*w));
        if largest == 0.0 {
            return Err(CoreError::Empty { what: "set of all particles with a weight".into() }.into());
        }
        let total: f64 = weights.iter().map(|w| w / largest).sum();
        let rows = sets.rows.to_array();
        self.scales = rows
            .axis_iter(Axis(1))
            .map(|column| {
                let mean = |f: &dyn Fn(f64) -> f64| {
                    column.iter().zip(&weights).map(|(x, w)| w / largest * f(*x)).sum::<f64>() / total
                };
                let centre = mean(&|x| x);
                let deviation = mean(&|x| (x - centre).powi(2)).sqrt();
                // Rounding of the mean leaves a constant column a deviation of about that size.
                let varies = deviation > 64.0 * f64::EPSILON * centre.abs();
                [centre, if varies { deviation } else { 0.0 }]
            })
            .collect();
        Ok(self)
    }

    /// The names of the columns.
    pub fn columns(&self) -> Vec<String> {
        self.inputs.iter().flat_map(ParticleInput::columns).map(Into::into).collect()
    }

    /// The particle features that events must have, each once; see [`ParticleInput::feature_name`].
    pub fn feature_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.inputs.iter().filter_map(ParticleInput::feature_name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether the pt fractions come as weights.
    pub fn is_weighted(&self) -> bool {
        self.weighted
    }
}

impl Encoder for JetEncoder {
    type Events = ParticleSets;
    type Encoded<T: Scalar> = Sets<T>;

    fn encode<T: Scalar>(&self, events: &ParticleSets) -> Result<Sets<T>> {
        let names = self.columns();
        if !self.scales.is_empty() && self.scales.len() != names.len() {
            let what = "columns that a jet encoder standardises";
            return Err(Error::shape(what, names.len(), self.scales.len()));
        }
        let is_id = |column: usize| events.feature_names()[column] == "pdg_id";
        let sources = self
            .inputs
            .iter()
            .map(|input| Ok((input, input.feature(events)?.map(|column| (column, is_id(column))))))
            .collect::<Result<Vec<_>>>()?;
        let about_axis = self.weighted || self.inputs.iter().any(ParticleInput::needs_axis);

        let particles = events.particle_count();
        let mut rows = Matrix::zeros(particles, names.len());
        let mut weights = Matrix::zeros(particles, usize::from(self.weighted));
        let (mut placed, mut row) = (Vec::new(), Vec::with_capacity(names.len()));
        let mut first = 0;
        for (event, set) in events.events().enumerate() {
            placed.clear();
            if about_axis {
                place(set, self.upright, &mut placed).map_err(|error| error.at_event(event))?;
            } else {
                placed.resize(set.len(), Placed::default());
            }
            for (particle, (momentum, &placed)) in set.momenta().iter().zip(&placed).enumerate() {
                let at = |error: Error| match error {
                    Error::Core(error) => Error::Core(error.at_particle(particle).at_event(event)),
                    error => error,
                };
                row.clear();
                for (input, source) in &sources {
                    let feature = source.map(|(column, is_id)| (set.features()[[particle, column]], is_id));
                    input.push(momentum, placed, feature, &mut row).map_err(at)?;
                }
                for (x, [mean, deviation]) in row.iter_mut().zip(&self.scales) {
                    *x = (*x - mean) / if *deviation == 0.0 { 1.0 } else { *deviation };
                }
                for ((to, &x), name) in rows.row_mut(first + particle).iter_mut().zip(&row).zip(&names) {
                    *to = T::from_f64(x);
                    if !to.is_finite() {
                        let what = format!("particle's {name:?} as {}", T::NAME);
                        return Err(at(CoreError::not_finite(what, x).into()));
                    }
                }
                if self.weighted {
                    weights.row_mut(first + particle)[0] = T::from_f64(placed.fraction);
                }
            }
            first += set.len();
        }
        let globals = Matrix::zeros(events.event_count(), 0);
        Ok(Sets { rows, weights, globals, segments: Segments::new(events.offsets())? })
    }

    fn notes(&self) -> Vec<String> {
        let constant = |(name, [_, deviation]): (String, &[f64; 2])| {
            (*deviation == 0.0).then(|| format!("particles: {name:?} does not vary"))
        };
        self.columns().into_iter().zip(&self.scales).filter_map(constant).collect()
    }
}

/// Below this share of the sum of pt, the total transverse momentum is what rounding leaves of momenta that cancel.
const CANCELLED: f64 = 64.0 * f64::EPSILON;

/// The particles of a jet about its axis.
pub(super) fn place(jet: ParticleSet<'_>, upright: bool, placed: &mut Vec<Placed>) -> hepml_core::Result<()> {
    if jet.is_empty() {
        return Ok(());
    }
    let total = jet.total_momentum();
    let sum: f64 = jet.momenta().iter().map(FourMomentum::pt).sum();
    if !sum.is_finite() {
        return Err(CoreError::not_finite("sum of the particles' pt", sum));
    }
    // Also where there is no pt at all.
    if total.pt() <= CANCELLED * sum {
        return Err(CoreError::out_of_range("pt of the jet's axis", total.pt(), "positive"));
    }
    for (particle, p) in jet.momenta().iter().enumerate() {
        if *p == FourMomentum::ZERO {
            placed.push(Placed::default());
            continue;
        }
        let rapidity = p.delta_y(&total);
        if !rapidity.is_finite() {
            return Err(CoreError::not_finite("rapidity", rapidity).at_particle(particle));
        }
        placed.push(Placed { fraction: p.pt() / sum, rapidity, azimuth: p.delta_phi(&total) });
    }
    let centre = |f: fn(&Placed) -> f64| placed.iter().map(|p| p.fraction * f(p)).sum::<f64>();
    let (y, phi) = (centre(|p| p.rapidity), centre(|p| p.azimuth));
    for (p, momentum) in placed.iter_mut().zip(jet.momenta()) {
        if *momentum != FourMomentum::ZERO {
            p.rapidity -= y;
            p.azimuth -= phi;
        }
    }
    if upright {
        turn(placed);
    }
    Ok(())
}

/// Turns a centred jet upright and reflects it.
fn turn(placed: &mut [Placed]) {
    let moment = |f: fn(&Placed) -> f64| placed.iter().map(|p| p.fraction * f(p)).sum::<f64>();
    let (yy, pp) = (moment(|p| p.rapidity * p.rapidity), moment(|p| p.azimuth * p.azimuth));
    let yp = moment(|p| p.rapidity * p.azimuth);
    // The angle of the larger principal axis to the axis of azimuths.
    let (sine, cosine) = (0.5 * (2.0 * yp).atan2(pp - yy)).sin_cos();
    for p in &mut *placed {
        (p.rapidity, p.azimuth) =
            (cosine * p.rapidity - sine * p.azimuth, sine * p.rapidity + cosine * p.azimuth);
    }
    let balance = |f: fn(&Placed) -> f64| placed.iter().map(|p| p.fraction * side(f(p))).sum::<f64>();
    let (y, phi) = (balance(|p| p.rapidity).signum(), balance(|p| p.azimuth).signum());
    for p in placed {
        p.rapidity *= y;
        p.azimuth *= phi;
    }
}

/// The sign; 0 of 0, so that what lies on the axis has no side.
fn side(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
