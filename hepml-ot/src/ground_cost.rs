//! What it costs to move a unit of energy from one point to another.

use std::f64::consts::{PI, TAU};

use hepml_core::Error as CoreError;

use crate::error::Result;

/// The cost of moving one unit of energy from one point of the (y, phi) plane to another.
///
/// Any finite cost, also a negative one, gives a well-defined optimal plan. If the cost to the power
/// [`exponent`](Self::exponent) is a metric, so is the EMD to that power, unless energies are not normalised and the metric
/// exceeds 2, the price of destroying and creating. A cost that is not symmetric gives an EMD that is not, and has no place in
/// [`Divergence::pairwise`](crate::Divergence::pairwise), which computes each pair once.
///
/// Closures are ground costs:
///
/// ```
/// use hepml_ot::{Divergence, Emd, EnergyFlow};
///
/// let manhattan = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).abs() + (a[1] - b[1]).abs();
/// let emd = Emd::with_cost(manhattan);
/// let a = EnergyFlow::from_rows(&[[2.0, 0.0, 0.0]])?;
/// let b = EnergyFlow::from_rows(&[[2.0, 0.25, 0.5]])?;
/// assert_eq!(emd.value(&a, &b)?, 1.5);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
pub trait GroundCost: Send + Sync {
    /// The cost from one point (y, phi) to another; finite, or the computation that meets it fails with
    /// [`Error::CostNotFinite`](crate::Error::CostNotFinite).
    fn cost(&self, from: [f64; 2], to: [f64; 2]) -> f64;

    /// The costs from one point to many, into `costs` of the same length: the same numbers as [`cost`](Self::cost)'s up
    /// to rounding, where they can be had faster together.
    fn cost_row(&self, from: [f64; 2], to: &[[f64; 2]], costs: &mut [f64]) {
        for (cost, to) in costs.iter_mut().zip(to) {
            *cost = self.cost(from, *to);
        }
    }

    /// The derivative of [`cost`](Self::cost) by `from`; `None`, as for closures, if the cost does not know it.
    ///
    /// Where the cost has a kink it is one of the derivatives nearby, or 0 at a minimum.
    fn cost_gradient(&self, _from: [f64; 2], _to: [f64; 2]) -> Option<[f64; 2]> {
        None
    }

    /// The derivative of [`cost`](Self::cost) by `to`: [`cost_gradient`](Self::cost_gradient) the other way round, which is
    /// right if the cost is symmetric.
    fn cost_gradient_to(&self, from: [f64; 2], to: [f64; 2]) -> Option<[f64; 2]> {
        self.cost_gradient(to, from)
    }

    /// The power of the EMD that is a metric: 1/beta where the cost is a metric to the power beta > 1, else 1.
    fn exponent(&self) -> f64 {
        1.0
    }

    /// The cost as an [`AngularCost`], if it is one: what is known of that makes its EMDs cheaper to compute and to bound.
    fn angular(&self) -> Option<&AngularCost> {
        None
    }
}

impl<F: Fn([f64; 2], [f64; 2]) -> f64 + Send + Sync> GroundCost for F {
    fn cost(&self, from: [f64; 2], to: [f64; 2]) -> f64 {
        self(from, to)
    }
}

/// (theta/R)^beta with the angular distance theta = √(Δy² + Δphi²).
///
/// With a periodic azimuth Δphi is the shorter way round, |Δphi| <= pi; otherwise it is the plain difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AngularCost {
    radius: f64,
    beta: f64,
    periodic_phi: bool,
}

impl AngularCost {
    /// The cost (theta/`radius`)^`beta`.
    ///
    /// # Errors
    /// A radius or a beta that is not positive and finite.
    pub fn new(radius: f64, beta: f64, periodic_phi: bool) -> Result<Self> {
        for (what, value) in [("radius R", radius), ("exponent beta", beta)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(CoreError::out_of_range(what, value, "positive and finite").into());
            }
        }
        Ok(Self { radius, beta, periodic_phi })
    }

    /// R.
    pub fn radius(&self) -> f64 {
        self.radius
    }

    /// beta.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// Whether the azimuth is periodic.
    pub fn periodic_phi(&self) -> bool {
        self.periodic_phi
    }

    /// The cost where squares of coordinates do not overflow and azimuths are at most one turn apart.
    #[inline]
    pub(crate) fn plain_cost(&self, from: [f64; 2], to: [f64; 2]) -> f64 {
        let y = from[0] - to[0];
        let phi = (from[1] - to[1]).abs();
        let phi = if self.periodic_phi && TAU - phi < phi { TAU - phi } else { phi };
        let square = y * y + phi * phi;
        // Below, squares lose digits.
        self.of_distance(if square > 1e-290 { square.sqrt() } else { y.hypot(phi) })
    }

    /// (theta/R)^beta of a distance theta.
    #[inline]
    pub(crate) fn of_distance(&self, theta: f64) -> f64 {
        // A division takes as long as the root; by 1 it changes nothing.
        let x = if self.radius == 1.0 { theta } else { theta / self.radius };
        if self.beta == 1.0 {
            x
        } else if self.beta == 2.0 {
            x * x
        } else if self.beta <= LARGEST_WHOLE_POWER && self.beta.fract() == 0.0 {
            whole_power(x, self.beta)
        } else {
            x.powf(self.beta)
        }
    }
}

/// The largest power that is a product of squares: the roundings of its factors add up.
const LARGEST_WHOLE_POWER: f64 = 32.0;

/// x^beta of a whole beta from 1 to [`LARGEST_WHOLE_POWER`].
#[inline]
fn whole_power(x: f64, beta: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
    let mut left = beta as u32;
    let (mut power, mut square) = (1.0, x);
    loop {
        if left % 2 == 1 {
            power *= square;
        }
        left /= 2;
        if left == 0 {
            return power;
        }
        square *= square;
    }
}

impl GroundCost for AngularCost {
    fn cost(&self, from: [f64; 2], to: [f64; 2]) -> f64 {
        let mut phi = (from[1] - to[1]).abs();
        if self.periodic_phi {
            phi = azimuth_difference(from[1], to[1]);
        }
        self.of_distance((from[0] - to[0]).hypot(phi))
    }

    fn cost_row(&self, from: [f64; 2], to: &[[f64; 2]], costs: &mut [f64]) {
        // Between 1e-100 and 1e100 the plain root of the sum of squares is as good as `hypot`, and ten times faster.
        let plain = |x: f64| x.abs() < 1e100 && (x.abs() > 1e-100 || x == 0.0);
        // A difference of azimuths of at most one turn needs no remainder.
        let one_turn = |phi: f64| !self.periodic_phi | ((from[1] - phi).abs() <= TAU);
        let in_range = |point: &[f64; 2]| plain(point[0]) & plain(point[1]) & one_turn(point[1]);
        if !in_range(&from) || !to.iter().fold(true, |all, point| all & in_range(point)) {
            for (cost, to) in costs.iter_mut().zip(to) {
                *cost = self.cost(from, *to);
            }
            return;
        }
        for (cost, to) in costs.iter_mut().zip(to) {
            let y = from[0] - to[0];
            let phi = (from[1] - to[1]).abs();
            let phi = if self.periodic_phi && TAU - phi < phi { TAU - phi } else { phi };
            *cost = (y * y + phi * phi).sqrt();
        }
        if self.beta == 1.0 {
            for cost in costs {
                *cost /= self.radius;
            }
        } else {
            for cost in costs {
                *cost = self.of_distance(*cost);
            }
        }
    }

    /// beta/R (theta/R)^(beta-1) times the unit vector from `to` to `from`, the shorter way if the azimuth is periodic.
    ///
    /// At theta = 0 it is 0: the derivative for beta > 1, a subgradient for beta = 1, and for beta < 1, where the slope is
    /// infinite, no more than the mean of opposite directions. Half a turn apart it is that of one of the two ways.
    fn cost_gradient(&self, from: [f64; 2], to: [f64; 2]) -> Option<[f64; 2]> {
        let y = from[0] - to[0];
        let phi = if self.periodic_phi {
            let size = azimuth_difference(from[1], to[1]);
            // Ahead by `size`, or behind.
            let ahead = (reduced(from[1]) - reduced(to[1])).rem_euclid(TAU) <= PI;
            if ahead { size } else { -size }
        } else {
            from[1] - to[1]
        };
        let theta = y.hypot(phi);
        if theta == 0.0 {
            return Some([0.0; 2]);
        }
        let slope = self.beta / self.radius * (theta / self.radius).powf(self.beta - 1.0);
        Some([slope * (y / theta), slope * (phi / theta)])
    }

    /// 1/beta for beta > 1, else 1 (theta^beta is then a metric itself).
    fn exponent(&self) -> f64 {
        1.0 / self.beta.max(1.0)
    }

    fn angular(&self) -> Option<&AngularCost> {
        Some(self)
    }
}

/// |a - b| the shorter way round the circle.
fn azimuth_difference(a: f64, b: f64) -> f64 {
    let difference = (reduced(a) - reduced(b)).abs() % TAU;
    difference.min(TAU - difference)
}

/// Huge azimuths are reduced (exactly) before they are subtracted, so that the difference cannot overflow.
fn reduced(phi: f64) -> f64 {
    if phi.abs() <= PI { phi } else { phi % TAU }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_agree_with_single_costs() {
        let points =
            [[0.0, 0.0], [0.3, -3.1], [-2.0, 3.1], [1.0, 7.5], [1e-200, 0.0], [0.0, 2e-200], [-1e150, 5.0]];
        for beta in [0.5, 1.0, 2.0, 3.3] {
            for periodic in [false, true] {
                let cost = AngularCost::new(0.4, beta, periodic).unwrap();
                for (from, count) in points.iter().flat_map(|from| (1..=points.len()).map(move |n| (from, n)))
                {
                    let mut row = vec![0.0; count];
                    cost.cost_row(*from, &points[..count], &mut row);
                    for (to, got) in points.iter().zip(row) {
                        let expected = cost.cost(*from, *to);
                        assert!(
                            got == expected || (got - expected).abs() <= 4e-15 * expected.abs(),
                            "{from:?} {to:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_azimuth_goes_the_shorter_way() {
        let cost = AngularCost::new(1.0, 1.0, true).unwrap();
        assert!((cost.cost([0.0, 3.0], [0.0, -3.0]) - (TAU - 6.0)).abs() < 1e-15);
        assert!((cost.cost([0.0, 0.0], [0.0, 4.0 * TAU + 0.5]) - 0.5).abs() < 1e-14);
        assert!(cost.cost([0.0, 1e308], [0.0, -1e308]) <= PI);
        let flat = AngularCost::new(1.0, 1.0, false).unwrap();
        assert_eq!(flat.cost([0.0, 3.0], [0.0, -3.0]), 6.0);
    }

    #[test]
    fn gradients_are_the_slopes_of_the_cost() {
        let pairs = [
            ([0.3, -3.1], [-0.2, 3.0]),
            ([0.3, 3.0], [-0.2, -3.1]),
            ([1.0, 2.0], [0.5, 2.25]),
            ([0.0, 0.5], [0.0, 20.0]),
            ([0.25, 20.0], [0.0, 0.5]),
        ];
        for beta in [0.5, 1.0, 2.0, 3.3] {
            for (periodic, (from, to)) in [false, true].into_iter().flat_map(|p| pairs.map(|pair| (p, pair)))
            {
                let cost = AngularCost::new(0.4, beta, periodic).unwrap();
                let at = |x: &[f64]| Ok::<_, std::convert::Infallible>(cost.cost([x[0], x[1]], [x[2], x[3]]));
                let (by_from, by_to) =
                    (cost.cost_gradient(from, to).unwrap(), cost.cost_gradient_to(from, to).unwrap());
                let gradient = [by_from[0], by_from[1], by_to[0], by_to[1]];
                let x = [from[0], from[1], to[0], to[1]];
                // Rounding of costs up to 4e5 over steps of some 1e-3.
                let tolerance = 1e-9 * (1.0 + cost.cost(from, to));
                hepml_core::testing::check_gradient(at, &gradient, &x, 0.03, tolerance).unwrap();
            }
        }
        let cost = AngularCost::new(1.0, 1.0, true).unwrap();
        assert_eq!(cost.cost_gradient([0.5, 1.0], [0.5, 1.0]), Some([0.0; 2]));
        let closure = |a: [f64; 2], b: [f64; 2]| a[0] - b[0];
        assert_eq!(closure.cost_gradient([0.0; 2], [1.0; 2]), None);
    }

    #[test]
    fn whole_powers_are_powers() {
        for beta in 1..=32 {
            for x in [0.0, 1e-8, 0.3, 1.0, 1.7, 1e9] {
                let (got, expected) = (whole_power(x, f64::from(beta)), x.powf(f64::from(beta)));
                assert!((got - expected).abs() <= f64::from(beta) * f64::EPSILON * expected, "{x}^{beta}");
            }
        }
    }

    #[test]
    fn parameters_are_checked() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = AngularCost::new(bad, 1.0, false).unwrap_err().to_string();
            assert_eq!(error, format!("radius R is {bad}, but must be positive and finite"));
            let error = AngularCost::new(1.0, bad, false).unwrap_err().to_string();
            assert_eq!(error, format!("exponent beta is {bad}, but must be positive and finite"));
        }
    }
}
