//! Functions of one number, with all their derivatives.

use hepml_core::serde::{Deserialize, Serialize};

use super::machine::Machine;
use crate::matrix::{View, ViewMut};
use crate::scalar::Scalar;

/// A function of one number that a tape applies to each number of a matrix.
///
/// Every derivative exists: losses may contain derivatives of networks of any order. Those of the kinked functions are
/// taken piece by piece, 0 at the kink.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum Function {
    /// max(x, 0).
    Relu,
    /// x, or this slope times x below 0.
    LeakyRelu(f64),
    /// |x|.
    Abs,
    /// tanh x.
    Tanh,
    /// 1/(1 + e^-x).
    Sigmoid,
    /// ln(1 + e^x).
    Softplus,
    /// x/(1 + e^-x), also called swish (arXiv:1702.03118).
    Silu,
    /// x Phi(x) with the cumulative normal distribution Phi (arXiv:1606.08415), not its approximation by tanh.
    Gelu,
    /// e^x.
    Exp,
    /// ln x.
    Ln,
    /// x to this power. A power that is no whole number wants x > 0 (or x = 0 where it is finite there).
    Power(f64),
    /// sin x.
    Sin,
    /// cos x.
    Cos,
}

impl Function {
    /// The derivative of that order at x, one number at a time: the reference of the vectorised loops.
    pub(crate) fn derivative(self, order: u32, x: f64) -> f64 {
        let n = f64::from(order);
        match self {
            Self::Relu => Self::LeakyRelu(0.0).derivative(order, x),
            Self::LeakyRelu(slope) => match order {
                0 => {
                    if x > 0.0 {
                        x
                    } else {
                        slope * x
                    }
                }
                1 => {
                    if x > 0.0 {
                        1.0
                    } else {
                        slope
                    }
                }
                _ => 0.0,
            },
            Self::Abs => match order {
                0 => x.abs(),
                1 => {
                    if x > 0.0 {
                        1.0
                    } else if x < 0.0 {
                        -1.0
                    } else {
                        0.0
                    }
                }
                _ => 0.0,
            },
            // A polynomial in t = tanh x, for t' = 1 - t².
            Self::Tanh => polynomial_derivative(x.tanh(), order, [1.0, 0.0, -1.0]),
            // A polynomial in s = sigmoid x, for s' = s - s².
            Self::Sigmoid => polynomial_derivative(sigmoid(x), order, [0.0, 1.0, -1.0]),
            Self::Softplus => match order {
                0 => x.max(0.0) + (-x.abs()).exp().ln_1p(),
                _ => Self::Sigmoid.derivative(order - 1, x),
            },
            Self::Silu => match order {
                0 => x * sigmoid(x),
                _ => x * Self::Sigmoid.derivative(order, x) + n * Self::Sigmoid.derivative(order - 1, x),
            },
            Self::Gelu => match order {
                0 => x * normal_cdf(0, x),
                _ => x * normal_cdf(order, x) + n * normal_cdf(order - 1, x),
            },
            Self::Exp => x.exp(),
            Self::Ln => match order {
                0 => x.ln(),
                // (-1)^(n-1) (n-1)! x^-n
                _ => (1..order).fold(1.0 / x, |product, k| -product * f64::from(k) / x),
            },
            Self::Power(power) => {
                let factor: f64 = (0..order).map(|k| power - f64::from(k)).product();
                // Derivatives of polynomials end, at x = 0 too.
                if factor == 0.0 { 0.0 } else { factor * raise(x, power - n) }
            }
            Self::Sin => match order % 4 {
                0 => x.sin(),
                1 => x.cos(),
                2 => -x.sin(),
                _ => -x.cos(),
            },
            Self::Cos => Self::Sin.derivative(order + 1, x),
        }
    }
}

/// x^p, by multiplications for whole p.
fn raise(x: f64, power: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "a small whole number")]
    if power.fract() == 0.0 && power.abs() <= 64.0 { x.powi(power as i32) } else { x.powf(power) }
}

/// 1/(1 + e^-x).
fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// The derivative of that order of u, where u' is a polynomial of second degree in u.
fn polynomial_derivative(u: f64, order: u32, slope: [f64; 3]) -> f64 {
    // The coefficients of the derivative so far, as a polynomial in u.
    let mut coefficients = vec![0.0, 1.0];
    for _ in 0..order {
        let mut next = vec![0.0; coefficients.len() + 1];
        for (power, &c) in coefficients.iter().enumerate().skip(1) {
            for (shift, &s) in slope.iter().enumerate() {
                next[power - 1 + shift] += c * power as f64 * s;
            }
        }
        coefficients = next;
    }
    coefficients.iter().rev().fold(0.0, |sum, &c| sum * u + c)
}

/// The derivative of that order of the cumulative normal distribution.
fn normal_cdf(order: u32, x: f64) -> f64 {
    if order == 0 {
        return 0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    }
    let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    // (-1)^k He_k(x) phi(x), k = order - 1, with He_(k+1) = x He_k - k He_(k-1).
    let (mut before, mut hermite) = (0.0, 1.0);
    for k in 0..order - 1 {
        (before, hermite) = (hermite, x * hermite - f64::from(k) * before);
    }
    if order % 2 == 1 { hermite * density } else { -hermite * density }
}

/// The complementary error function: its Taylor series near 0, its continued fraction (Lentz) away from it.
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    let factor = std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp();
    if x < 2.0 {
        // erf x = 2/sqrt(pi) e^(-x²) sum_n 2^n x^(2n+1)/(2n+1)!!
        let (mut term, mut sum, mut n) = (x, x, 1.0);
        while term > 1e-17 * sum {
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
            n += 1.0;
        }
        return 1.0 - factor * sum;
    }
    // erfc x = e^(-x²)/sqrt(pi) 1/(x + 1/2/(x + 1/(x + 3/2/(x + ...)))), from the inside; 60 terms are enough from 2 on.
    let tail = (1..=60).rev().fold(x, |tail, k| x + 0.5 * f64::from(k) / tail);
    0.5 * factor / tail
}

#[inline(always)]
pub(super) fn function<T: Scalar, M: Machine>(
    f: Function,
    order: u32,
    x: View<'_, T>,
    mut y: ViewMut<'_, T>,
) {
    for i in 0..x.rows() {
        for (y, &x) in y.row(i).iter_mut().zip(x.row(i)) {
            *y = T::from_f64(f.derivative(order, x.to_f64()));
        }
        y.padded_row(i)[x.columns()..].fill(T::ZERO);
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "operands, results and what to do")]
pub(super) fn function_adjoint<T: Scalar, M: Machine>(
    f: Function,
    order: u32,
    x: View<'_, T>,
    _y: View<'_, T>,
    g: View<'_, T>,
    mut to: ViewMut<'_, T>,
    accumulate: bool,
) {
    if !accumulate {
        to.padded().fill(T::ZERO);
    }
    for i in 0..x.rows() {
        for ((to, &x), &g) in to.row(i).iter_mut().zip(x.row(i)).zip(g.row(i)) {
            *to = M::mul_add(g, T::from_f64(f.derivative(order + 1, x.to_f64())), *to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values by mpmath with 50 digits would not differ from these formulas' own; what is checked is that each
    /// derivative is that of the one before, and that functions have the values that define them.
    #[test]
    fn each_derivative_is_that_of_the_one_before() {
        let functions = [
            Function::Tanh,
            Function::Sigmoid,
            Function::Softplus,
            Function::Silu,
            Function::Gelu,
            Function::Exp,
            Function::Ln,
            Function::Power(2.0),
            Function::Power(-1.0),
            Function::Power(0.5),
            Function::Sin,
            Function::Cos,
            Function::Relu,
            Function::LeakyRelu(0.1),
            Function::Abs,
        ];
        for f in functions {
            for order in 0..6 {
                for x in [0.3, 0.9, 1.7, 2.6] {
                    let h = 1e-3;
                    let d = |h: f64| (f.derivative(order, x + h) - f.derivative(order, x - h)) / (2.0 * h);
                    let difference = (4.0 * d(h / 2.0) - d(h)) / 3.0;
                    let exact = f.derivative(order + 1, x);
                    assert!(
                        (difference - exact).abs() < 1e-7 * (1.0 + exact.abs()),
                        "{f:?} {order} {x}: {difference} {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn erfc_is_that_of_the_tables() {
        // Abramowitz and Stegun, table 7.1 (erf) and 7.3.
        for (x, erf) in
            [(0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (1.5, 0.966_105_146_5), (2.0, 0.995_322_265_0)]
        {
            assert!((1.0 - erfc(x) - erf).abs() < 1e-10, "{x}");
            assert!((erfc(-x) - 1.0 - erf).abs() < 1e-10, "{x}");
        }
        // Both forms agree where they meet.
        assert!((erfc(2.0 - 1e-12) - erfc(2.0)).abs() < 1e-13);
    }
}
