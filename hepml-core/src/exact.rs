//! Sums of products in twice the working precision: what keeps the digits of cancelling invariants.
//!
//! `two_product` and `two_sum` are the error-free transformations of Dekker and Knuth; the compensated sum is the `Dot2`
//! of Ogita, Rump and Oishi (SIAM J. Sci. Comput. 26 (2005) 1955), whose result is as accurate as if computed in twice
//! the precision and then rounded. Veltkamp's splitting stands in for the fused multiply-add, which the default compiler
//! flags would turn into a library call.

/// `a * b` as an unevaluated sum of the rounded product and its rounding error (exact for 2^-400 < |a|, |b| < 2^400).
#[inline]
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    let (a_hi, a_lo) = split(a);
    let (b_hi, b_lo) = split(b);
    (product, a_lo * b_lo - (((product - a_hi * b_hi) - a_lo * b_hi) - a_hi * b_lo))
}

#[inline]
fn split(a: f64) -> (f64, f64) {
    const FACTOR: f64 = 134_217_729.0; // 2^27 + 1
    let c = FACTOR * a;
    let hi = c - (c - a);
    (hi, a - hi)
}

/// `a + b` as an unevaluated sum of the rounded sum and its rounding error.
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// The sum of the products `a_i b_i`, as if in twice the working precision.
#[inline]
fn compensated<const N: usize>(terms: [(f64, f64); N]) -> f64 {
    let (mut sum, mut error) = two_product(terms[0].0, terms[0].1);
    for &(a, b) in &terms[1..] {
        let (product, product_error) = two_product(a, b);
        let (next, sum_error) = two_sum(sum, product);
        sum = next;
        error += product_error + sum_error;
    }
    sum + error
}

/// The sum of the products `a_i b_i` to a few units in the last place, unless it cancels to below 2^-100 of its terms.
///
/// Where the sum is at least half as large as its terms together, the plain sum is already that good and is returned; the compensated one is computed only where digits are lost. All factors must lie within 2^±400 or be 0.
#[inline]
pub(crate) fn sum_of_products<const N: usize>(terms: [(f64, f64); N]) -> f64 {
    let mut sum = 0.0;
    let mut size = 0.0;
    for (a, b) in terms {
        let product = a * b;
        sum += product;
        size += product.abs();
    }
    if sum.abs() >= 0.5 * size { sum } else { compensated(terms) }
}

/// A power of two that brings numbers as large as `largest` near 1, or 1 where their products are safe anyway.
#[inline]
pub(crate) fn safe_scale(largest: f64) -> f64 {
    // 2^±300: products stay far from overflow, and their rounding errors from underflow.
    const LARGE: f64 = 2.037_035_976_334_486e90;
    if largest < LARGE && largest > 1.0 / LARGE || largest == 0.0 || !largest.is_finite() {
        1.0
    } else {
        let exponent = largest.log2().floor().clamp(-1000.0, 1000.0);
        (-exponent).exp2()
    }
}
