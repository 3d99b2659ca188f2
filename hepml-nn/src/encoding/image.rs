//! Jets as images.
//!
//! # Conventions
//! The axis of a jet, and what turns it upright, are those of [`JetEncoder`](crate::JetEncoder). An image has `pixels` rows and columns over the square
//! |Δy| <= h, |Δphi| <= h about the axis, h being the half width: columns run with the rapidity, rows with the azimuth. Pixel
//! k begins at -h + 2h k/pixels; a particle on the edge between two pixels belongs to the later one, so that one at -h is
//! inside and one at +h is outside.

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, EventSet, ParticleSet, ParticleSets, Weighted};

use super::jet::place;
use super::particle_input::{ParticleInput, Placed};
use crate::error::{Error, Result};
use crate::image_shape::ImageShape;
use crate::matrix::Matrix;
use crate::network::Encoder;
use crate::scalar::Scalar;

/// Jets as images (arXiv:1407.5675, 1511.05190): the pt in each pixel about the pt-weighted axis, as fractions of the sum.
///
/// Particles are moved, turned and reflected before they are put into pixels, so that nothing is interpolated. What is
/// outside of the square is left out of the image and counted: [`outside`](Self::outside). The sum of an image's fractions is
/// 1 less that. With [`charged`](Self::charged) there are two channels (two of the three of arXiv:1612.01551): charged particles, and neutral ones.
///
/// The image of an event without particles is empty: zeros. As for a [`JetEncoder`](crate::JetEncoder), an event whose
/// transverse momenta cancel has no axis, and a particle along the beam no place: errors.
///
/// *Invariances*: the order of the particles; boosts along the beam and rotations about it; splitting a particle into
/// collinear ones; a common scale of all momenta, for fractions; rotations and reflections about the axis,
/// if [`upright`](Self::upright). All but the last are up to rounding, which may move a particle across the edge of a pixel.
///
/// ```
/// use hepml_core::{FourMomentum, ParticleSets};
/// use hepml_nn::{Encoder, ImageEncoder};
///
/// let particle = |pt, y, phi| FourMomentum::from_pt_y_phi_m(pt, y, phi, 0.0);
/// let jets = ParticleSets::from_events([[particle(30.0, 0.4, 3.1)?, particle(10.0, 0.8, 3.1)?]])?;
/// // The axis is at y = 0.5.
/// let images = ImageEncoder::new(4, 0.4).encode::<f64>(&jets)?;
/// assert_eq!(images.row(0)[8..12], [0.0, 0.75, 0.0, 0.25]);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "options that do not depend on each other")]
pub struct ImageEncoder {
    pixels: usize,
    half_width: f64,
    upright: bool,
    fractions: bool,
    charged: bool,
    standardise: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fitted: Option<Fitted>,
}

/// What is learned from training events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
struct Fitted {
    /// What each channel is divided by; none for an encoder that does not standardise.
    scales: Vec<f64>,
    /// The mean fraction of pt outside.
    outside: f64,
}

/// The most numbers of an image: blocks of events are encoded at once.
const MOST_NUMBERS: usize = 1 << 20;

/// More than this fraction of pt outside of the images is worth a note.
const NOTABLE: f64 = 0.01;

impl Default for ImageEncoder {
    /// 32 x 32 pixels over |Δy|, |Δphi| <= 0.8.
    fn default() -> Self {
        Self::new(32, 0.8)
    }
}

impl ImageEncoder {
    /// Images with so many rows and columns over a square with that half width: about the radius of the jets. Fractions of
    /// pt, one channel, neither turned upright nor standardised.
    pub fn new(pixels: usize, half_width: f64) -> Self {
        Self {
            pixels,
            half_width,
            upright: false,
            fractions: true,
            charged: false,
            standardise: false,
            fitted: None,
        }
    }

    /// Whether each jet is turned and reflected: see [`JetEncoder::upright`](crate::JetEncoder::upright).
    #[must_use]
    pub fn upright(mut self, upright: bool) -> Self {
        self.upright = upright;
        self
    }

    /// Whether pixels are fractions of the jet's sum of pt, or pt in GeV.
    #[must_use]
    pub fn fractions(mut self, fractions: bool) -> Self {
        self.fractions = fractions;
        self
    }

    /// Whether charged and neutral particles are apart, in that order; see [`ParticleInput::Charge`] for the features that
    /// say which are.
    #[must_use]
    pub fn charged(mut self, charged: bool) -> Self {
        self.charged = charged;
        self
    }

    /// Whether [`fitted`](Self::fitted) scales each channel to a root mean square of 1 over all pixels of the training events. An empty pixel
    /// stays 0.
    #[must_use]
    pub fn standardise(mut self, standardise: bool) -> Self {
        self.standardise = standardise;
        self
    }

    /// The encoder with what it learns from training events, each with the modulus of its weight: the scales of the channels, if it is to
    /// [`standardise`](Self::standardise), and how much is outside of the images. A channel in which there is nothing is not scaled.
    ///
    /// # Errors
    /// No events, or weights that all vanish; as [`encode`](Encoder::encode).
    pub fn fitted(mut self, events: &Weighted<ParticleSets>) -> Result<Self> {
        let shape = self.shape()?;
        let charge = self.charge(events.events())?;
        // Scaled by the largest, so that sums neither overflow nor underflow.
        let largest = events.weights().iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        if largest == 0.0 {
            return Err(CoreError::Empty { what: "set of events with a weight".into() }.into());
        }
        let mut sums = vec![0.0; shape.channels];
        let (mut total, mut outside) = (0.0, 0.0);
        let (mut placed, mut image) = (Vec::new(), vec![0.0; shape.columns()]);
        for (event, (set, weight)) in events.events().events().zip(events.weights()).enumerate() {
            let weight = weight.abs() / largest;
            let lost =
                self.draw(set, charge, &mut placed, &mut image).map_err(|error| at_event(error, event))?;
            total += weight;
            outside += weight * lost;
            for (sum, channel) in sums.iter_mut().zip(image.chunks(shape.pixels())) {
                *sum += weight * channel.iter().map(|x| x * x).sum::<f64>() / shape.pixels() as f64;
            }
        }
        let scales = sums.into_iter().map(|sum| (sum / total).sqrt());
        let scales = scales.map(|scale| if scale > 0.0 { scale } else { 1.0 });
        self.fitted = Some(Fitted {
            scales: if self.standardise { scales.collect() } else { Vec::new() },
            outside: outside / total,
        });
        Ok(self)
    }

    /// The shape of the images.
    ///
    /// # Errors
    /// No pixels; more than 2^20 numbers; a half width that is not positive and finite.
    pub fn shape(&self) -> Result<ImageShape> {
        if !(self.half_width > 0.0 && self.half_width.is_finite()) {
            let allowed = "positive and finite";
            return Err(CoreError::out_of_range("half width of an image", self.half_width, allowed).into());
        }
        let shape = ImageShape::new(if self.charged { 2 } else { 1 }, self.pixels, self.pixels).checked()?;
        if shape.columns() > MOST_NUMBERS {
            let numbers = shape.columns() as f64;
            return Err(CoreError::out_of_range("numbers of a jet's image", numbers, "at most 2^20").into());
        }
        Ok(shape)
    }

    /// The particle feature that events must have, if any; see [`ParticleInput::feature_name`].
    pub fn feature_name(&self) -> Option<&str> {
        if self.charged { ParticleInput::Charge.feature_name() } else { None }
    }

    /// The fraction of each event's pt that is outside of its image.
    ///
    /// # Errors
    /// As [`encode`](Encoder::encode).
    pub fn outside(&self, events: &ParticleSets) -> Result<Vec<f64>> {
        let shape = self.shape()?;
        let charge = self.charge(events)?;
        let (mut placed, mut image) = (Vec::new(), vec![0.0; shape.columns()]);
        let draw = |(event, set)| {
            self.draw(set, charge, &mut placed, &mut image).map_err(|error| at_event(error, event))
        };
        events.events().enumerate().map(draw).collect()
    }

    /// Where the charge of a particle is, if it is needed: its column, and whether that is `pdg_id`.
    fn charge(&self, events: &ParticleSets) -> Result<Option<(usize, bool)>> {
        if !self.charged {
            return Ok(None);
        }
        let column = ParticleInput::Charge.feature(events)?;
        Ok(column.map(|column| (column, events.feature_names()[column] == "pdg_id")))
    }

    /// The image of a jet, not scaled; returns the fraction of pt outside.
    fn draw(
        &self,
        jet: ParticleSet<'_>,
        charge: Option<(usize, bool)>,
        placed: &mut Vec<Placed>,
        image: &mut [f64],
    ) -> Result<f64> {
        image.fill(0.0);
        placed.clear();
        place(jet, self.upright, placed)?;
        let mut outside = 0.0;
        let mut number = Vec::with_capacity(1);
        for (particle, (momentum, placed)) in jet.momenta().iter().zip(&*placed).enumerate() {
            let channel = match charge {
                Some((column, is_id)) => {
                    let feature = Some((jet.features()[[particle, column]], is_id));
                    number.clear();
                    ParticleInput::Charge.push(momentum, *placed, feature, &mut number).map_err(|error| {
                        match error {
                            Error::Core(error) => Error::Core(error.at_particle(particle)),
                            error => error,
                        }
                    })?;
                    usize::from(number[0] == 0.0)
                }
                None => 0,
            };
            match (self.pixel(placed.azimuth), self.pixel(placed.rapidity)) {
                (Some(row), Some(column)) => {
                    let intensity = if self.fractions { placed.fraction } else { momentum.pt() };
                    image[(channel * self.pixels + row) * self.pixels + column] += intensity;
                }
                _ => outside += placed.fraction,
            }
        }
        Ok(outside)
    }

    /// The pixel that a distance from the axis is in.
    fn pixel(&self, distance: f64) -> Option<usize> {
        if !(-self.half_width..self.half_width).contains(&distance) {
            return None;
        }
        let place = (distance / self.half_width + 1.0) * 0.5 * self.pixels as f64;
        // Rounding may reach the end.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and pixels")]
        Some((place as usize).min(self.pixels - 1))
    }
}

fn at_event(error: Error, event: usize) -> Error {
    match error {
        Error::Core(error) => Error::Core(error.at_event(event)),
        error => error,
    }
}

impl Encoder for ImageEncoder {
    type Events = ParticleSets;
    type Encoded<T: Scalar> = Matrix<T>;

    fn encode<T: Scalar>(&self, events: &ParticleSets) -> Result<Matrix<T>> {
        let shape = self.shape()?;
        let charge = self.charge(events)?;
        let scales = self.fitted.as_ref().map_or(&[][..], |fitted| &fitted.scales);
        if !scales.is_empty() && scales.len() != shape.channels {
            return Err(Error::shape("channels that an image encoder scales", shape.channels, scales.len()));
        }
        let mut images = Matrix::zeros(events.event_count(), shape.columns());
        let (mut placed, mut image) = (Vec::new(), vec![0.0; shape.columns()]);
        for (event, set) in events.events().enumerate() {
            self.draw(set, charge, &mut placed, &mut image).map_err(|error| at_event(error, event))?;
            for (channel, scale) in image.chunks_mut(shape.pixels()).zip(scales) {
                for x in channel {
                    *x /= scale;
                }
            }
            for (to, &x) in images.row_mut(event).iter_mut().zip(&image) {
                *to = T::from_f64(x);
                if !to.is_finite() {
                    let what = format!("pixel as {}", T::NAME);
                    return Err(CoreError::not_finite(what, x).at_event(event).into());
                }
            }
        }
        Ok(images)
    }

    fn notes(&self) -> Vec<String> {
        let outside = self.fitted.as_ref().map_or(0.0, |fitted| fitted.outside);
        if outside > NOTABLE {
            let percent = 100.0 * outside;
            vec![format!("images: {percent:.1} % of the transverse momentum of the events is outside")]
        } else {
            Vec::new()
        }
    }
}
