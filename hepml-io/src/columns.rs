//! How columns of numbers become momenta and features: the one statement of it, for every tabular format, is the
//! documentation of [`ParticleLayout`].

use hepml_core::{Error, FourMomentum, Item, MassHypothesis, PdgId, Result};

/// What the columns of a particle are, and how they become a momentum and features.
///
/// # Conventions
/// Momenta in GeV, angles in radians. A *layout* says what the columns of a particle are:
///
/// | [`ParticleLayout`] | columns of a particle | momentum | padding |
/// | --- | --- | --- | --- |
/// | `PtYPhi` | pt, rapidity y, azimuth phi | E = mT cosh y, pz = mT sinh y, mT = √(pt² + m²) | pt = 0 |
/// | `PtYPhiPid` | the same, PDG id (EnergyFlow) | the same | pt = 0 |
/// | `PtEtaPhi` | pt, pseudorapidity eta, phi (LHC Olympics) | pz = pt sinh eta, E = √(p² + m²) | pt = 0 |
/// | `PtEtaPhiPid` | the same, PDG id | the same | pt = 0 |
/// | `PtEtaPhiM` | the same, mass | the same, m as recorded | pt = 0 |
/// | `EPxPyPz` | E, px, py, pz (top-tagging reference set) | as recorded | E = 0 |
/// | `PxPyPzE` | px, py, pz, E (FastJet's example data) | as recorded | E = 0 |
///
/// **Mass.** [`MassHypothesis::AsRecorded`] takes the momentum as the file has it; where the layout has no mass (the
/// first four), that is a massless particle, as is [`MassHypothesis::Massless`]. [`MassHypothesis::Pdg`] takes the mass
/// of the PDG table and needs a layout with an id; an id that the table does not know is an error naming event and
/// particle. In `PtYPhi`-like layouts pt and y are kept and E and pz follow from the mass; in the others the momentum
/// is kept and E follows.
///
/// **Padding.** A particle whose pt (or E) is exactly 0 is padding, wherever in the event it stands, and is left out; its
/// other columns must be finite (and its momentum 0, for the layouts with E) but are otherwise ignored. A negative pt or
/// E, a NaN or an infinity is an error naming event and particle, in padding too. Particles are counted from 0 by their
/// place in the file, padding included.
///
/// **Features.** A layout with an id gives the feature column `pdg_id`; the others give none. Ids must be whole numbers
/// that fit an `i32`. (A file that stores ids as 32-bit floats has rounded those above 2^24, nuclear codes mostly, before
/// we see them.)
///
/// **Exactness.** A momentum determines y and phi only up to rounding. Who needs the coordinates as the file has them
/// (a distance between events does) reads [`EventRows`](crate::EventRows), which hold the rows without the padding and
/// are not converted at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParticleLayout {
    /// Transverse momentum, rapidity, azimuth.
    PtYPhi,
    /// Transverse momentum, rapidity, azimuth, PDG id: the layout of EnergyFlow's jet samples.
    PtYPhiPid,
    /// Transverse momentum, pseudorapidity, azimuth: the layout of the LHC Olympics.
    PtEtaPhi,
    /// Transverse momentum, pseudorapidity, azimuth, PDG id.
    PtEtaPhiPid,
    /// Transverse momentum, pseudorapidity, azimuth, mass.
    PtEtaPhiM,
    /// Energy and momentum: the layout of the top-tagging reference set.
    EPxPyPz,
    /// Momentum and energy: the layout of FastJet's example data.
    PxPyPzE,
}

impl ParticleLayout {
    /// The names of the columns.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::PtYPhi => &["pt", "y", "phi"],
            Self::PtYPhiPid => &["pt", "y", "phi", "pid"],
            Self::PtEtaPhi => &["pt", "eta", "phi"],
            Self::PtEtaPhiPid => &["pt", "eta", "phi", "pid"],
            Self::PtEtaPhiM => &["pt", "eta", "phi", "mass"],
            Self::EPxPyPz => &["E", "px", "py", "pz"],
            Self::PxPyPzE => &["px", "py", "pz", "E"],
        }
    }

    /// The number of columns of a particle.
    pub const fn width(self) -> usize {
        self.columns().len()
    }

    /// The feature columns of the particles: `pdg_id` where the layout has an id.
    pub const fn features(self) -> &'static [&'static str] {
        if self.has_id() { &["pdg_id"] } else { &[] }
    }

    /// Whether the layout has a PDG id, always in the fourth column.
    pub const fn has_id(self) -> bool {
        matches!(self, Self::PtYPhiPid | Self::PtEtaPhiPid)
    }

    /// Which column says by a 0 that a particle is padding: pt or E.
    const fn size_column(self) -> usize {
        if matches!(self, Self::PxPyPzE) { 3 } else { 0 }
    }

    /// Whether `row` is a particle (`true`) or padding (`false`).
    ///
    /// # Errors
    /// Another number of columns; a number that is not finite; a negative pt, E or mass; an id that is not a whole number;
    /// a momentum without energy. The errors say no event and particle: the caller adds them.
    pub fn check(self, row: &[f64]) -> Result<bool> {
        if row.len() != self.width() {
            return Err(Error::shape("columns of a particle", self.width(), row.len()));
        }
        for (&value, name) in row.iter().zip(self.columns()) {
            if !value.is_finite() {
                return Err(Error::not_finite(*name, value));
            }
        }
        let size = self.size_column();
        if row[size] < 0.0 {
            return Err(Error::out_of_range(self.columns()[size], row[size], "at least 0"));
        }
        if row[size] == 0.0 {
            if matches!(self, Self::EPxPyPz | Self::PxPyPzE)
                && let Some(&momentum) = row.iter().find(|&&component| component != 0.0)
            {
                return Err(Error::out_of_range("momentum without energy", momentum, "0, as padding is"));
            }
            return Ok(false);
        }
        if self.has_id() {
            id(row)?;
        }
        if self == Self::PtEtaPhiM && row[3] < 0.0 {
            return Err(Error::out_of_range("mass", row[3], "at least 0"));
        }
        Ok(true)
    }

    /// The momentum of a particle, `None` for padding.
    ///
    /// # Errors
    /// As [`check`](Self::check); with [`MassHypothesis::Pdg`], a layout without ids or an id without a mass in the table;
    /// an energy that overflows.
    pub fn momentum(self, row: &[f64], mass: MassHypothesis) -> Result<Option<FourMomentum>> {
        if !self.check(row)? {
            return Ok(None);
        }
        let table_mass = match mass {
            MassHypothesis::Pdg => Some(self.pdg_mass(row)?),
            MassHypothesis::Massless => Some(0.0),
            MassHypothesis::AsRecorded => None,
        };
        let momentum = match self {
            Self::PtYPhi | Self::PtYPhiPid => {
                FourMomentum::from_pt_y_phi_m(row[0], row[1], row[2], table_mass.unwrap_or(0.0))
            }
            Self::PtEtaPhi | Self::PtEtaPhiPid => {
                FourMomentum::from_pt_eta_phi_m(row[0], row[1], row[2], table_mass.unwrap_or(0.0))
            }
            Self::PtEtaPhiM => {
                FourMomentum::from_pt_eta_phi_m(row[0], row[1], row[2], table_mass.unwrap_or(row[3]))
            }
            Self::EPxPyPz => with_mass(FourMomentum::new(row[0], row[1], row[2], row[3]), table_mass),
            Self::PxPyPzE => with_mass(FourMomentum::new(row[3], row[0], row[1], row[2]), table_mass),
        };
        momentum.map(Some)
    }

    fn pdg_mass(self, row: &[f64]) -> Result<f64> {
        if !self.has_id() {
            return Err(Error::UnknownName {
                what: "column, needed for masses of the PDG table,",
                name: "pid".into(),
                known: self.columns().iter().map(ToString::to_string).collect(),
            });
        }
        let id = id(row)?;
        id.mass()
            .ok_or_else(|| Error::out_of_range("PDG id", f64::from(id.0), "one with a mass in the PDG table"))
    }

    /// The row of a particle: the inverse of [`momentum`](Self::momentum), up to rounding. `id` is 0 where unknown.
    ///
    /// # Errors
    /// A momentum that is not finite; one that the layout would take for padding (pt or E of 0) or cannot hold (E < 0;
    /// infinite rapidity).
    pub fn row(self, momentum: FourMomentum, id: PdgId) -> Result<Vec<f64>> {
        let p = momentum.validated()?;
        let row = match self {
            Self::PtYPhi => vec![p.pt(), p.rapidity(), p.phi()],
            Self::PtYPhiPid => vec![p.pt(), p.rapidity(), p.phi(), f64::from(id.0)],
            Self::PtEtaPhi => vec![p.pt(), p.eta(), p.phi()],
            Self::PtEtaPhiPid => vec![p.pt(), p.eta(), p.phi(), f64::from(id.0)],
            // A massless momentum has a tiny mass of either sign by rounding.
            Self::PtEtaPhiM => vec![p.pt(), p.eta(), p.phi(), p.mass().max(0.0)],
            Self::EPxPyPz => vec![p.e, p.px, p.py, p.pz],
            Self::PxPyPzE => vec![p.px, p.py, p.pz, p.e],
        };
        if self.check(&row)? {
            Ok(row)
        } else {
            let column = self.size_column();
            Err(Error::out_of_range(self.columns()[column], row[column], "above 0: a 0 would be padding"))
        }
    }
}

/// The PDG id in the fourth column of `row`, which must be finite.
fn id(row: &[f64]) -> Result<PdgId> {
    let value = row[3];
    #[expect(clippy::cast_possible_truncation, reason = "compared with the original below")]
    let id = value as i32;
    if f64::from(id) == value {
        Ok(PdgId(id))
    } else {
        Err(Error::out_of_range("PDG id", value, "a whole number of 32 bits"))
    }
}

fn with_mass(p: FourMomentum, mass: Option<f64>) -> Result<FourMomentum> {
    mass.map_or(Ok(p), |mass| FourMomentum::from_p_m(p.px, p.py, p.pz, mass))
}

/// Which columns of a *wide* table, one row an event, hold which particle, the label and the weight.
///
/// ```
/// use hepml_io::{EventColumns, ParticleLayout};
///
/// // The LHC Olympics file: 700 x (pt, eta, phi), then the label.
/// let columns = EventColumns::lhc_olympics(2101)?;
/// assert_eq!((columns.layout(), columns.particles()), (ParticleLayout::PtEtaPhi, 700));
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventColumns {
    layout: ParticleLayout,
    particles: Vec<usize>,
    label: Option<usize>,
    weight: Option<usize>,
}

impl EventColumns {
    /// The columns of each particle, one after another in the order of the layout, and those of label and weight.
    ///
    /// # Errors
    /// No particle, or a number of columns that is no multiple of the layout's.
    pub fn new(
        layout: ParticleLayout,
        particles: Vec<usize>,
        label: Option<usize>,
        weight: Option<usize>,
    ) -> Result<Self> {
        if particles.is_empty() {
            return Err(Error::Empty { what: "list of particle columns".into() });
        }
        let whole = particles.len() / layout.width() * layout.width();
        if whole != particles.len() {
            let what = "particle columns, in whole particles";
            return Err(Error::shape(what, whole + layout.width(), particles.len()));
        }
        Ok(Self { layout, particles, label, weight })
    }

    /// The top-tagging reference set: `E_0, PX_0, PY_0, PZ_0, E_1, ...` and the label `is_signal_new`, found by name.
    ///
    /// The other columns (`truthE`, ..., `ttv`) are not read. Particles are numbered from 0 without a gap. The label is
    /// optional. Source: the data set's own description, Zenodo record 2603256.
    ///
    /// # Errors
    /// No `E_0`; a particle that misses a component.
    pub fn top_tagging(names: &[String]) -> Result<Self> {
        let find = |name: &str| names.iter().position(|known| known == name);
        let mut particles = Vec::new();
        for index in 0.. {
            if index > 0 && find(&format!("E_{index}")).is_none() {
                break;
            }
            for component in ["E", "PX", "PY", "PZ"] {
                let name = format!("{component}_{index}");
                particles.push(find(&name).ok_or_else(|| Error::UnknownName {
                    what: "column",
                    name,
                    known: names.to_vec(),
                })?);
            }
        }
        Self::new(ParticleLayout::EPxPyPz, particles, find("is_signal_new"), None)
    }

    /// The LHC Olympics files: `(pt, eta, phi)` of each particle, then the label if one column is left over.
    ///
    /// The R&D file has 2101 columns, 700 particles and a label (Zenodo record 4536377); the black boxes have 2100 and no
    /// label.
    ///
    /// # Errors
    /// Fewer than 3 columns; two columns left over.
    pub fn lhc_olympics(columns: usize) -> Result<Self> {
        let particles = columns / 3 * 3;
        match columns - particles {
            left @ (0 | 1) if particles > 0 => Self::new(
                ParticleLayout::PtEtaPhi,
                (0..particles).collect(),
                (left == 1).then_some(particles),
                None,
            ),
            _ => Err(Error::shape("columns, 3 a particle and at most one label", particles.max(3), columns)),
        }
    }

    /// The same with the weight of an event in column `weight`.
    #[must_use]
    pub fn with_weight(mut self, weight: usize) -> Self {
        self.weight = Some(weight);
        self
    }

    /// What the columns of a particle are.
    pub fn layout(&self) -> ParticleLayout {
        self.layout
    }

    /// The largest number of particles of an event.
    pub fn particles(&self) -> usize {
        self.particles.len() / self.layout.width()
    }

    /// The column of the label.
    pub fn label(&self) -> Option<usize> {
        self.label
    }

    /// The column of the weight.
    pub fn weight(&self) -> Option<usize> {
        self.weight
    }

    /// Checks that a table of `columns` columns has all of these.
    pub(crate) fn check(&self, columns: usize) -> Result<()> {
        match self.particles.iter().chain(&self.label).chain(&self.weight).find(|&&index| index >= columns) {
            Some(&index) => Err(Error::IndexOutOfBounds { what: "columns".into(), index, len: columns }),
            None => Ok(()),
        }
    }

    /// The columns of the particles in `row`, one particle after another.
    pub(crate) fn gather(&self, row: &[f64]) -> Vec<f64> {
        self.particles.iter().map(|&column| row[column]).collect()
    }
}

/// A label or weight that must be finite, of event `event`.
pub(crate) fn finite_of_event(what: &'static str, value: f64, event: usize) -> Result<f64> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Error::NotFinite { what: what.into(), item: Item::event(event), value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_has_an_inverse() {
        let p = FourMomentum::from_pt_y_phi_m(30.0, 1.25, -2.0, 0.1396).expect("valid");
        for layout in [
            ParticleLayout::PtYPhi,
            ParticleLayout::PtYPhiPid,
            ParticleLayout::PtEtaPhi,
            ParticleLayout::PtEtaPhiPid,
            ParticleLayout::PtEtaPhiM,
            ParticleLayout::EPxPyPz,
            ParticleLayout::PxPyPzE,
        ] {
            let row = layout.row(p, PdgId(211)).expect("valid");
            assert_eq!(row.len(), layout.width());
            let mass = if layout.has_id() { MassHypothesis::Pdg } else { MassHypothesis::AsRecorded };
            let back = layout.momentum(&row, mass).expect("valid").expect("a particle");
            assert!((back.pt() - p.pt()).abs() < 1e-13, "{layout:?}");
            let keeps_mass = matches!(
                layout,
                ParticleLayout::PtEtaPhiM | ParticleLayout::EPxPyPz | ParticleLayout::PxPyPzE
            );
            // Another mass changes E by at most m² cosh y / 2 pt = 6e-4 GeV.
            let tolerance = if keeps_mass { 1e-12 } else { 1e-3 };
            assert!((back.e - p.e).abs() < tolerance, "{layout:?}: {back:?}");
        }
    }

    #[test]
    fn momenta_that_a_layout_cannot_hold_are_refused() {
        let beam = FourMomentum::new(5.0, 0.0, 0.0, 5.0);
        assert!(ParticleLayout::PtYPhi.row(beam, PdgId(0)).is_err());
        assert!(ParticleLayout::PtEtaPhi.row(beam, PdgId(0)).is_err());
        assert_eq!(ParticleLayout::EPxPyPz.row(beam, PdgId(0)).expect("valid"), [5.0, 0.0, 0.0, 5.0]);
        assert!(ParticleLayout::EPxPyPz.row(FourMomentum::ZERO, PdgId(0)).is_err());
        assert!(ParticleLayout::EPxPyPz.row(FourMomentum::new(-1.0, 0.0, 0.0, 0.0), PdgId(0)).is_err());
        assert!(ParticleLayout::EPxPyPz.row(FourMomentum::new(f64::NAN, 0.0, 0.0, 0.0), PdgId(0)).is_err());
    }

    #[test]
    fn ids_without_a_mass_are_refused_only_if_one_is_asked_for() {
        let row = [5.0, 0.0, 0.0, 99_999_999.0];
        let layout = ParticleLayout::PtYPhiPid;
        assert!(layout.momentum(&row, MassHypothesis::Massless).expect("valid").is_some());
        let error = layout.momentum(&row, MassHypothesis::Pdg).expect_err("no such particle").to_string();
        assert!(error.contains("99999999") && error.contains("mass"), "{error}");
    }

    #[test]
    fn a_mass_given_for_components_keeps_the_momentum() {
        let row = [9.0, 3.0, 4.0, 0.0];
        let p = ParticleLayout::EPxPyPz.momentum(&row, MassHypothesis::Massless).expect("valid");
        assert_eq!(p, Some(FourMomentum::new(5.0, 3.0, 4.0, 0.0)));
    }

    #[test]
    fn wide_tables_are_checked() {
        assert!(EventColumns::new(ParticleLayout::PtYPhi, vec![], None, None).is_err());
        assert!(EventColumns::new(ParticleLayout::PtYPhi, vec![0, 1], None, None).is_err());
        for columns in [0, 1, 2, 5] {
            assert!(EventColumns::lhc_olympics(columns).is_err(), "{columns}");
        }
        assert_eq!(EventColumns::lhc_olympics(2100).expect("valid").label(), None);
        assert_eq!(EventColumns::lhc_olympics(2101).expect("valid").label(), Some(2100));
        let names: Vec<String> = ["PX_0", "E_0", "PY_0", "PZ_0", "weight"].map(String::from).to_vec();
        let columns = EventColumns::top_tagging(&names).expect("valid").with_weight(4);
        assert_eq!(columns.gather(&[1.0, 2.0, 3.0, 4.0, 5.0]), [2.0, 1.0, 3.0, 4.0]);
        assert!(columns.check(5).is_ok() && columns.check(4).is_err());
        assert!(EventColumns::top_tagging(&names[..3]).is_err());
    }
}
