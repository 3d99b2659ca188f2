//! Functions of one number, with all their derivatives.

use hepml_core::serde::{Deserialize, Serialize};

use super::Kernel;
use super::elementary::{self, Elementary};
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
            Self::Tanh => match order {
                0 => x.tanh(),
                _ => evaluate(&slope_of_tanh(order - 1), x.tanh()) / (x.cosh() * x.cosh()),
            },
            Self::Sigmoid => match order {
                0 => sigmoid(x),
                // 2 s(x) = 1 + tanh(x/2).
                _ => Self::Tanh.derivative(order, 0.5 * x) / (n + 1.0).exp2(),
            },
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

/// The derivative of that order of 1 - t², t = tanh, is 1 - t² times this polynomial in t: for t' = 1 - t².
///
/// So it is precise where the derivatives vanish, unlike a polynomial in t or in the sigmoid function alone.
fn slope_of_tanh(order: u32) -> Vec<f64> {
    let mut q = vec![1.0];
    for _ in 0..order {
        // (1 - t²) q' - 2 t q
        let mut next = vec![0.0; q.len() + 1];
        for (power, &c) in q.iter().enumerate() {
            let p = power as f64;
            if power > 0 {
                next[power - 1] += c * p;
            }
            next[power + 1] -= c * (p + 2.0);
        }
        q = next;
    }
    q
}

/// The Hermite polynomial of that order: He_(k+1) = x He_k - k He_(k-1).
fn hermite(order: u32) -> Vec<f64> {
    let (mut before, mut hermite) = (vec![], vec![1.0]);
    for k in 0..order {
        let mut next = vec![0.0; hermite.len() + 1];
        next[1..].copy_from_slice(&hermite);
        next.iter_mut().zip(&before).for_each(|(next, before)| *next -= f64::from(k) * before);
        (before, hermite) = (hermite, next);
    }
    hermite
}

/// A polynomial, from the constant on.
fn evaluate(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, &c| sum * x + c)
}

/// The derivative of that order of the cumulative normal distribution.
fn normal_cdf(order: u32, x: f64) -> f64 {
    if order == 0 {
        return 0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2, gauss(x));
    }
    let density = gauss(x) / std::f64::consts::TAU.sqrt();
    // (-1)^k He_k(x) phi(x), k = order - 1
    let hermite = evaluate(&hermite(order - 1), x);
    if order % 2 == 1 { hermite * density } else { -hermite * density }
}

/// e^(-x²/2), as precise where x² is large.
fn gauss(x: f64) -> f64 {
    // The square of what is left of a mantissa of 26 bits is exact.
    let high = x.high_half();
    (-0.5 * high * high).exp() * (-0.5 * (x - high) * (x + high)).exp()
}

/// The complementary error function, with e^(-x²): its Taylor series near 0, its continued fraction (Lentz) away from it.
fn erfc(x: f64, power: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x, power);
    }
    let factor = std::f64::consts::FRAC_2_SQRT_PI * power;
    if x < 0.7 {
        // erf x = 2/sqrt(pi) e^(-x²) sum_n 2^n x^(2n+1)/(2n+1)!!
        let (mut term, mut sum, mut n) = (x, x, 1.0);
        while term > 1e-17 * sum {
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
            n += 1.0;
        }
        return 1.0 - factor * sum;
    }
    // erfc x = e^(-x²)/sqrt(pi) 1/(x + 1/2/(x + 1/(x + 3/2/(x + ...)))), from the inside; its error falls as
    // e^(-2 x sqrt(2 n)), so that 400 terms are enough.
    let tail = (1..=400).rev().fold(x, |tail, k| x + 0.5 * f64::from(k) / tail);
    0.5 * factor / tail
}

/// The numbers of a block: what is computed before it is added to gradients stays in the first cache.
const BLOCK: usize = 512;

/// Beyond this order, derivatives are taken one number at a time.
const HIGHEST: usize = 8;

impl Kernel {
    /// y = the derivative of that order of the function at x.
    pub(crate) fn function<T: Scalar>(self, f: Function, order: u32, x: View<'_, T>, mut y: ViewMut<'_, T>) {
        assert!(y.shape() == x.shape(), "shapes of a function");
        self.derivatives(f, order, x.padded(), y.padded());
        y.clear_pads();
    }

    /// The gradient of x from that of y = f^(order)(x): g f^(order + 1)(x); added to what is there if `accumulate`.
    #[allow(clippy::too_many_arguments, reason = "operands, results and what to do")]
    pub(crate) fn function_adjoint<T: Scalar>(
        self,
        f: Function,
        order: u32,
        x: View<'_, T>,
        y: View<'_, T>,
        g: View<'_, T>,
        mut to: ViewMut<'_, T>,
        accumulate: bool,
    ) {
        assert!(x.shape() == y.shape() && g.shape() == y.shape(), "shapes of a function");
        assert!(to.shape() == y.shape(), "shapes of a function");
        let mut slopes = [T::ZERO; BLOCK];
        let blocks = x.padded().chunks(BLOCK).zip(y.padded().chunks(BLOCK));
        for (((x, y), g), to) in blocks.zip(g.padded().chunks(BLOCK)).zip(to.padded().chunks_mut(BLOCK)) {
            let slopes = &mut slopes[..x.len()];
            match (f, order) {
                (Function::Exp, _) => slopes.copy_from_slice(y),
                (Function::Tanh | Function::Sigmoid, 0) => self.slopes_of_values(f, y, slopes),
                _ => self.derivatives(f, order + 1, x, slopes),
            }
            self.multiply(slopes, g, to, accumulate);
        }
        to.clear_pads();
    }
}

/// The slopes of tanh, or of the sigmoid function, from their values.
#[inline(always)]
pub(super) fn slopes_of_values<T: Scalar, M: Machine>(f: Function, y: &[T], slopes: &mut [T]) {
    if f == Function::Tanh {
        map(y, slopes, |y| M::mul_add(-y, y, T::ONE));
    } else {
        map(y, slopes, |y| M::mul_add(-y, y, y));
    }
}

#[inline(always)]
fn map<T: Scalar>(x: &[T], y: &mut [T], f: impl Fn(T) -> T) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = f(x);
    }
}

/// The derivative of that order at each x.
#[inline(always)]
pub(super) fn derivatives<T: Elementary, M: Machine>(f: Function, order: u32, x: &[T], y: &mut [T]) {
    let (zero, one) = (T::ZERO, T::ONE);
    match (f, order) {
        (Function::Relu, _) => derivatives_of_leaky_relu(0.0, order, x, y),
        (Function::LeakyRelu(slope), _) => derivatives_of_leaky_relu(slope, order, x, y),
        (Function::Abs, 0) => map(x, y, T::abs),
        (Function::Abs, 1) => map(x, y, |x| {
            let positive = if x > zero { one } else { zero };
            if x < zero { -one } else { positive }
        }),
        (Function::Abs, _) => y.fill(zero),
        (Function::Tanh, 0) => map(x, y, elementary::tanh::<T, M>),
        (Function::Sigmoid, 0) | (Function::Softplus, 1) => map(x, y, |x| elementary::sigmoids::<T, M>(x)[0]),
        (Function::Softplus, 0) => map(x, y, elementary::softplus::<T, M>),
        (Function::Silu, 0) => map(x, y, |x| x * elementary::sigmoids::<T, M>(x)[0]),
        (Function::Silu, 1) => map(x, y, |x| {
            let [s, rest] = elementary::sigmoids::<T, M>(x);
            M::mul_add(x * s, rest, s)
        }),
        (Function::Gelu, 0) => map(x, y, |x| x * elementary::normal::<T, M>(x)[0]),
        (Function::Gelu, 1) => map(x, y, |x| {
            let [p, density] = elementary::normal::<T, M>(x);
            M::mul_add(x, density, p)
        }),
        (Function::Exp, _) => map(x, y, elementary::exp::<T, M>),
        (Function::Ln, 0) => map(x, y, elementary::ln::<T, M>),
        (Function::Ln, 1) => map(x, y, |x| one / x),
        (Function::Ln, _) => {
            // (-1)^(n-1) (n-1)! x^-n
            let factor = (1..order).fold(1.0, |product, k| -product * f64::from(k));
            powers(factor, -f64::from(order), x, y);
        }
        (Function::Power(power), _) => {
            let factor: f64 = (0..order).map(|k| power - f64::from(k)).product();
            // Derivatives of polynomials end, at x = 0 too.
            if factor == 0.0 { y.fill(zero) } else { powers(factor, power - f64::from(order), x, y) }
        }
        (Function::Sin, _) => sines::<T, M>(order, x, y),
        (Function::Cos, _) => sines::<T, M>(order % 4 + 1, x, y),
        _ if order as usize > HIGHEST => map(x, y, |x| T::from_f64(f.derivative(order, x.to_f64()))),
        // tanh(x/2) = s(x) - s(-x), and 1 - tanh² is four times their product.
        (Function::Tanh, _) => sigmoids::<T, M>(order, [2.0, 4.0], x, y),
        (Function::Sigmoid, _) => sigmoids::<T, M>(order, [1.0, (1.0 - f64::from(order)).exp2()], x, y),
        (Function::Softplus, _) => sigmoids::<T, M>(order - 1, [1.0, (2.0 - f64::from(order)).exp2()], x, y),
        (Function::Silu, _) => {
            // x s^(n) + n s^(n-1)
            let n = f64::from(order);
            let p = coefficients(
                &slope_of_tanh(order - 1).iter().map(|c| c * (1.0 - n).exp2()).collect::<Vec<_>>(),
            );
            let q = coefficients(
                &slope_of_tanh(order - 2).iter().map(|c| c * n * (2.0 - n).exp2()).collect::<Vec<_>>(),
            );
            map(x, y, |x| {
                let [s, rest] = elementary::sigmoids::<T, M>(x);
                let (p, q) = (
                    elementary::polynomial::<T, M>(&p, s - rest),
                    elementary::polynomial::<T, M>(&q, s - rest),
                );
                M::mul_add(x, p, q) * (s * rest)
            });
        }
        (Function::Gelu, _) => {
            // x P^(n) + n P^(n-1), where P^(k+1) = (-1)^k He_k(x) times the density
            let p = coefficients(&hermite(order - 1));
            let q = coefficients(&hermite(order - 2));
            let sign = if order.is_multiple_of(2) { -one } else { one };
            let n = T::from_f64(f64::from(order));
            map(x, y, |x| {
                let density = sign * elementary::normal::<T, M>(x)[1];
                let q = elementary::polynomial::<T, M>(&q, x);
                let p = elementary::polynomial::<T, M>(&p, x);
                density * M::mul_add(x, p, -n * q)
            });
        }
    }
}

#[inline(always)]
fn derivatives_of_leaky_relu<T: Scalar>(slope: f64, order: u32, x: &[T], y: &mut [T]) {
    let slope = T::from_f64(slope);
    match order {
        0 => map(x, y, |x| if x > T::ZERO { x } else { slope * x }),
        1 => map(x, y, |x| if x > T::ZERO { T::ONE } else { slope }),
        _ => y.fill(T::ZERO),
    }
}

/// factor s(u) s(-u) q(s(u) - s(-u)) of the sigmoid function s, a multiple u of x, and [`slope_of_tanh`] of one order less.
#[inline(always)]
fn sigmoids<T: Elementary, M: Machine>(order: u32, [multiple, factor]: [f64; 2], x: &[T], y: &mut [T]) {
    let q = coefficients(&slope_of_tanh(order - 1));
    let (multiple, factor) = (T::from_f64(multiple), T::from_f64(factor));
    map(x, y, |x| {
        let [s, rest] = elementary::sigmoids::<T, M>(multiple * x);
        factor * s * rest * elementary::polynomial::<T, M>(&q, s - rest)
    });
}

/// factor x^power.
#[inline(always)]
fn powers<T: Scalar>(factor: f64, power: f64, x: &[T], y: &mut [T]) {
    let scale = T::from_f64(factor);
    let root = power.fract().abs() == 0.5;
    if power.abs() > 64.0 || (power.fract() != 0.0 && !root) {
        return map(x, y, |x| T::from_f64(factor * raise(x.to_f64(), power)));
    }
    // Squares of squares, of all numbers at a time; a root for a half, a quotient for a negative power.
    let mut squares = [T::ZERO; BLOCK];
    for (x, y) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)) {
        let squares = &mut squares[..x.len()];
        squares.copy_from_slice(x);
        if root {
            map(x, y, T::sqrt);
        } else {
            y.fill(T::ONE);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
        let mut bits = power.abs() as u32;
        while bits > 0 {
            if bits & 1 == 1 {
                y.iter_mut().zip(&*squares).for_each(|(y, &square)| *y *= square);
            }
            for square in squares.iter_mut() {
                *square *= *square;
            }
            bits >>= 1;
        }
        if power < 0.0 {
            for y in y.iter_mut() {
                *y = scale / *y;
            }
        } else {
            for y in y.iter_mut() {
                *y *= scale;
            }
        }
    }
}

/// sin(x + quarter pi/2).
#[inline(always)]
fn sines<T: Scalar, M: Machine>(quarter: u32, x: &[T], y: &mut [T]) {
    for (x, y) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)) {
        let largest = x.iter().fold(T::ZERO, |largest, x| if x.abs() > largest { x.abs() } else { largest });
        if largest.to_f64() <= elementary::CIRCLE_RANGE {
            map(x, y, |x| T::from_f64(elementary::sine::<M>(x.to_f64(), u64::from(quarter))));
        } else {
            map(x, y, |x| T::from_f64(Function::Sin.derivative(quarter, x.to_f64())));
        }
    }
}

/// The coefficients in T, always as many: loops over numbers need that.
#[inline(always)]
fn coefficients<T: Scalar>(exact: &[f64]) -> [T; HIGHEST + 2] {
    let mut all = [T::ZERO; HIGHEST + 2];
    all.iter_mut().zip(exact).for_each(|(to, &from)| *to = T::from_f64(from));
    all
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

    fn erfc(x: f64) -> f64 {
        super::erfc(x, (-x * x).exp())
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
        assert!((erfc(0.7 - 1e-14) - erfc(0.7)).abs() < 1e-13);
    }
}
