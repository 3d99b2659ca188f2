//! Four-momenta.
//!
//! # Conventions
//! Components are `(E, px, py, pz)` in GeV with c = 1; the metric is (+,-,-,-); the beam is the z axis. Azimuths lie in
//! (-pi, pi]. Rapidity is y = ½ ln[(E + pz)/(E - pz)], pseudorapidity eta = asinh(pz/pT).
//!
//! # Which formula keeps the digits
//! The stored components are taken as exact. With E/m = 1e8 a textbook `E² - p²` has no correct digit left, so everything
//! here that cancels is formed otherwise:
//!
//! | quantity | formula | accurate |
//! | --- | --- | --- |
//! | [`dot`](FourMomentum::dot), [`mass_squared`](FourMomentum::mass_squared) | sum of products in twice the working precision (exact products, compensated sum) | to a few ulp until it cancels to 1e-30 of E² |
//! | [`mass`](FourMomentum::mass) | square root of that | likewise |
//! | [`rapidity`](FourMomentum::rapidity) | ½ log1p(2\|pz\|/(E - \|pz\|)), whose difference is rounded once | to a few ulp |
//! | [`eta`](FourMomentum::eta) | asinh(pz/pT) | to a few ulp at any eta |
//! | [`angle`](FourMomentum::angle) | atan2(\|p × q\|, p·q) with compensated 2x2 determinants | to a few ulp for collinear momenta |
//! | [`delta_phi`](FourMomentum::delta_phi) | atan2 of the compensated transverse cross and dot products | likewise |
//! | [`delta_y`](FourMomentum::delta_y) | ½ log1p(2(pz E' - pz' E)/[(E - pz)(E' + pz')]) with a compensated determinant | likewise; to eps \|y\| if a vector is space-like |
//!
//! What no formula can restore: the rapidity of a *massless* forward momentum depends on E - pz = pT e^-y, to which the
//! stored E contributes a rounding error of eps E. At y = 15 that is a relative error of 1e-3 in E - pz, fixed the moment
//! the vector is stored. Use [`eta`](FourMomentum::eta) for massless forward momenta; it does not read E.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use approx::{AbsDiffEq, RelativeEq};
use nalgebra::{Vector3, Vector4};

use crate::error::{Error, Result, finite};
use crate::exact::{safe_scale, sum_of_products};

/// A four-momentum `(E, px, py, pz)` in GeV, metric (+,-,-,-).
///
/// Any four numbers can be stored; [`validated`](Self::validated) is the check at the door.
///
/// ```
/// use hepml_core::FourMomentum;
///
/// let z = FourMomentum::from_pt_y_phi_m(40.0, 1.2, 0.3, 91.19)?;
/// assert!((z.mass() - 91.19).abs() < 1e-13);
/// assert!((z.rapidity() - 1.2).abs() < 1e-15);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C)]
pub struct FourMomentum {
    /// Energy.
    pub e: f64,
    /// Momentum along x.
    pub px: f64,
    /// Momentum along y.
    pub py: f64,
    /// Momentum along z, the beam.
    pub pz: f64,
}

impl FourMomentum {
    /// The zero vector.
    pub const ZERO: Self = Self { e: 0.0, px: 0.0, py: 0.0, pz: 0.0 };

    /// A four-momentum of its components.
    pub const fn new(e: f64, px: f64, py: f64, pz: f64) -> Self {
        Self { e, px, py, pz }
    }

    /// The four-momentum of mass `m` with momentum `(px, py, pz)`: E = √(p² + m²).
    ///
    /// # Errors
    /// A component that is not finite; `m < 0`.
    pub fn from_p_m(px: f64, py: f64, pz: f64, m: f64) -> Result<Self> {
        let m = non_negative("mass", m)?;
        let p = Self::new(0.0, finite("px", px)?, finite("py", py)?, finite("pz", pz)?);
        finite("energy", p.p().hypot(m)).map(|e| Self { e, ..p })
    }

    /// The four-momentum of transverse momentum `pt`, rapidity `y`, azimuth `phi` and mass `m`:
    /// E = mT cosh y, pz = mT sinh y, mT = √(pT² + m²).
    ///
    /// # Errors
    /// An argument that is not finite; `pt < 0`; `m < 0`; an energy that overflows (|y| above about 700).
    pub fn from_pt_y_phi_m(pt: f64, y: f64, phi: f64, m: f64) -> Result<Self> {
        let (pt, m) = (non_negative("pt", pt)?, non_negative("mass", m)?);
        let (y, phi) = (finite("rapidity", y)?, finite("phi", phi)?);
        let mt = pt.hypot(m);
        let e = if mt == 0.0 { 0.0 } else { finite("energy", mt * y.cosh())? };
        let pz = if mt == 0.0 { 0.0 } else { mt * y.sinh() };
        Ok(Self { e, px: pt * phi.cos(), py: pt * phi.sin(), pz })
    }

    /// The four-momentum of transverse momentum `pt`, pseudorapidity `eta`, azimuth `phi` and mass `m`:
    /// pz = pT sinh eta, E = √(p² + m²).
    ///
    /// # Errors
    /// An argument that is not finite; `pt < 0`; `m < 0`; an energy that overflows (|eta| above about 700).
    pub fn from_pt_eta_phi_m(pt: f64, eta: f64, phi: f64, m: f64) -> Result<Self> {
        let (pt, m) = (non_negative("pt", pt)?, non_negative("mass", m)?);
        let (eta, phi) = (finite("eta", eta)?, finite("phi", phi)?);
        if pt == 0.0 {
            return Ok(Self::new(m, 0.0, 0.0, 0.0));
        }
        let e = finite("energy", (pt * eta.cosh()).hypot(m))?;
        Ok(Self { e, px: pt * phi.cos(), py: pt * phi.sin(), pz: pt * eta.sinh() })
    }

    /// `(pt, y, phi, m)`, the inverse of [`from_pt_y_phi_m`](Self::from_pt_y_phi_m).
    pub fn to_pt_y_phi_m(&self) -> [f64; 4] {
        [self.pt(), self.rapidity(), self.phi(), self.mass()]
    }

    /// `(pt, eta, phi, m)`, the inverse of [`from_pt_eta_phi_m`](Self::from_pt_eta_phi_m).
    pub fn to_pt_eta_phi_m(&self) -> [f64; 4] {
        [self.pt(), self.eta(), self.phi(), self.mass()]
    }

    /// The vector itself, if its four components are finite.
    ///
    /// Negative energies and space-like vectors pass: momentum transfers have them.
    ///
    /// # Errors
    /// [`Error::NotFinite`] naming the component.
    pub fn validated(self) -> Result<Self> {
        finite("energy", self.e)?;
        finite("px", self.px)?;
        finite("py", self.py)?;
        finite("pz", self.pz)?;
        Ok(self)
    }

    /// The momentum `(px, py, pz)`.
    pub fn momentum(&self) -> Vector3<f64> {
        Vector3::new(self.px, self.py, self.pz)
    }

    /// |p| = √(px² + py² + pz²).
    pub fn p(&self) -> f64 {
        self.pt().hypot(self.pz)
    }

    /// pT = √(px² + py²).
    pub fn pt(&self) -> f64 {
        self.px.hypot(self.py)
    }

    /// pT² = px² + py².
    pub fn pt_squared(&self) -> f64 {
        self.px * self.px + self.py * self.py
    }

    /// The transverse mass √(m² + pT²) = √(E² - pz²), 0 where that is negative.
    pub fn transverse_mass(&self) -> f64 {
        let squared = (self.e - self.pz) * (self.e + self.pz);
        if squared < 0.0 { 0.0 } else { squared.sqrt() }
    }

    /// The azimuth in (-pi, pi]; 0 for pT = 0.
    pub fn phi(&self) -> f64 {
        azimuth(self.py, self.px)
    }

    /// The polar angle in [0, pi]; 0 for p = 0.
    pub fn theta(&self) -> f64 {
        // A negative zero must not turn 0 into pi.
        self.pt().atan2(self.pz + 0.0)
    }

    /// The pseudorapidity asinh(pz/pT) = -ln tan(theta/2); ±infinity on the beam axis, 0 for p = 0.
    pub fn eta(&self) -> f64 {
        /// asinh doubles its argument.
        const LARGE: f64 = 1e300;
        let pt = self.pt();
        if self.pz == 0.0 && pt == 0.0 {
            return 0.0;
        }
        let ratio = self.pz / pt;
        if ratio.abs() < LARGE || pt == 0.0 {
            ratio.asinh()
        } else {
            // |pz|/pT is that large only for a tiny pT.
            (std::f64::consts::LN_2 + self.pz.abs().ln() - pt.ln()).copysign(self.pz)
        }
    }

    /// The rapidity ½ ln[(E + pz)/(E - pz)]; ±infinity for a light-like vector on the beam axis, 0 for the zero vector.
    ///
    /// A space-like vector (m² < 0; mostly a massless one after rounding) has the rapidity of the massless momentum with
    /// the same `(px, py, pz)`, which is its [`eta`](Self::eta). A negative energy counts as its modulus with pz reversed.
    pub fn rapidity(&self) -> f64 {
        let (e, pz) = (self.e.abs(), self.pz.abs());
        let (minus, plus) = (e - pz, e + pz);
        // E² - pz² >= pT² is m² >= 0; written so that nothing overflows.
        let pt = self.pt();
        let y = if minus > 0.0 && (minus / plus).sqrt() >= pt / plus {
            let ratio = 2.0 * (pz / minus);
            // log1p(r) = ln r up to rounding long before r overflows.
            if ratio.is_finite() { 0.5 * ratio.ln_1p() } else { 0.5 * (plus.ln() - minus.ln()) }
        } else {
            self.eta().abs()
        };
        // A NaN in e would leave nothing but its sign.
        let sign = self.pz * self.e.signum();
        if sign.is_nan() { sign } else { y.copysign(sign) }
    }

    /// p·q = E E' - px px' - py py' - pz pz', to a few ulp however much it cancels.
    pub fn dot(&self, other: &Self) -> f64 {
        let (s, t) = (safe_scale(self.largest()), safe_scale(other.largest()));
        let (p, q) = (*self * s, *other * t);
        sum_of_products([(p.e, q.e), (-p.px, q.px), (-p.py, q.py), (-p.pz, q.pz)]) / s / t
    }

    /// m² = p·p, to a few ulp however relativistic; negative for space-like vectors.
    pub fn mass_squared(&self) -> f64 {
        self.dot(self)
    }

    /// The mass √(p·p); -√(-p·p) for space-like vectors, so that rounding noise of massless momenta is seen, not hidden.
    pub fn mass(&self) -> f64 {
        let s = safe_scale(self.largest());
        let m2 = (*self * s).mass_squared();
        m2.abs().sqrt().copysign(m2) / s
    }

    /// The velocity p/E.
    ///
    /// # Errors
    /// E = 0.
    pub fn velocity(&self) -> Result<Vector3<f64>> {
        if self.e == 0.0 {
            Err(Error::out_of_range("energy", self.e, "other than 0"))
        } else {
            Ok(self.momentum() / self.e)
        }
    }

    /// The angle between the two momenta in [0, pi]; 0 where one of them vanishes.
    pub fn angle(&self, other: &Self) -> f64 {
        let (p, q) = (self.unit_scale(), other.unit_scale());
        let cross = [
            sum_of_products([(p.py, q.pz), (-p.pz, q.py)]),
            sum_of_products([(p.pz, q.px), (-p.px, q.pz)]),
            sum_of_products([(p.px, q.py), (-p.py, q.px)]),
        ];
        let sine = cross[0].hypot(cross[1]).hypot(cross[2]);
        sine.atan2(sum_of_products([(p.px, q.px), (p.py, q.py), (p.pz, q.pz)]))
    }

    /// The difference of the azimuths, `self` minus `other`, in (-pi, pi]; 0 where a pT vanishes.
    pub fn delta_phi(&self, other: &Self) -> f64 {
        let (p, q) = (self.unit_scale(), other.unit_scale());
        let sine = sum_of_products([(q.px, p.py), (-q.py, p.px)]);
        azimuth(sine, sum_of_products([(p.px, q.px), (p.py, q.py)]))
    }

    /// The difference of the rapidities, `self` minus `other`.
    ///
    /// Two vectors with the same infinite rapidity differ by 0.
    pub fn delta_y(&self, other: &Self) -> f64 {
        let (p, q) = (self.unit_scale(), other.unit_scale());
        if p.e > p.pz.abs() && q.e > q.pz.abs() && p.mass_squared() >= 0.0 && q.mass_squared() >= 0.0 {
            // tanh(y - y') = num/den; den ∓ num factorises into exact differences.
            let num = sum_of_products([(p.pz, q.e), (-q.pz, p.e)]);
            let ratio = if num >= 0.0 {
                num / (p.e - p.pz) / (q.e + q.pz)
            } else {
                -num / (p.e + p.pz) / (q.e - q.pz)
            };
            if ratio.is_finite() {
                return (0.5 * (2.0 * ratio).ln_1p()).copysign(num);
            }
        }
        difference(self.rapidity(), other.rapidity())
    }

    /// The difference of the pseudorapidities, `self` minus `other`; equal infinities differ by 0.
    pub fn delta_eta(&self, other: &Self) -> f64 {
        difference(self.eta(), other.eta())
    }

    /// The distance √(delta_y² + delta_phi²) in the rapidity-azimuth plane.
    pub fn delta_r(&self, other: &Self) -> f64 {
        self.delta_y(other).hypot(self.delta_phi(other))
    }

    /// The components as a nalgebra vector `(E, px, py, pz)`.
    pub fn to_vector(&self) -> Vector4<f64> {
        Vector4::new(self.e, self.px, self.py, self.pz)
    }

    fn largest(&self) -> f64 {
        self.e.abs().max(self.px.abs()).max(self.py.abs()).max(self.pz.abs())
    }

    /// The vector scaled by a power of two to where products are safe.
    fn unit_scale(&self) -> Self {
        *self * safe_scale(self.largest())
    }
}

fn non_negative(what: &'static str, value: f64) -> Result<f64> {
    if finite(what, value)? < 0.0 { Err(Error::out_of_range(what, value, "at least 0")) } else { Ok(value) }
}

/// atan2 in (-pi, pi]: a negative zero must not turn pi into -pi.
fn azimuth(y: f64, x: f64) -> f64 {
    if y != 0.0 || x.is_nan() {
        y.atan2(x)
    } else if x < 0.0 {
        std::f64::consts::PI
    } else {
        0.0
    }
}

fn difference(a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { a - b }
}

impl From<Vector4<f64>> for FourMomentum {
    /// From `(E, px, py, pz)`.
    fn from(v: Vector4<f64>) -> Self {
        Self::new(v[0], v[1], v[2], v[3])
    }
}

impl From<FourMomentum> for Vector4<f64> {
    fn from(p: FourMomentum) -> Self {
        p.to_vector()
    }
}

impl From<[f64; 4]> for FourMomentum {
    /// From `[E, px, py, pz]`.
    fn from([e, px, py, pz]: [f64; 4]) -> Self {
        Self::new(e, px, py, pz)
    }
}

impl From<FourMomentum> for [f64; 4] {
    fn from(p: FourMomentum) -> Self {
        [p.e, p.px, p.py, p.pz]
    }
}

impl Add for FourMomentum {
    type Output = Self;
    fn add(self, q: Self) -> Self {
        Self::new(self.e + q.e, self.px + q.px, self.py + q.py, self.pz + q.pz)
    }
}

impl Sub for FourMomentum {
    type Output = Self;
    fn sub(self, q: Self) -> Self {
        Self::new(self.e - q.e, self.px - q.px, self.py - q.py, self.pz - q.pz)
    }
}

impl AddAssign for FourMomentum {
    fn add_assign(&mut self, q: Self) {
        *self = *self + q;
    }
}

impl SubAssign for FourMomentum {
    fn sub_assign(&mut self, q: Self) {
        *self = *self - q;
    }
}

impl Neg for FourMomentum {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(-self.e, -self.px, -self.py, -self.pz)
    }
}

impl Mul<f64> for FourMomentum {
    type Output = Self;
    fn mul(self, s: f64) -> Self {
        Self::new(self.e * s, self.px * s, self.py * s, self.pz * s)
    }
}

impl Mul<FourMomentum> for f64 {
    type Output = FourMomentum;
    fn mul(self, p: FourMomentum) -> FourMomentum {
        p * self
    }
}

impl Div<f64> for FourMomentum {
    type Output = Self;
    fn div(self, s: f64) -> Self {
        Self::new(self.e / s, self.px / s, self.py / s, self.pz / s)
    }
}

impl Sum for FourMomentum {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl<'a> Sum<&'a FourMomentum> for FourMomentum {
    fn sum<I: Iterator<Item = &'a FourMomentum>>(iter: I) -> Self {
        iter.copied().sum()
    }
}

impl AbsDiffEq for FourMomentum {
    type Epsilon = f64;

    fn default_epsilon() -> f64 {
        f64::EPSILON
    }

    /// Every component within `epsilon` GeV.
    fn abs_diff_eq(&self, other: &Self, epsilon: f64) -> bool {
        let d = *self - *other;
        self == other || [d.e, d.px, d.py, d.pz].iter().all(|c| c.abs() <= epsilon)
    }
}

impl RelativeEq for FourMomentum {
    fn default_max_relative() -> f64 {
        f64::EPSILON
    }

    /// Every component within `max_relative` of the *largest* component: components cancel, the vector does not.
    fn relative_eq(&self, other: &Self, epsilon: f64, max_relative: f64) -> bool {
        self.abs_diff_eq(other, epsilon.max(max_relative * self.largest().max(other.largest())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beam_axis_and_the_origin_have_limits_not_nans() {
        let up = FourMomentum::new(2.0, 0.0, 0.0, 2.0);
        assert_eq!((up.eta(), up.rapidity(), up.phi(), up.mass()), (f64::INFINITY, f64::INFINITY, 0.0, 0.0));
        let down = FourMomentum::new(2.0, -0.0, 0.0, -2.0);
        assert_eq!((down.eta(), down.rapidity()), (f64::NEG_INFINITY, f64::NEG_INFINITY));
        assert_eq!((up.delta_r(&up), up.delta_eta(&up)), (0.0, 0.0));
        assert_eq!(up.delta_y(&down), f64::INFINITY);
        let zero = FourMomentum::ZERO;
        let all = [zero.p(), zero.pt(), zero.phi(), zero.theta(), zero.eta(), zero.rapidity(), zero.mass()];
        assert_eq!(all, [0.0; 7]);
        assert_eq!(((-zero).theta(), (-zero).phi(), (-zero).eta()), (0.0, 0.0, 0.0));
        assert_eq!(
            (zero.angle(&up), zero.delta_phi(&up), zero.delta_y(&zero), zero.dot(&up)),
            (0.0, 0.0, 0.0, 0.0)
        );
        assert!(zero.velocity().is_err());
    }

    #[test]
    fn a_nan_is_not_hidden() {
        let q = FourMomentum::new(5.0, 1.0, 2.0, 3.0);
        let nan = f64::NAN;
        for p in [
            FourMomentum::new(9.0, nan, 0.0, 0.0),
            FourMomentum::new(9.0, 0.0, nan, 0.0),
            FourMomentum::new(9.0, nan, 1.0, 2.0),
        ] {
            let own = [p.p(), p.pt(), p.phi(), p.theta(), p.eta(), p.rapidity(), p.mass(), p.mass_squared()];
            let pairs =
                [p.angle(&q), p.delta_phi(&q), p.delta_eta(&q), p.delta_y(&q), p.delta_r(&q), q.delta_y(&p)];
            assert!(own.iter().chain(&pairs).all(|x| x.is_nan()), "{p:?}: {own:?} {pairs:?}");
        }
        let p = FourMomentum::new(nan, 1.0, 0.0, 2.0);
        let all = [p.rapidity(), p.mass(), p.transverse_mass(), p.delta_y(&q), q.delta_y(&p), p.dot(&q)];
        assert!(all.iter().all(|x| x.is_nan()), "{all:?}");
        let p = FourMomentum::new(9.0, 1.0, 0.0, nan);
        let all = [p.p(), p.theta(), p.eta(), p.rapidity(), p.mass(), p.transverse_mass(), p.delta_y(&q)];
        assert!(all.iter().all(|x| x.is_nan()), "{all:?}");
    }

    #[test]
    fn azimuths_lie_in_the_half_open_interval() {
        use std::f64::consts::PI;
        assert_eq!(FourMomentum::new(1.0, -1.0, -0.0, 0.0).phi(), PI);
        let (p, q) = (FourMomentum::new(1.0, -1.0, 0.0, 0.0), FourMomentum::new(1.0, 1.0, 0.0, 0.0));
        assert_eq!((p.delta_phi(&q), q.delta_phi(&p)), (PI, PI));
    }

    #[test]
    fn space_like_vectors_have_negative_masses_and_the_rapidity_of_their_direction() {
        let p = FourMomentum::new(1.0, 2.0, 0.0, 3.0);
        assert_eq!(p.mass(), -f64::sqrt(12.0));
        assert_eq!(p.rapidity(), p.eta());
        assert_eq!(
            FourMomentum::new(-5.0, 3.0, 0.0, 2.0).rapidity(),
            -FourMomentum::new(5.0, 3.0, 0.0, 2.0).rapidity()
        );
    }

    #[test]
    fn scales_near_the_ends_of_the_doubles_are_safe() {
        for scale in [1e-300, 1e-150, 1e150, 1e300] {
            let p = FourMomentum::new(5.0, 0.0, 3.0, 0.0) * scale;
            assert!((p.mass() / (4.0 * scale) - 1.0).abs() < 1e-15, "{scale}");
            let q = FourMomentum::new(13.0, 0.0, 5.0, 1.0) / scale;
            assert!((p.dot(&q) / 50.0 - 1.0).abs() < 1e-15, "{scale}");
            assert!((p.angle(&q) - f64::atan2(1.0, 5.0)).abs() < 1e-15, "{scale}");
        }
        let tiny = FourMomentum::new(5e-324, 5e-324, 0.0, 5e-324);
        assert!(tiny.eta().is_finite() && tiny.mass().is_finite());
        assert!(
            (FourMomentum::new(1.0, 8e-309, 0.0, 1.0).eta() - (2f64.ln() - 8e-309_f64.ln())).abs() < 1e-12
        );
        assert!(
            (FourMomentum::new(1.0, 1e-310, 0.0, 1.0).eta() - (2f64.ln() - 1e-310_f64.ln())).abs() < 1e-12
        );
    }

    #[test]
    fn bad_coordinates_are_named() {
        let message = |p: Result<FourMomentum>| p.unwrap_err().to_string();
        assert_eq!(
            message(FourMomentum::from_pt_y_phi_m(-1.0, 0.0, 0.0, 0.0)),
            "pt is -1, but must be at least 0"
        );
        assert_eq!(
            message(FourMomentum::from_pt_y_phi_m(1.0, f64::NAN, 0.0, 0.0)),
            "rapidity is not finite (NaN)"
        );
        assert_eq!(
            message(FourMomentum::from_pt_y_phi_m(1.0, 800.0, 0.0, 0.0)),
            "energy is not finite (inf)"
        );
        assert_eq!(
            message(FourMomentum::from_pt_eta_phi_m(1.0, 0.0, 0.0, -0.1)),
            "mass is -0.1, but must be at least 0"
        );
        assert_eq!(message(FourMomentum::from_p_m(0.0, f64::INFINITY, 0.0, 0.0)), "py is not finite (inf)");
        assert!(FourMomentum::new(0.0, 0.0, f64::NAN, 0.0).validated().is_err());
    }
}
