//! Particle identities in the PDG's Monte Carlo numbering scheme.

use std::fmt;

/// A particle's number in the PDG's Monte Carlo numbering scheme; antiparticles are negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct PdgId(pub i32);

impl fmt::Display for PdgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl From<i32> for PdgId {
    fn from(id: i32) -> Self {
        Self(id)
    }
}

impl PdgId {
    /// Whether this is a neutrino or antineutrino (12, 14, 16).
    pub const fn is_neutrino(self) -> bool {
        matches!(self.0.unsigned_abs(), 12 | 14 | 16)
    }

    /// The mass in GeV, where the table has one.
    pub fn mass(self) -> Option<f64> {
        None
    }

    /// The electric charge in units of e, where the table or the code gives one.
    pub fn charge(self) -> Option<f64> {
        None
    }
}
