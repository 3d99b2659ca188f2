//! Lorentz transformations.
//!
//! # Conventions
//! Matrices act on columns `(E, px, py, pz)`, metric g = diag(1, -1, -1, -1). Transformations are *active*: a boost by
//! velocity beta takes a particle at rest to one that moves with beta. Only proper orthochronous transformations
//! (det = 1, Λ⁰₀ >= 1) exist here: no parity, no time reversal.
//!
//! # Accuracy
//! The entries of a boost are formed from the spatial part u = gamma beta of the four-velocity, in which nothing cancels,
//! so ΛᵀgΛ = g holds to a few eps gamma². Products of transformed momenta inherit that: |⟨Λp, Λq⟩ - ⟨p, q⟩| <=
//! 64 eps gamma² E_p E_q for one transformation is the bound to test with; no relative bound holds for what cancels.

use std::ops::Mul;

use approx::AbsDiffEq;
use nalgebra::{Matrix3, Matrix4, Rotation3, Unit, Vector3};

use crate::error::{Error, Result, finite};
use crate::event::Event;
use crate::four_momentum::FourMomentum;
use crate::particle_sets::ParticleSets;
use crate::transformation::Transformation;

/// A proper orthochronous Lorentz transformation.
///
/// ```
/// use hepml_core::{FourMomentum, LorentzTransform};
///
/// let p = FourMomentum::from_pt_eta_phi_m(30.0, 1.0, 0.5, 91.2)?;
/// let at_rest = LorentzTransform::to_rest_frame(&p)? * p;
/// assert!((at_rest.e - 91.2).abs() < 1e-12 && at_rest.p() < 1e-12);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LorentzTransform {
    matrix: Matrix4<f64>,
}

impl Default for LorentzTransform {
    fn default() -> Self {
        Self::identity()
    }
}

impl LorentzTransform {
    /// The identity.
    pub fn identity() -> Self {
        Self { matrix: Matrix4::identity() }
    }

    /// The boost by a velocity (in units of c).
    ///
    /// gamma = 1/√((1 - β)(1 + β)): near the light cone the *given* velocity determines gamma only to eps gamma²; use
    /// [`boost_by_gamma`](Self::boost_by_gamma) or [`boost_by_rapidity`](Self::boost_by_rapidity) there.
    ///
    /// # Errors
    /// A velocity that is not finite or not below 1.
    pub fn boost(velocity: Vector3<f64>) -> Result<Self> {
        for (what, component) in ["velocity x", "velocity y", "velocity z"].into_iter().zip(velocity.iter()) {
            finite(what, *component)?;
        }
        let beta = velocity.norm();
        if beta >= 1.0 {
            return Err(Error::out_of_range("velocity", beta, "below 1"));
        }
        let gamma = 1.0 / ((1.0 - beta) * (1.0 + beta)).sqrt();
        Ok(Self::from_four_velocity(gamma, velocity * gamma))
    }

    /// The boost along a direction with a Lorentz factor gamma >= 1; accurate for any gamma.
    ///
    /// # Errors
    /// A direction that is zero or not finite; gamma below 1 or not finite, or so large that its square overflows.
    pub fn boost_by_gamma(direction: Vector3<f64>, gamma: f64) -> Result<Self> {
        if finite("gamma", gamma)? < 1.0 {
            return Err(Error::out_of_range("gamma", gamma, "at least 1"));
        }
        finite("square of gamma", gamma * gamma)?;
        let u = ((gamma - 1.0) * (gamma + 1.0)).sqrt();
        Ok(Self::from_four_velocity(gamma, unit("boost direction", direction)?.into_inner() * u))
    }

    /// The boost along a direction that adds `rapidity` (which may be negative) to what moves along it.
    ///
    /// # Errors
    /// A direction that is zero or not finite; a rapidity that is not finite or overflows cosh² (|y| above about 355).
    pub fn boost_by_rapidity(direction: Vector3<f64>, rapidity: f64) -> Result<Self> {
        let gamma = finite("rapidity", rapidity)?.cosh();
        finite("square of gamma", gamma * gamma)?;
        Ok(Self::from_four_velocity(
            gamma,
            unit("boost direction", direction)?.into_inner() * rapidity.sinh(),
        ))
    }

    /// The boost that takes a particle at rest to the momentum `p`, up to its mass.
    ///
    /// # Errors
    /// A `p` that is not finite, or not time-like with positive energy.
    pub fn from_rest_frame(p: &FourMomentum) -> Result<Self> {
        let mass = p.validated()?.mass();
        if mass <= 0.0 {
            return Err(Error::out_of_range("mass of the boosted frame", mass, "positive"));
        }
        if p.e <= 0.0 {
            return Err(Error::out_of_range("energy of the boosted frame", p.e, "positive"));
        }
        let u = p.momentum() / mass;
        Ok(Self::from_four_velocity(p.e / mass, u))
    }

    /// The boost that takes the momentum `p` to rest.
    ///
    /// # Errors
    /// As [`from_rest_frame`](Self::from_rest_frame).
    pub fn to_rest_frame(p: &FourMomentum) -> Result<Self> {
        Self::from_rest_frame(p).map(|boost| boost.inverse())
    }

    /// The rotation about an axis by an angle (right-handed, in radians).
    ///
    /// # Errors
    /// An axis that is zero or not finite; an angle that is not finite.
    pub fn rotation(axis: Vector3<f64>, angle: f64) -> Result<Self> {
        let axis = unit("rotation axis", axis)?;
        Ok(Rotation3::from_axis_angle(&axis, finite("rotation angle", angle)?).into())
    }

    /// A user's matrix, if it is a proper orthochronous Lorentz transformation.
    ///
    /// The entries of ΛᵀgΛ - g must sum to at most 64 eps gamma² in modulus, gamma = Λ⁰₀.
    ///
    /// # Errors
    /// [`Error::NotFinite`]; [`Error::NotLorentz`] with the property that fails and by how much.
    pub fn from_matrix(matrix: Matrix4<f64>) -> Result<Self> {
        for value in matrix.iter() {
            finite("entry of a Lorentz matrix", *value)?;
        }
        let gamma = matrix[(0, 0)];
        let metric = Matrix4::from_diagonal(&[1.0, -1.0, -1.0, -1.0].into());
        let deviation =
            (matrix.transpose() * metric * matrix - metric).iter().fold(0.0, |d: f64, x| d + x.abs());
        let tolerance = 64.0 * f64::EPSILON * gamma * gamma;
        // Products that overflow make the deviation infinite or NaN.
        if !deviation.is_finite() || deviation > tolerance {
            return Err(Error::NotLorentz { reason: "the metric in ΛᵀgΛ = g", deviation, tolerance });
        }
        if gamma < 0.0 {
            return Err(Error::NotLorentz {
                reason: "the direction of time: Λ⁰₀",
                deviation: gamma,
                tolerance: 1.0,
            });
        }
        // |det| = 1 is certain by now; the rotation part has the same sign and stays of order 1 for any gamma.
        let determinant = rotation_part(&matrix).determinant();
        if determinant < 0.0 {
            return Err(Error::NotLorentz {
                reason: "the determinant",
                deviation: determinant,
                tolerance: 1.0,
            });
        }
        Ok(Self { matrix })
    }

    /// The pure boost with four-velocity (gamma, u): [[γ, uᵀ], [u, 1 + u uᵀ/(1 + γ)]].
    fn from_four_velocity(gamma: f64, u: Vector3<f64>) -> Self {
        let mut matrix = Matrix4::identity();
        matrix[(0, 0)] = gamma;
        for i in 0..3 {
            matrix[(0, i + 1)] = u[i];
            matrix[(i + 1, 0)] = u[i];
            for j in 0..3 {
                // In this order the matrix is symmetric to the last bit.
                matrix[(i + 1, j + 1)] += u[i] * u[j] / (1.0 + gamma);
            }
        }
        Self { matrix }
    }

    /// The matrix Λ.
    pub fn matrix(&self) -> &Matrix4<f64> {
        &self.matrix
    }

    /// The Lorentz factor Λ⁰₀ of its boost.
    pub fn gamma(&self) -> f64 {
        self.matrix[(0, 0)]
    }

    /// The inverse g Λᵀ g: exact, no solve.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut matrix = self.matrix.transpose();
        for i in 1..4 {
            matrix[(0, i)] = -matrix[(0, i)];
            matrix[(i, 0)] = -matrix[(i, 0)];
        }
        Self { matrix }
    }

    /// The boost `B` and rotation `R` with Λ = B R; for a product of two boosts, `R` is the Wigner rotation.
    ///
    /// R_ij = Λ_ij - Λ_i0 Λ_0j/(1 + γ), which loses only a factor gamma (B⁻¹Λ would lose gamma²). Where no digit of it is
    /// left (gamma above about 1e15), `R` is the identity.
    pub fn boost_and_rotation(&self) -> (Self, Rotation3<f64>) {
        let u = Vector3::new(self.matrix[(1, 0)], self.matrix[(2, 0)], self.matrix[(3, 0)]);
        (Self::from_four_velocity(self.gamma(), u), orthonormal(&rotation_part(&self.matrix)))
    }
}

fn rotation_part(matrix: &Matrix4<f64>) -> Matrix3<f64> {
    Matrix3::from_fn(|i, j| {
        matrix[(i + 1, j + 1)] - matrix[(i + 1, 0)] * (matrix[(0, j + 1)] / (1.0 + matrix[(0, 0)]))
    })
}

/// The rotation next to a matrix that is one up to rounding (Gram and Schmidt: nalgebra's iteration need not end for noise).
fn orthonormal(matrix: &Matrix3<f64>) -> Rotation3<f64> {
    /// Columns this far from orthonormal are noise; below it no norm vanishes.
    const NOISE: f64 = 0.25;
    let deviation = matrix.transpose() * matrix - Matrix3::identity();
    // `amax` would not see a NaN.
    if !deviation.iter().all(|entry| entry.abs() < NOISE) {
        return Rotation3::identity();
    }
    let x = matrix.column(0).normalize();
    let y = (matrix.column(1) - x * x.dot(&matrix.column(1))).normalize();
    Rotation3::from_matrix_unchecked(Matrix3::from_columns(&[x, y, x.cross(&y)]))
}

fn unit(what: &'static str, direction: Vector3<f64>) -> Result<Unit<Vector3<f64>>> {
    for component in direction.iter() {
        finite(what, *component)?;
    }
    // Scaled first, so that the norm of a huge or tiny direction neither overflows nor vanishes.
    let largest = direction.amax();
    if largest == 0.0 {
        return Err(Error::out_of_range(what, 0.0, "other than the zero vector"));
    }
    Ok(Unit::new_normalize(direction / largest))
}

impl From<Rotation3<f64>> for LorentzTransform {
    fn from(rotation: Rotation3<f64>) -> Self {
        let mut matrix = Matrix4::identity();
        matrix.fixed_view_mut::<3, 3>(1, 1).copy_from(rotation.matrix());
        Self { matrix }
    }
}

impl Mul for LorentzTransform {
    type Output = Self;

    /// The composition: the right one acts first.
    fn mul(self, first: Self) -> Self {
        Self { matrix: self.matrix * first.matrix }
    }
}

impl Mul<FourMomentum> for LorentzTransform {
    type Output = FourMomentum;

    fn mul(self, p: FourMomentum) -> FourMomentum {
        (self.matrix * p.to_vector()).into()
    }
}

impl Transformation<FourMomentum> for LorentzTransform {
    fn apply(&self, p: &FourMomentum) -> Result<FourMomentum> {
        (*self * *p).validated()
    }
}

impl Transformation<ParticleSets> for LorentzTransform {
    /// Acts on the momenta; the features are scalars.
    fn apply(&self, sets: &ParticleSets) -> Result<ParticleSets> {
        sets.map_momenta(|p| *self * p)
    }
}

impl Transformation<Event> for LorentzTransform {
    /// Acts on momenta and on vertex positions.
    fn apply(&self, event: &Event) -> Result<Event> {
        let mut event = event.clone();
        for (index, particle) in event.particles.iter_mut().enumerate() {
            particle.momentum =
                (*self * particle.momentum).validated().map_err(|error| error.at_particle(index))?;
        }
        event.map_positions(|[x, y, z, t]| {
            let moved = self.matrix * nalgebra::Vector4::new(t, x, y, z);
            [moved[1], moved[2], moved[3], moved[0]]
        });
        Ok(event)
    }
}

impl AbsDiffEq for LorentzTransform {
    type Epsilon = f64;

    fn default_epsilon() -> f64 {
        f64::EPSILON
    }

    /// Every entry within `epsilon`.
    fn abs_diff_eq(&self, other: &Self, epsilon: f64) -> bool {
        (self.matrix - other.matrix).amax() <= epsilon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vertices_move_with_their_time() {
        let mut event = Event::new(0, 1.0, vec![]);
        event
            .add_vertex(crate::Vertex { position: Some([1.0, 2.0, 3.0, 6.0]), ..Default::default() })
            .unwrap();
        // gamma = 5/3: z = 5/3 (3 + 0.8 6), ct = 5/3 (6 + 0.8 3).
        let boosted = LorentzTransform::boost(Vector3::new(0.0, 0.0, 0.8)).unwrap().apply(&event).unwrap();
        let position = boosted.vertices()[0].position.unwrap();
        for (got, expected) in position.iter().zip([1.0, 2.0, 13.0, 14.0]) {
            assert!((got - expected).abs() < 1e-14, "{position:?}");
        }
    }

    #[test]
    fn from_matrix_names_the_broken_property() {
        let reason = |matrix| match LorentzTransform::from_matrix(matrix) {
            Err(Error::NotLorentz { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert!(reason(Matrix4::identity() * 1.001).contains("metric"));
        assert!(reason(-Matrix4::identity()).contains("time"));
        assert!(reason(Matrix4::from_diagonal(&[1.0, -1.0, 1.0, 1.0].into())).contains("determinant"));
        let mut matrix = Matrix4::identity();
        matrix[(2, 3)] = f64::NAN;
        assert!(matches!(LorentzTransform::from_matrix(matrix), Err(Error::NotFinite { .. })));
        assert!(LorentzTransform::from_matrix(Matrix4::repeat(1e300)).is_err());
    }

    #[test]
    fn bad_arguments_are_errors() {
        let z = Vector3::z();
        assert!(LorentzTransform::boost(z).is_err());
        assert!(LorentzTransform::boost(z * f64::NAN).is_err());
        assert!(LorentzTransform::boost_by_gamma(z, 0.999).is_err());
        assert!(LorentzTransform::boost_by_gamma(Vector3::zeros(), 2.0).is_err());
        assert!(LorentzTransform::boost_by_rapidity(z, 1e4).is_err());
        // cosh is finite, but the entries of the matrix would not be.
        assert!(LorentzTransform::boost_by_rapidity(z, 500.0).is_err());
        assert!(LorentzTransform::boost_by_gamma(z, 1e160).is_err());
        let boost = LorentzTransform::boost_by_gamma(Vector3::new(1.0, 1.0, 0.0), 1e150).unwrap();
        assert!(boost.matrix().iter().all(|entry| entry.is_finite()));
        assert!(boost.apply(&FourMomentum::new(1e300, 0.0, 0.0, 0.0)).is_err());
        assert!(LorentzTransform::rotation(Vector3::zeros(), 1.0).is_err());
        assert!(LorentzTransform::rotation(z, f64::INFINITY).is_err());
        assert!(LorentzTransform::to_rest_frame(&FourMomentum::new(1.0, 0.0, 0.0, 1.0)).is_err());
        assert!(LorentzTransform::to_rest_frame(&FourMomentum::new(-2.0, 0.0, 0.0, 1.0)).is_err());
    }

    #[test]
    fn rotations_are_found_to_their_noise_and_beyond_it_the_search_ends() {
        for (power, angle) in (0..18).zip([0.3, 1.0, 2.5].into_iter().cycle()) {
            let gamma = 10_f64.powi(power);
            let boost = |direction| LorentzTransform::boost_by_gamma(direction, gamma).unwrap();
            let first = boost(Vector3::new(0.2, -0.7, 0.4));
            let turn = LorentzTransform::rotation(Vector3::new(1.0, 2.0, -0.5), angle).unwrap();
            let (_, rotation) = (first * turn).boost_and_rotation();
            let close = LorentzTransform::from(rotation).abs_diff_eq(&turn, 16.0 * f64::EPSILON * gamma);
            assert!(close || gamma > 1e14, "{gamma:e}");
            let (_, rotation) = (first * boost(Vector3::new(-0.3, 0.1, 0.8))).boost_and_rotation();
            let product = rotation.matrix().transpose() * rotation.matrix();
            assert!((product - Matrix3::identity()).amax() < 8.0 * f64::EPSILON, "{gamma:e}");
            assert!(rotation.matrix().determinant() > 0.0, "{gamma:e}");
        }
        let half_turn = LorentzTransform::rotation(Vector3::y(), std::f64::consts::PI).unwrap();
        let (_, rotation) = half_turn.boost_and_rotation();
        assert!(LorentzTransform::from(rotation).abs_diff_eq(&half_turn, 4.0 * f64::EPSILON));
    }

    #[test]
    fn directions_of_any_scale_are_normalised() {
        for scale in [1e-320, 1e-200, 1.0, 1e200, 1e308] {
            let boost = LorentzTransform::boost_by_gamma(Vector3::new(0.6, 0.0, 0.8) * scale, 2.0).unwrap();
            assert!((boost.matrix()[(1, 0)] - 0.6 * 3.0_f64.sqrt()).abs() < 1e-3, "{scale}");
        }
    }
}
