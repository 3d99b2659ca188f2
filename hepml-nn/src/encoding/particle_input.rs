//! What a network sees of a particle.

use std::borrow::Cow;

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, FourMomentum, Item, ParticleSets, PdgId};

use crate::error::Result;

/// What a network sees of a particle: a number, or a column for each kind it may be of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum ParticleInput {
    /// z = pt/sum pt, the share of its event's scalar sum.
    PtFraction,
    /// The rapidity relative to the axis of the event.
    Rapidity,
    /// The azimuth relative to the axis of the event.
    Azimuth,
    /// The distance from the axis, sqrt(Δy² + Δphi²).
    Distance,
    /// ln(pt/GeV).
    LnPt,
    /// ln z.
    LnPtFraction,
    /// The charge in units of e: the feature `charge`, or that of the feature `pdg_id` where there is no `charge`.
    Charge,
    /// What a detector tells apart, from the feature `pdg_id`: a column each (1 or 0) for photons, positive, negative and neutral
    /// hadrons (nuclei included), e-, e+, mu-, mu+.
    DetectorType,
    /// What lives long enough to be seen, from the feature `pdg_id`: a column each (1 or 0) for 22, 211, -211, 321, -321, 130,
    /// 2112, -2112, 2212, -2212, 11, -11, 13, -13.
    StableSpecies,
    /// The feature of that name as it is.
    Feature(String),
}

const DETECTOR_TYPES: [&str; 8] =
    ["photon", "positive hadron", "negative hadron", "neutral hadron", "e-", "e+", "mu-", "mu+"];
const STABLE: [i32; 14] = [22, 211, -211, 321, -321, 130, 2112, -2112, 2212, -2212, 11, -11, 13, -13];

/// A particle in its event, about the axis.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Placed {
    pub(super) fraction: f64,
    pub(super) rapidity: f64,
    pub(super) azimuth: f64,
}

impl ParticleInput {
    /// The names of its columns.
    pub fn columns(&self) -> Vec<Cow<'_, str>> {
        match self {
            Self::DetectorType => DETECTOR_TYPES.map(Cow::Borrowed).to_vec(),
            Self::StableSpecies => STABLE.map(|id| Cow::Owned(format!("pdg_id {id}"))).to_vec(),
            single => vec![Cow::Borrowed(single.name())],
        }
    }

    /// The particle feature that it is made of, if any; instead of "charge", "pdg_id" will do.
    pub fn feature_name(&self) -> Option<&str> {
        match self {
            Self::Charge => Some("charge"),
            Self::DetectorType | Self::StableSpecies => Some("pdg_id"),
            Self::Feature(name) => Some(name),
            _ => None,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::PtFraction => "pt fraction",
            Self::Rapidity => "rapidity",
            Self::Azimuth => "azimuth",
            Self::Distance => "distance",
            Self::LnPt => "ln pt",
            Self::LnPtFraction => "ln pt fraction",
            Self::Charge => "charge",
            Self::DetectorType => "detector type",
            Self::StableSpecies => "stable species",
            Self::Feature(name) => name,
        }
    }

    /// Whether it is relative to the axis or the total pt of the event.
    pub(super) fn needs_axis(&self) -> bool {
        matches!(
            self,
            Self::PtFraction | Self::Rapidity | Self::Azimuth | Self::Distance | Self::LnPtFraction
        )
    }

    /// The column of features that it is read from, if it is.
    ///
    /// # Errors
    /// Events without that feature.
    pub(super) fn feature(&self, sets: &ParticleSets) -> Result<Option<usize>> {
        let Some(wanted) = self.feature_name() else { return Ok(None) };
        let column = |name: &str| sets.feature_names().iter().position(|known| known == name);
        let found = match self {
            Self::Charge => column(wanted).or_else(|| column("pdg_id")),
            _ => column(wanted),
        };
        let known = || sets.feature_names().to_vec();
        let missing =
            || CoreError::UnknownName { what: "particle feature", name: wanted.to_owned(), known: known() };
        Ok(Some(found.ok_or_else(missing)?))
    }

    /// Appends its numbers for a particle. `feature` is the value of its feature column, and whether that is `pdg_id`.
    ///
    /// # Errors
    /// A logarithm of no pt; a particle that is of none of the kinds.
    pub(super) fn push(
        &self,
        momentum: &FourMomentum,
        placed: Placed,
        feature: Option<(f64, bool)>,
        row: &mut Vec<f64>,
    ) -> Result<()> {
        let (value, is_id) = feature.unwrap_or_default();
        match self {
            Self::PtFraction => row.push(placed.fraction),
            Self::Rapidity => row.push(placed.rapidity),
            Self::Azimuth => row.push(placed.azimuth),
            Self::Distance => row.push(placed.rapidity.hypot(placed.azimuth)),
            Self::LnPt => row.push(ln("pt", momentum.pt())?),
            Self::LnPtFraction => row.push(ln("pt fraction", placed.fraction)?),
            Self::Charge if is_id => {
                let charge = pdg_id(value)?.charge();
                row.push(charge.ok_or_else(|| unknown(value, "that of a particle with a known charge"))?);
            }
            Self::Charge | Self::Feature(_) => row.push(value),
            Self::DetectorType => one_hot(detector_type(value)?, DETECTOR_TYPES.len(), row),
            Self::StableSpecies => {
                let id = pdg_id(value)?;
                let place = STABLE.iter().position(|stable| *stable == id.0);
                let place = place.ok_or_else(|| unknown(value, "one of the 14 long-lived particles"))?;
                one_hot(place, STABLE.len(), row);
            }
        }
        Ok(())
    }
}

fn ln(what: &'static str, value: f64) -> Result<f64> {
    if value > 0.0 {
        Ok(value.ln())
    } else {
        Err(CoreError::out_of_range(format!("{what}, for its logarithm,"), value, "positive").into())
    }
}

fn one_hot(place: usize, len: usize, row: &mut Vec<f64>) {
    row.extend((0..len).map(|column| f64::from(u8::from(column == place))));
}

fn unknown(value: f64, allowed: &'static str) -> CoreError {
    CoreError::OutOfRange { what: "feature \"pdg_id\"".into(), item: Item::NONE, value, allowed }
}

fn pdg_id(value: f64) -> Result<PdgId> {
    #[expect(clippy::cast_possible_truncation, reason = "what does not fit is found out")]
    let id = value as i32;
    if f64::from(id) == value {
        Ok(PdgId(id))
    } else {
        Err(unknown(value, "a whole number of 32 bits").into())
    }
}

/// The position among the detector's types.
fn detector_type(value: f64) -> Result<usize> {
    let id = pdg_id(value)?;
    Ok(match id {
        PdgId::PHOTON => 0,
        PdgId::ELECTRON => 4,
        PdgId::POSITRON => 5,
        PdgId::MUON => 6,
        PdgId::ANTIMUON => 7,
        id if id.is_hadron() || id.is_nucleus() => match id.three_charge() {
            Some(charge) if charge > 0 => 1,
            Some(charge) if charge < 0 => 2,
            _ => 3,
        },
        _ => return Err(unknown(value, "that of a photon, hadron, nucleus, electron or muon").into()),
    })
}
