//! Thrust.

use hepml_core::nalgebra::Vector3;
use hepml_core::{Error as CoreError, EventSet, FourMomentum, Observables, ParticleSets, Table, finite};

use crate::error::Result;
use crate::shapes::sweep::Sweep;

/// Momenta within this angle of a line through the origin are swept as lying on it: a few roundings.
const COLLINEAR: f64 = 8.0 * f64::EPSILON;

/// Thrust, T = max_n sum_i |p_i · n| / sum_i |p_i| over unit vectors n, exact.
///
/// T is 1 for a pair back to back and 1/2 for a uniform sphere; with [`transverse`](Self::transverse) all vectors lie in the
/// plane across the beam, and T is 2/pi for a uniform ring. Momenta are taken in the frame they are given in.
///
/// 1 - T is a distance to a manifold of events (arXiv:2004.04159): let |p_i| be the energies, 2(1 - cos) the ground
/// cost. A pair n, -n takes energy from each particle at 2(1 - |cos|) if its own energies E_1 + E_2 = sum_i |p_i| are free, so
/// the least EMD to any pair is [`ThrustAxis::distance`] = 2 sum_i |p_i| (1 - T).
///
/// The maximum is global. It is at a partition of the momenta by a plane (T sum_i |p_i| is the largest |sum_i ±p_i|), all of which
/// are met by turning a plane about each momentum in turn: O(N² log N) (arXiv:1908.08949), O(N log N) in the transverse plane.
///
/// ```
/// use hepml_core::FourMomentum;
/// use hepml_ot::Thrust;
///
/// // Three momenta of the same size at 120°.
/// let star: Vec<FourMomentum> = [0.0_f64, 120.0, 240.0]
///     .iter()
///     .map(|angle| FourMomentum::from_p_m(angle.to_radians().cos(), angle.to_radians().sin(), 0.0, 0.0))
///     .collect::<Result<_, _>>()?;
/// assert!((Thrust::new().axis(&star)?.thrust - 2.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), hepml_core::Error>(())
/// ```
///
/// As [`Observables`] it has one column, T.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Thrust {
    transverse: bool,
}

/// The axis that maximises thrust.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ThrustAxis {
    /// T.
    pub thrust: f64,
    /// 1 - T, with all its digits for narrow jets.
    pub one_minus_thrust: f64,
    /// The axis n, a unit vector; -n is as good, and this one has its largest component positive. Ties between axes are
    /// broken by rounding.
    pub axis: Vector3<f64>,
    /// For each particle, whether it is in the hemisphere of n (p · n > 0).
    pub forward: Vec<bool>,
    /// sum_i |p_i|.
    pub total: f64,
}

impl ThrustAxis {
    /// 2 sum_i |p_i| (1 - T): the least EMD, at the ground cost 2(1 - cos), to two particles back to back with energies
    /// that add up to sum_i |p_i|.
    pub fn distance(&self) -> f64 {
        2.0 * self.total * self.one_minus_thrust
    }
}

impl Thrust {
    /// Thrust in space.
    pub fn new() -> Self {
        Self::default()
    }

    /// Thrust in the plane across the beam: px and py only.
    pub fn transverse() -> Self {
        Self { transverse: true }
    }

    /// The thrust and its axis; particles at rest are in neither hemisphere and change nothing.
    ///
    /// # Errors
    /// No particles; a component that is not finite (naming the particle); no particle with a momentum; momenta whose sum
    /// overflows.
    pub fn axis(&self, momenta: &[FourMomentum]) -> Result<ThrustAxis> {
        let flatten = |p: &FourMomentum| {
            let p = p.momentum();
            if self.transverse { Vector3::new(p.x, p.y, 0.0) } else { p }
        };
        let vectors: Vec<Vector3<f64>> = momenta.iter().map(flatten).collect();
        let (unit, total) = scale(&vectors)?;
        let scaled: Vec<Vector3<f64>> = vectors.iter().map(|p| p / unit).collect();
        let moving: Vec<Vector3<f64>> = scaled.iter().copied().filter(|p| *p != Vector3::zeros()).collect();
        let sum = if self.transverse { in_plane(&moving) } else { in_space(&moving) };
        let axis = oriented(polished(&moving, sum));

        // |p| - |p · n| without its cancellation: |p x n|² / (|p| + |p · n|).
        let (mut along, mut missing) = (0.0, 0.0);
        for p in &moving {
            let (size, projection) = (p.norm(), p.dot(&axis).abs());
            along += projection;
            // A momentum whose square underflows beside the largest adds nothing.
            if size > 0.0 {
                missing += p.cross(&axis).norm_squared() / (size + projection);
            }
        }
        let thrust = (along / total).min(1.0);
        let forward = scaled.iter().map(|p| p.dot(&axis) > 0.0).collect();
        Ok(ThrustAxis { thrust, one_minus_thrust: missing / total, axis, forward, total: total * unit })
    }
}

impl Observables<ParticleSets> for Thrust {
    fn observe(&self, events: &ParticleSets) -> hepml_core::Result<Table> {
        let mut table = Table::zeros((events.event_count(), 1));
        for (index, event) in events.events().enumerate() {
            let axis = self.axis(event.momenta());
            table[(index, 0)] = axis.map_err(|error| CoreError::from(error).at_event(index))?.thrust;
        }
        Ok(table)
    }
}

/// A power of two near the largest component, and sum_i |p_i| in units of it.
pub(super) fn scale(vectors: &[Vector3<f64>]) -> Result<(f64, f64)> {
    if vectors.is_empty() {
        return Err(CoreError::out_of_range("number of particles", 0.0, "at least 1").into());
    }
    for (particle, vector) in vectors.iter().enumerate() {
        for &component in vector {
            finite("momentum", component).map_err(|error| error.at_particle(particle))?;
        }
    }
    let largest = vectors.iter().fold(0.0_f64, |largest, p| largest.max(p.amax()));
    if largest == 0.0 {
        return Err(CoreError::out_of_range("sum of |p|", 0.0, "positive").into());
    }
    // The smallest power of two whose inverse is finite is 2^-1022; a rounded exponent is as good.
    let unit = largest.log2().floor().clamp(-1022.0, 1023.0).exp2();
    let total: f64 = vectors.iter().map(|p| (p / unit).norm()).sum();
    finite("sum of |p|", total * unit)?;
    Ok((unit, total))
}

/// The largest sum_i ±p_i, by turning a plane about each momentum.
fn in_space(momenta: &[Vector3<f64>]) -> Vector3<f64> {
    let mut best = (0.0, Vector3::zeros());
    let mut sweep = Sweep::default();
    for about in momenta {
        let (u, v, w) = frame(about);
        // What lies on the line changes side together, when the plane leaves the line.
        let mut on_line = Vector3::zeros();
        sweep.clear();
        for p in momenta {
            let (along, x, y) = (p.dot(&u), p.dot(&v), p.dot(&w));
            if x.hypot(y) <= COLLINEAR * along.abs() {
                on_line += if along < 0.0 { -p } else { *p };
            } else {
                sweep.push([x, y], *p);
            }
        }
        sweep.run(|sum| {
            for candidate in [sum + on_line, sum - on_line] {
                let square = candidate.norm_squared();
                if square > best.0 {
                    best = (square, candidate);
                }
            }
        });
    }
    best.1
}

/// The largest sum_i ±p_i of momenta across the beam, by turning a line.
fn in_plane(momenta: &[Vector3<f64>]) -> Vector3<f64> {
    let mut best = (0.0, Vector3::zeros());
    let mut sweep = Sweep::default();
    for p in momenta {
        sweep.push([p.x, p.y], *p);
    }
    sweep.run(|sum| {
        let square = sum.norm_squared();
        if square > best.0 {
            best = (square, sum);
        }
    });
    best.1
}

/// The axis of the partition `sum`, after as many turns to the sum of its own hemispheres as raise the thrust: removes
/// what rounding has left.
fn polished(momenta: &[Vector3<f64>], sum: Vector3<f64>) -> Vector3<f64> {
    let hemispheres = |axis: &Vector3<f64>| -> Vector3<f64> {
        momenta.iter().map(|p| if p.dot(axis) < 0.0 { -p } else { *p }).sum()
    };
    let mut sum = sum;
    loop {
        let next = hemispheres(&sum);
        if next.norm_squared() <= sum.norm_squared() {
            // The partition is kept, but its sum is the one without the errors of a long sweep.
            return if next.norm_squared() > 0.0 { next.normalize() } else { sum.normalize() };
        }
        sum = next;
    }
}

/// The one of n and -n whose largest component is positive.
fn oriented(axis: Vector3<f64>) -> Vector3<f64> {
    if axis[axis.iamax()] < 0.0 { -axis } else { axis }
}

/// Three unit vectors at right angles, the first along `p`.
fn frame(p: &Vector3<f64>) -> (Vector3<f64>, Vector3<f64>, Vector3<f64>) {
    // Underflow of the square would lose the direction of a momentum that is soft beyond 1e-150.
    let u = (p / p.amax()).normalize();
    let mut other = Vector3::zeros();
    other[u.iamin()] = 1.0;
    let v = u.cross(&other).normalize();
    (u, v, u.cross(&v))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of T.
    const ROUNDING: f64 = 1e-14;

    fn momenta(vectors: &[[f64; 3]]) -> Vec<FourMomentum> {
        vectors.iter().map(|[x, y, z]| FourMomentum::from_p_m(*x, *y, *z, 0.0).unwrap()).collect()
    }

    fn thrust(vectors: &[[f64; 3]]) -> f64 {
        Thrust::new().axis(&momenta(vectors)).unwrap().thrust
    }

    #[test]
    fn closed_forms() {
        assert_eq!(thrust(&[[1.0, 2.0, 3.0]]), 1.0);
        assert_eq!(thrust(&[[0.0, 0.0, 3.0]; 5]), 1.0);
        let pair = Thrust::new().axis(&momenta(&[[0.0, 3.0, 4.0], [0.0, -3.0, -4.0]])).unwrap();
        assert!((pair.thrust - 1.0).abs() < ROUNDING && pair.one_minus_thrust < 1e-30);
        assert_eq!(pair.forward, [true, false]);
        assert_eq!(pair.total, 10.0);
        // A cross: along the diagonal.
        let root = 2.0_f64.sqrt();
        assert!((thrust(&[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) - 1.0 / root).abs() < ROUNDING);
        // Three axes, both ways: along the space diagonal.
        let axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]];
        let six = [&axes[..], &[[0.0, 0.0, -1.0]]].concat();
        assert!((thrust(&six) - 1.0 / 3.0_f64.sqrt()).abs() < ROUNDING);
    }

    #[test]
    fn particles_at_rest_change_nothing() {
        let axis =
            Thrust::new().axis(&momenta(&[[0.0; 3], [1.0, 0.5, 0.2], [0.0; 3], [0.1, 0.2, -0.3]])).unwrap();
        let without = Thrust::new().axis(&momenta(&[[1.0, 0.5, 0.2], [0.1, 0.2, -0.3]])).unwrap();
        assert_eq!((axis.thrust, axis.axis), (without.thrust, without.axis));
        assert_eq!(axis.forward, [false, true, false, true]);
    }

    #[test]
    fn narrow_jets_keep_their_digits() {
        // 1 - cos of an angle of 1e-9 to the axis.
        let narrow = momenta(&[[1.0, 1e-9, 0.0], [1.0, -1e-9, 0.0]]);
        let axis = Thrust::new().axis(&narrow).unwrap();
        assert!((axis.one_minus_thrust - 0.5e-18).abs() < 1e-30, "{}", axis.one_minus_thrust);
        assert!((axis.distance() - 2e-18).abs() < 1e-29);
    }

    #[test]
    fn any_scale_will_do() {
        let vectors = [[1.0, 0.5, 0.2], [-0.3, 0.2, -0.9], [0.1, -0.7, 0.4]];
        for scale in [1e-320, 1e-300, 1e-160, 1e160, 1e307] {
            let scaled = vectors.map(|p| p.map(|x| FourMomentum::new(0.0, x * scale, 0.0, 0.0).px));
            let list: Vec<FourMomentum> =
                scaled.iter().map(|p| FourMomentum::new(0.0, p[0], p[1], p[2])).collect();
            let expected = thrust(&scaled.map(|p| p.map(|x| x / scale)));
            let got = Thrust::new().axis(&list).unwrap();
            assert!((got.thrust - expected).abs() < ROUNDING, "{scale:e}: {} {expected}", got.thrust);
        }
        // One momentum beside others that vanish against it.
        let mixed = [[1.0, 0.0, 0.0], [1e-200, 1e-200, 0.0], [0.0, 1e-320, 0.0]];
        assert_eq!(thrust(&mixed), 1.0);
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let message = |momenta: &[FourMomentum]| Thrust::new().axis(momenta).unwrap_err().to_string();
        assert_eq!(message(&[]), "number of particles is 0, but must be at least 1");
        assert_eq!(
            message(&[FourMomentum::new(1.0, 0.0, 0.0, 0.0)]),
            "sum of |p| is 0, but must be positive"
        );
        let bad = [FourMomentum::new(1.0, 1.0, 0.0, 0.0), FourMomentum::new(1.0, 0.0, f64::NAN, 0.0)];
        assert_eq!(message(&bad), "momentum of particle 1 is not finite (NaN)");
        assert_eq!(
            message(&[FourMomentum::new(0.0, 1e308, 1e308, 1e308); 2]),
            "sum of |p| is not finite (inf)"
        );
        let beam = FourMomentum::new(1.0, 0.0, 0.0, 1.0);
        assert!(Thrust::transverse().axis(&[beam]).is_err());
        let sets = ParticleSets::from_events([vec![beam], vec![]]).unwrap();
        let error = Thrust::new().observe(&sets).unwrap_err().to_string();
        assert_eq!(error, "number of particles of event 1 is 0, but must be at least 1");
    }
}
