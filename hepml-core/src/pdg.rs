//! Particle identities in the PDG's Monte Carlo numbering scheme.
//!
//! # Conventions
//! - Codes are those of the numbering scheme in the Review of Particle Physics (Particle Data Group, 2026 edition); an
//!   antiparticle has the negative code. The negative code of a particle that is its own antiparticle (-22) is no particle:
//!   it has no name, mass or charge.
//! - Masses and widths in GeV are those of the PDG's 2026 table for Monte Carlo programs, as carried by the Python package
//!   `particle` 1.1.0 (Scikit-HEP); those of deuteron, triton, helion and alpha are CODATA 2022. Quark masses are the PDG's
//!   current masses: MS-bar at 2 GeV for u, d, s, at the quark's own mass for c and b; that of t comes from direct
//!   measurements. Neutrinos have mass 0, as in generators: the PDG table has none. Codes that the scheme names, but for
//!   which the table has no mass (Sigma(b)0, Xi(cc)++, diquarks, ...), have `None`; so have all other nuclei.
//! - Names are those of the package `particle`, in the PDG's ASCII style: `e-`, `e+`, `pi0`, `K(S)0`, `J/psi(1S)`,
//!   `Lambda(b)0`. A charged meson's or lepton's antiparticle is told by its charge; otherwise a `~` follows the family's
//!   name: `p~`, `K~0`, `Lambda(c)~-`. Nuclei are called `He4` or `C12` (`D2` and `T3` for deuteron and triton), antinuclei
//!   `He4~`; excited nuclei and hypernuclei have no name.
//! - Charges, antiparticles and the classification follow from the code alone, so they are known for hadrons that no table
//!   lists: `n nr nL nq1 nq2 nq3 nJ` (mesons, baryons, diquarks), `1 nr nL nq1 nq2 0 nq3 nq4 nJ` (tetraquarks),
//!   `1 nr nL nq1 nq2 nq3 nq4 nq5 nJ` (pentaquarks), `1 0 L ZZZ AAA I` (nuclei). R-hadrons, technicolor, hidden valleys,
//!   Kaluza-Klein states, monopoles and Q-balls are not resolved: no charge.

use std::borrow::Cow;
use std::f64::consts::PI;
use std::fmt;

use crate::pdg_table::{ELEMENTS, Entry, PARTICLES};

/// ħc in GeV mm, from the exact SI values of h, c and e.
const HBAR_C: f64 = 6.626_070_15e-34 * 299_792_458.0 / (2.0 * PI * 1.602_176_634e-19) * 1e-9 * 1e3;

/// A particle's number in the PDG's Monte Carlo numbering scheme; antiparticles are negative.
///
/// It displays as the number, as files have it; [`name`](Self::name) is for people.
///
/// ```
/// use hepml_core::PdgId;
///
/// let id = PdgId(-5122);
/// assert_eq!(id.name().as_deref(), Some("Lambda(b)~0"));
/// assert_eq!(id.to_string(), "-5122");
/// assert!(id.is_baryon() && id.has_bottom());
/// assert_eq!(id.antiparticle(), PdgId::LAMBDA_B);
///
/// assert_eq!(PdgId::from_name("pi+"), Some(PdgId::PI_PLUS));
/// assert_eq!(PdgId::PI_PLUS.mass(), Some(0.13957039));
/// assert_eq!(PdgId::PI_PLUS.charge(), Some(1.0));
/// assert_eq!(PdgId(1000060120).name().as_deref(), Some("C12"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct PdgId(pub i32);

impl fmt::Display for PdgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<i32> for PdgId {
    fn from(id: i32) -> Self {
        Self(id)
    }
}

/// What the digits of a code say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Quark,
    Lepton,
    /// Gauge and Higgs bosons, supersymmetric partners, excited fermions, pomerons.
    Fundamental,
    Diquark,
    Meson,
    Baryon,
    Tetraquark,
    Pentaquark,
    Nucleus,
    GeneratorInternal,
    Unknown,
}

impl PdgId {
    /// The d quark.
    pub const DOWN: Self = Self(1);
    /// The u quark.
    pub const UP: Self = Self(2);
    /// The s quark.
    pub const STRANGE: Self = Self(3);
    /// The c quark.
    pub const CHARM: Self = Self(4);
    /// The b quark.
    pub const BOTTOM: Self = Self(5);
    /// The t quark.
    pub const TOP: Self = Self(6);
    /// The electron, e-.
    pub const ELECTRON: Self = Self(11);
    /// The positron, e+.
    pub const POSITRON: Self = Self(-11);
    /// The electron neutrino.
    pub const NU_E: Self = Self(12);
    /// The muon, mu-.
    pub const MUON: Self = Self(13);
    /// The antimuon, mu+.
    pub const ANTIMUON: Self = Self(-13);
    /// The muon neutrino.
    pub const NU_MU: Self = Self(14);
    /// The tau, tau-.
    pub const TAU: Self = Self(15);
    /// The antitau, tau+.
    pub const ANTITAU: Self = Self(-15);
    /// The tau neutrino.
    pub const NU_TAU: Self = Self(16);
    /// The gluon.
    pub const GLUON: Self = Self(21);
    /// The photon.
    pub const PHOTON: Self = Self(22);
    /// The Z boson.
    pub const Z: Self = Self(23);
    /// The W+ boson.
    pub const W_PLUS: Self = Self(24);
    /// The W- boson.
    pub const W_MINUS: Self = Self(-24);
    /// The Higgs boson of the Standard Model.
    pub const HIGGS: Self = Self(25);
    /// pi0.
    pub const PI_ZERO: Self = Self(111);
    /// pi+.
    pub const PI_PLUS: Self = Self(211);
    /// pi-.
    pub const PI_MINUS: Self = Self(-211);
    /// The eta.
    pub const ETA: Self = Self(221);
    /// rho(770)0.
    pub const RHO_ZERO: Self = Self(113);
    /// omega(782).
    pub const OMEGA: Self = Self(223);
    /// phi(1020).
    pub const PHI: Self = Self(333);
    /// The long-lived neutral kaon.
    pub const K_LONG: Self = Self(130);
    /// The short-lived neutral kaon.
    pub const K_SHORT: Self = Self(310);
    /// K0, the flavour eigenstate.
    pub const K_ZERO: Self = Self(311);
    /// K+.
    pub const K_PLUS: Self = Self(321);
    /// K-.
    pub const K_MINUS: Self = Self(-321);
    /// D+.
    pub const D_PLUS: Self = Self(411);
    /// D0.
    pub const D_ZERO: Self = Self(421);
    /// D(s)+.
    pub const D_S_PLUS: Self = Self(431);
    /// B0.
    pub const B_ZERO: Self = Self(511);
    /// B+.
    pub const B_PLUS: Self = Self(521);
    /// B(s)0.
    pub const B_S_ZERO: Self = Self(531);
    /// B(c)+.
    pub const B_C_PLUS: Self = Self(541);
    /// J/psi(1S).
    pub const J_PSI: Self = Self(443);
    /// Upsilon(1S).
    pub const UPSILON: Self = Self(553);
    /// The proton.
    pub const PROTON: Self = Self(2212);
    /// The neutron.
    pub const NEUTRON: Self = Self(2112);
    /// The Lambda.
    pub const LAMBDA: Self = Self(3122);
    /// Lambda(c)+.
    pub const LAMBDA_C_PLUS: Self = Self(4122);
    /// Lambda(b)0.
    pub const LAMBDA_B: Self = Self(5122);
    /// The deuteron.
    pub const DEUTERON: Self = Self(1_000_010_020);
    /// The alpha particle, He4.
    pub const ALPHA: Self = Self(1_000_020_040);

    /// The particle of that name, spelt as [`name`](Self::name) spells it; `None` if there is none.
    ///
    /// Where the table has two codes of one name (`psi(4160)`, `Lambda(c)(2625)+`: the PDG renumbered them), the one with a
    /// mass is returned, and of two with a mass the smaller.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut found: Option<(Self, &Entry)> = None;
        for entry in &PARTICLES {
            let id = if entry.name == name {
                entry.id
            } else if entry.antiparticle == Some(name) {
                -entry.id
            } else {
                continue;
            };
            if found.is_none_or(|(_, earlier)| earlier.mass.is_none() && entry.mass.is_some()) {
                found = Some((Self(id), entry));
            }
        }
        found.map(|(id, _)| id).or_else(|| Self::nucleus_from_name(name))
    }

    fn nucleus_from_name(name: &str) -> Option<Self> {
        let (symbol_and_number, sign) = name.strip_suffix('~').map_or((name, 1), |rest| (rest, -1));
        let (symbol, number) =
            symbol_and_number.split_at(symbol_and_number.find(|c: char| c.is_ascii_digit())?);
        let z = match symbol {
            "n" => 0,
            _ => i32::try_from(ELEMENTS.iter().position(|element| *element == symbol)?).ok()? + 1,
        };
        let a: i32 = number.parse().ok().filter(|a| (z..1000).contains(a))?;
        let id = Self(sign * (1_000_000_000 + z * 10_000 + a * 10));
        // Turns away what is not spelt as `name` spells it: C012, H2 for D2.
        (id.name()? == name).then_some(id)
    }

    /// The name, where the table or, for a nucleus in its ground state, the code gives one.
    pub fn name(self) -> Option<Cow<'static, str>> {
        if let Some([z, a, 0, 0]) = self.nucleus() {
            let symbol = match (z, a) {
                (0, 1) => "n",
                (0, _) => return None,
                (1, 2) => "D",
                (1, 3) => "T",
                _ => *ELEMENTS.get(usize::try_from(z).ok()? - 1)?,
            };
            return Some(Cow::Owned(format!("{symbol}{a}{}", if self.0 < 0 { "~" } else { "" })));
        }
        let entry = self.entry()?;
        if self.0 < 0 { entry.antiparticle.map(Cow::Borrowed) } else { Some(Cow::Borrowed(entry.name)) }
    }

    /// The mass in GeV, where the table has one.
    pub fn mass(self) -> Option<f64> {
        self.entry()?.mass
    }

    /// The total width Γ in GeV, where the table has one; 0 for a stable particle.
    pub fn width(self) -> Option<f64> {
        self.entry()?.width
    }

    /// The mean proper decay length c tau = ħc / Γ in mm, where the table has a width; infinite for a stable particle.
    pub fn c_tau(self) -> Option<f64> {
        self.width().map(|width| HBAR_C / width)
    }

    /// The electric charge in units of e, where the code gives one.
    pub fn charge(self) -> Option<f64> {
        self.three_charge().map(|charge| f64::from(charge) / 3.0)
    }

    /// Three times the electric charge in units of e, where the code gives one.
    pub const fn three_charge(self) -> Option<i32> {
        let code = self.0.unsigned_abs();
        let positive = match self.kind() {
            Kind::Quark | Kind::Lepton | Kind::Fundamental => match fundamental_three_charge(code) {
                Some(charge) => charge,
                None => return None,
            },
            Kind::Diquark | Kind::Meson | Kind::Baryon | Kind::Tetraquark | Kind::Pentaquark => {
                let quarks = quarks(code);
                let (mut sum, mut i) = (0, 0);
                while i < quarks.len() {
                    sum += match quarks[i].unsigned_abs() {
                        0 => 0,
                        flavour if flavour % 2 == 0 => 2 * quarks[i].signum(),
                        _ => -quarks[i].signum(),
                    };
                    i += 1;
                }
                sum
            }
            Kind::Nucleus => 3 * nucleus_parts(code)[0].cast_signed(),
            Kind::GeneratorInternal | Kind::Unknown => return None,
        };
        Some(if self.0 < 0 { -positive } else { positive })
    }

    /// The antiparticle: the negative code, or the same one for a particle that is its own antiparticle.
    ///
    /// Codes that name no particle are negated, too, except that `i32::MIN`, which has no negative, stays as it is.
    #[must_use]
    pub const fn antiparticle(self) -> Self {
        match self.0.checked_neg() {
            Some(negative) if !is_own_antiparticle(self.0.unsigned_abs()) => Self(negative),
            _ => self,
        }
    }

    /// Whether this is a quark or antiquark (1 to 6; 7 and 8 of a fourth generation).
    pub const fn is_quark(self) -> bool {
        matches!(self.kind(), Kind::Quark)
    }

    /// Whether this is a lepton or antilepton (11 to 16; 17 and 18 of a fourth generation).
    pub const fn is_lepton(self) -> bool {
        matches!(self.kind(), Kind::Lepton)
    }

    /// Whether this is a charged lepton or antilepton.
    pub const fn is_charged_lepton(self) -> bool {
        self.is_lepton() && self.0 % 2 != 0
    }

    /// Whether this is a neutrino or antineutrino (12, 14, 16).
    pub const fn is_neutrino(self) -> bool {
        matches!(self.0.unsigned_abs(), 12 | 14 | 16)
    }

    /// Whether this is a hadron: a meson or a baryon, tetraquarks and pentaquarks included, nuclei not.
    pub const fn is_hadron(self) -> bool {
        self.is_meson() || self.is_baryon()
    }

    /// Whether this is a meson, or a tetraquark.
    pub const fn is_meson(self) -> bool {
        matches!(self.kind(), Kind::Meson | Kind::Tetraquark)
    }

    /// Whether this is a baryon or antibaryon, or a pentaquark.
    pub const fn is_baryon(self) -> bool {
        matches!(self.kind(), Kind::Baryon | Kind::Pentaquark)
    }

    /// Whether this is a diquark or antidiquark.
    pub const fn is_diquark(self) -> bool {
        matches!(self.kind(), Kind::Diquark)
    }

    /// Whether this is the ten-digit code of a nucleus, antinucleus or hypernucleus; that of the proton is 2212.
    pub const fn is_nucleus(self) -> bool {
        matches!(self.kind(), Kind::Nucleus)
    }

    /// Whether the code is for a generator's own use: strings, clusters, systems and parton components (81 to 100, 901 to
    /// 930, 998, 999, 1901 to 1930, 2901 to 2930, 3901 to 3930), optical photons and geantinos, and all of 99xxxxx
    /// (diffractive systems, colour-octet quarkonia). Such a code has no name, mass or charge.
    pub const fn is_generator_internal(self) -> bool {
        matches!(self.kind(), Kind::GeneratorInternal)
    }

    /// Whether this is a hadron or diquark with a charm quark or antiquark, hidden charm (J/psi) included; the quark itself is not.
    pub const fn has_charm(self) -> bool {
        self.contains(4)
    }

    /// Whether this is a hadron or diquark with a bottom quark or antiquark, hidden bottom (Upsilon) included; the quark itself is not.
    pub const fn has_bottom(self) -> bool {
        self.contains(5)
    }

    /// A nucleus's number of protons Z (the charge; not negative, for antinuclei neither).
    pub const fn atomic_number(self) -> Option<u32> {
        match self.nucleus() {
            Some([z, ..]) => Some(z),
            None => None,
        }
    }

    /// A nucleus's number of baryons A.
    pub const fn mass_number(self) -> Option<u32> {
        match self.nucleus() {
            Some([_, a, ..]) => Some(a),
            None => None,
        }
    }

    /// A nucleus's number L of strange quarks; 0 but for hypernuclei.
    pub const fn nucleus_strangeness(self) -> Option<u32> {
        match self.nucleus() {
            Some([_, _, strange, _]) => Some(strange),
            None => None,
        }
    }

    /// A nucleus's isomer number I; 0 in the ground state.
    pub const fn isomer(self) -> Option<u32> {
        match self.nucleus() {
            Some([.., isomer]) => Some(isomer),
            None => None,
        }
    }

    /// [Z, A, L, I].
    const fn nucleus(self) -> Option<[u32; 4]> {
        if self.is_nucleus() { Some(nucleus_parts(self.0.unsigned_abs())) } else { None }
    }

    const fn contains(self, flavour: u32) -> bool {
        if !self.is_hadron() && !self.is_diquark() {
            return false;
        }
        let quarks = quarks(self.0.unsigned_abs());
        let mut i = 0;
        while i < quarks.len() {
            if quarks[i].unsigned_abs() == flavour {
                return true;
            }
            i += 1;
        }
        false
    }

    const fn kind(self) -> Kind {
        let code = self.0.unsigned_abs();
        if self.0 < 0 && is_own_antiparticle(code) { Kind::Unknown } else { kind_of(code) }
    }

    fn entry(self) -> Option<&'static Entry> {
        if self.kind() == Kind::Unknown {
            return None;
        }
        let code = match self.0.checked_abs()? {
            // The ten-digit codes of neutron and proton.
            1_000_000_010 => 2112,
            1_000_010_010 => 2212,
            code => code,
        };
        PARTICLES.binary_search_by_key(&code, |entry| entry.id).ok().map(|index| &PARTICLES[index])
    }
}

/// The decimal digit at `position`, counted from 1 at the right.
const fn digit(code: u32, position: u32) -> u32 {
    code / 10_u32.pow(position - 1) % 10
}

/// The kind of particle with a positive code.
const fn kind_of(code: u32) -> Kind {
    match code {
        1..=8 => return Kind::Quark,
        11..=18 => return Kind::Lepton,
        81..=100
        | 901..=930
        | 998
        | 999
        | 1901..=1930
        | 2901..=2930
        | 3901..=3930
        | 20_022
        | 480_000_000
        | 9_900_000..=9_999_999 => return Kind::GeneratorInternal,
        // The mass eigenstates of neutral mesons have nJ = 0.
        130 | 150 | 310 | 350 | 510 | 530 => return Kind::Meson,
        100_000_000..200_000_000 => return multiquark_kind(code),
        1_000_000_000..1_100_000_000 => {
            let [z, a, ..] = nucleus_parts(code);
            return if a > 0 && z <= a { Kind::Nucleus } else { Kind::Unknown };
        }
        _ => {}
    }
    if fundamental_three_charge(code).is_some() {
        return Kind::Fundamental;
    }
    let (n, q1, q2, q3, nj) =
        (code / 1_000_000, digit(code, 4), digit(code, 3), digit(code, 2), digit(code, 1));
    if !matches!(n, 0 | 9) || nj == 0 || q1 > 6 || q2 > 6 || q3 > 6 || q2 == 0 {
        Kind::Unknown
    } else if q1 == 0 && q3 > 0 && q2 >= q3 {
        Kind::Meson
    } else if q1 > 0 && q3 > 0 {
        // Not sorted: the order of the quarks tells the Lambda from the Sigma0, and the N from the Delta.
        Kind::Baryon
    } else if code < 10_000 && q1 >= q2 && q3 == 0 {
        Kind::Diquark
    } else {
        Kind::Unknown
    }
}

/// Tetraquarks and pentaquarks.
const fn multiquark_kind(code: u32) -> Kind {
    let q = [digit(code, 6), digit(code, 5), digit(code, 4), digit(code, 3), digit(code, 2)];
    if digit(code, 1) == 0 || q[0] > 6 || q[1] > 6 || q[2] > 6 || q[3] > 6 || q[4] > 6 || q[4] == 0 {
        return Kind::Unknown;
    }
    if q[2] == 0 {
        let sorted = q[0] >= q[1] && q[1] > 0 && q[3] >= q[4];
        let particle = q[0] > q[3] || (q[0] == q[3] && q[1] >= q[4]);
        if sorted && particle { Kind::Tetraquark } else { Kind::Unknown }
    } else if q[0] >= q[1] && q[1] >= q[2] && q[2] >= q[3] && q[3] > 0 {
        Kind::Pentaquark
    } else {
        Kind::Unknown
    }
}

/// The quarks (antiquarks negative, 0 for none) of a hadron or diquark with a positive code.
const fn quarks(code: u32) -> [i32; 5] {
    match code {
        130 | 310 => return [1, -3, 0, 0, 0],
        150 | 510 => return [1, -5, 0, 0, 0],
        350 | 530 => return [3, -5, 0, 0, 0],
        _ => {}
    }
    let [q5, q4, q3, q2, q1] = [
        digit(code, 2).cast_signed(),
        digit(code, 3).cast_signed(),
        digit(code, 4).cast_signed(),
        digit(code, 5).cast_signed(),
        digit(code, 6).cast_signed(),
    ];
    match kind_of(code) {
        // The heavier quark is the quark if it is up-like, the antiquark if it is down-like: K+ and B+ are positive.
        Kind::Meson if q4 % 2 == 0 => [q4, -q5, 0, 0, 0],
        Kind::Meson => [q5, -q4, 0, 0, 0],
        Kind::Tetraquark => [q1, q2, -q4, -q5, 0],
        Kind::Pentaquark => [q1, q2, q3, q4, -q5],
        _ => [q3, q4, q5, 0, 0],
    }
}

/// [Z, A, L, I] of the digits 10LZZZAAAI.
const fn nucleus_parts(code: u32) -> [u32; 4] {
    [code / 10_000 % 1000, code / 10 % 1000, digit(code, 8), digit(code, 1)]
}

/// Three times the charge of a quark, lepton, boson, supersymmetric partner or excited fermion with a positive code.
const fn fundamental_three_charge(code: u32) -> Option<i32> {
    Some(match code {
        1 | 3 | 5 | 7 | 42 => -1,
        2 | 4 | 6 | 8 => 2,
        11 | 13 | 15 | 17 => -3,
        12 | 14 | 16 | 18 | 41 => 0,
        24 | 34 | 37 | 1_000_024 | 1_000_037 => 3,
        _ if is_neutral_fundamental(code) => 0,
        1_000_001..=1_000_016 | 2_000_001..=2_000_016 | 4_000_001..=4_000_016 => match code % 1_000_000 {
            fermion @ (1..=6 | 11..=16) => return fundamental_three_charge(fermion),
            _ => return None,
        },
        _ => return None,
    })
}

/// Whether this is the code of a gauge or Higgs boson, neutralino, gluino, gravitino, reggeon, pomeron or odderon that is
/// its own antiparticle.
const fn is_neutral_fundamental(code: u32) -> bool {
    matches!(
        code,
        21..=23 | 25 | 32 | 33 | 35 | 36 | 39 | 110 | 990 | 9990
            | 1_000_021..=1_000_023 | 1_000_025 | 1_000_035 | 1_000_039
    )
}

/// Whether the particle with a positive code is its own antiparticle.
const fn is_own_antiparticle(code: u32) -> bool {
    // The mass eigenstates of neutral mesons.
    if is_neutral_fundamental(code) || matches!(code, 130 | 150 | 310 | 350 | 510 | 530) {
        return true;
    }
    let [q1, q2, q3, q4, _] = quarks(code);
    match kind_of(code) {
        Kind::Meson => q1 == -q2,
        Kind::Tetraquark => q1 == -q3 && q2 == -q4,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_numbers_are_sound() {
        assert!(PARTICLES.windows(2).all(|pair| pair[0].id < pair[1].id));
        for entry in &PARTICLES {
            let id = PdgId(entry.id);
            assert!(entry.id > 0 && id.kind() != Kind::Unknown, "{}", entry.id);
            assert_eq!(entry.antiparticle.is_none(), id.antiparticle() == id, "{}", entry.id);
            for number in [entry.mass, entry.width].into_iter().flatten() {
                assert!(number >= 0.0 && number.is_finite(), "{}", entry.id);
            }
        }
    }

    #[test]
    fn every_name_leads_back() {
        for entry in &PARTICLES {
            for id in [PdgId(entry.id), PdgId(entry.id).antiparticle()] {
                let name = id.name().unwrap();
                let found = PdgId::from_name(&name).unwrap();
                // The PDG renumbered these; the table has both codes.
                let renumbered = matches!(id.0, 130_443 | 200_443 | 500_443 | 104_122 | -104_122);
                assert_eq!(found != id, renumbered, "{name}: {} and {}", id.0, found.0);
                assert_eq!(found.name().unwrap(), name);
            }
        }
        for nucleus in ["n1", "H1", "D2", "T3", "He4", "C12~", "Pb208", "Og294"] {
            assert_eq!(PdgId::from_name(nucleus).unwrap().name().unwrap(), nucleus);
        }
        for wrong in [
            "", "~", "pi", "PI+", "C012", "H2", "C5", "C1000", "Xx7", "C12~~", "é12", "C+12", "-11", "12",
            "n2", "n0",
        ] {
            assert_eq!(PdgId::from_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn constants_are_what_they_are_called() {
        for (id, name) in [
            (PdgId::DOWN, "d"),
            (PdgId::UP, "u"),
            (PdgId::STRANGE, "s"),
            (PdgId::CHARM, "c"),
            (PdgId::BOTTOM, "b"),
            (PdgId::TOP, "t"),
            (PdgId::ELECTRON, "e-"),
            (PdgId::POSITRON, "e+"),
            (PdgId::NU_E, "nu(e)"),
            (PdgId::MUON, "mu-"),
            (PdgId::ANTIMUON, "mu+"),
            (PdgId::NU_MU, "nu(mu)"),
            (PdgId::TAU, "tau-"),
            (PdgId::ANTITAU, "tau+"),
            (PdgId::NU_TAU, "nu(tau)"),
            (PdgId::GLUON, "g"),
            (PdgId::PHOTON, "gamma"),
            (PdgId::Z, "Z0"),
            (PdgId::W_PLUS, "W+"),
            (PdgId::W_MINUS, "W-"),
            (PdgId::HIGGS, "H0"),
            (PdgId::PI_ZERO, "pi0"),
            (PdgId::PI_PLUS, "pi+"),
            (PdgId::PI_MINUS, "pi-"),
            (PdgId::ETA, "eta"),
            (PdgId::RHO_ZERO, "rho(770)0"),
            (PdgId::OMEGA, "omega(782)"),
            (PdgId::PHI, "phi(1020)"),
            (PdgId::K_LONG, "K(L)0"),
            (PdgId::K_SHORT, "K(S)0"),
            (PdgId::K_ZERO, "K0"),
            (PdgId::K_PLUS, "K+"),
            (PdgId::K_MINUS, "K-"),
            (PdgId::D_PLUS, "D+"),
            (PdgId::D_ZERO, "D0"),
            (PdgId::D_S_PLUS, "D(s)+"),
            (PdgId::B_ZERO, "B0"),
            (PdgId::B_PLUS, "B+"),
            (PdgId::B_S_ZERO, "B(s)0"),
            (PdgId::B_C_PLUS, "B(c)+"),
            (PdgId::J_PSI, "J/psi(1S)"),
            (PdgId::UPSILON, "Upsilon(1S)"),
            (PdgId::PROTON, "p"),
            (PdgId::NEUTRON, "n"),
            (PdgId::LAMBDA, "Lambda"),
            (PdgId::LAMBDA_C_PLUS, "Lambda(c)+"),
            (PdgId::LAMBDA_B, "Lambda(b)0"),
            (PdgId::DEUTERON, "D2"),
            (PdgId::ALPHA, "He4"),
        ] {
            assert_eq!(id.name().unwrap(), name);
        }
    }

    #[test]
    fn no_particle() {
        for code in [
            0,
            -21,
            -22,
            -25,
            -111,
            -443,
            -130,
            i32::MIN,
            i32::MAX,
            9,
            10,
            5_000_039,
            1_000_612,
            1_000_020_010,
        ] {
            let id = PdgId(code);
            assert_eq!(id.kind(), Kind::Unknown, "{code}");
            assert_eq!(
                (id.name(), id.mass(), id.width(), id.c_tau(), id.charge()),
                (None, None, None, None, None)
            );
        }
        assert_eq!(PdgId(i32::MIN).antiparticle(), PdgId(i32::MIN));
        assert_eq!(PdgId(-22).antiparticle(), PdgId(-22));
    }

    #[test]
    fn generator_internal_codes_have_no_properties() {
        for code in [81, 90, 91, 92, 100, 998, 20_022, 9_902_210, -9_902_210, 9_940_003, 480_000_000] {
            let id = PdgId(code);
            assert!(id.is_generator_internal() && !id.is_hadron(), "{code}");
            assert_eq!((id.name(), id.mass(), id.charge()), (None, None, None), "{code}");
        }
    }

    #[test]
    fn nuclei() {
        let lead = PdgId(1_000_822_080);
        assert_eq!((lead.atomic_number(), lead.mass_number()), (Some(82), Some(208)));
        assert_eq!((lead.nucleus_strangeness(), lead.isomer()), (Some(0), Some(0)));
        assert_eq!((lead.charge(), lead.mass()), (Some(82.0), None));
        assert_eq!(lead.antiparticle().name().unwrap(), "Pb208~");
        assert_eq!(lead.antiparticle().charge(), Some(-82.0));
        let hypertriton = PdgId(1_010_010_030);
        assert_eq!(
            (hypertriton.nucleus_strangeness(), hypertriton.charge(), hypertriton.name()),
            (Some(1), Some(1.0), None)
        );
        let isomer = PdgId(1_000_721_781);
        assert_eq!((isomer.isomer(), isomer.name()), (Some(1), None));
        assert_eq!(PdgId(1_000_010_010).mass(), PdgId::PROTON.mass());
        assert_eq!(PdgId(1_000_000_010).mass(), PdgId::NEUTRON.mass());
        assert_eq!(PdgId(1_000_000_010).name().unwrap(), "n1");
        assert_eq!((PdgId::PROTON.is_nucleus(), PdgId::PROTON.mass_number()), (false, None));
    }

    #[test]
    fn displays_as_the_number() {
        assert_eq!(
            format!("[{:>5}|{:<5}|{}]", PdgId::PI_PLUS, PdgId::ELECTRON.antiparticle(), PdgId(i32::MIN)),
            "[  211|-11  |-2147483648]"
        );
    }
}
