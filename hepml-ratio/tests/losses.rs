//! The losses against their definitions: derivatives, minima, convexity, symmetry, extreme arguments.

use hepml_core::ndarray::array;
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{RatioEstimator, Weighted};
use hepml_ratio::{CLIP, HistogramConfig, RatioBins, RatioLoss};
use proptest::prelude::*;

const LOSSES: [RatioLoss; 9] = [
    RatioLoss::Bce,
    RatioLoss::Mse,
    RatioLoss::Mlc,
    RatioLoss::Sqr,
    RatioLoss::PMse(1.3),
    RatioLoss::PMse(2.0),
    RatioLoss::PMse(3.5),
    RatioLoss::PSqr(0.7),
    RatioLoss::Lsif,
];

/// Central differences of step 1e-4 in f64: truncation 1e-9 and rounding 1e-12 of the terms' scale.
const DIFFERENCE: f64 = 1e-8;
/// A minimum located by bisection of the slope, to a few units in the last place of z.
const MINIMUM: f64 = 1e-9;
/// Closed forms against the terms themselves: rounding.
const ROUNDING: f64 = 1e-13;

/// The loss as the literature writes it, in the output f.
fn literal(loss: RatioLoss, numerator: bool, z: f64) -> f64 {
    let r = z.exp();
    match (loss, numerator) {
        (RatioLoss::Bce, true) => -(r / (1.0 + r)).ln(),
        (RatioLoss::Bce, false) => -(1.0 / (1.0 + r)).ln(),
        (RatioLoss::Mse, true) => (1.0 - r / (1.0 + r)).powi(2),
        (RatioLoss::Mse, false) => (r / (1.0 + r)).powi(2),
        (RatioLoss::Mlc, true) => -r.ln(),
        (RatioLoss::Mlc, false) => r - 1.0,
        (RatioLoss::Sqr, true) => 1.0 / r.sqrt(),
        (RatioLoss::Sqr, false) => r.sqrt(),
        (RatioLoss::PMse(p), numerator) => {
            let odds = r.powf(1.0 / (p - 1.0));
            let f = odds / (1.0 + odds);
            if numerator { (1.0 - f).abs().powf(p) } else { f.abs().powf(p) }
        }
        (RatioLoss::PSqr(p), numerator) => {
            let f = r.powf(1.0 / p);
            if numerator { f.powf(-p / 2.0) } else { f.powf(p / 2.0) }
        }
        (RatioLoss::Lsif, true) => -r,
        (RatioLoss::Lsif, false) => 0.5 * r * r,
        (other, _) => panic!("{other:?} is not in the literature read here"),
    }
}

#[test]
fn terms_are_the_losses_of_the_literature() {
    for loss in LOSSES {
        for numerator in [true, false] {
            for step in -40..=40 {
                let z = 0.1 * f64::from(step);
                let (ours, theirs) = (loss.terms(numerator, z)[0], literal(loss, numerator, z));
                assert!(
                    (ours - theirs).abs() < ROUNDING * (1.0 + theirs.abs()) * 10.0,
                    "{loss:?} {numerator} at {z}: {ours} {theirs}"
                );
            }
        }
    }
}

#[test]
fn derivatives_are_those_of_the_values() {
    let h = 1e-4;
    for loss in LOSSES {
        for numerator in [true, false] {
            for step in -60..=60 {
                let z = 0.13 * f64::from(step);
                let [_, slope, curvature] = loss.terms(numerator, z);
                let (up, down) = (loss.terms(numerator, z + h), loss.terms(numerator, z - h));
                let scale = up[0].abs() + up[1].abs() + up[2].abs() + down[2].abs();
                let differences = [(up[0] - down[0]) / (2.0 * h), (up[1] - down[1]) / (2.0 * h)];
                assert!((slope - differences[0]).abs() <= 10.0 * DIFFERENCE * scale, "{loss:?} slope at {z}");
                assert!(
                    (curvature - differences[1]).abs() <= 10.0 * DIFFERENCE * scale,
                    "{loss:?} curvature at {z}: {curvature} {}",
                    differences[1]
                );
            }
        }
    }
}

#[test]
fn the_pointwise_minimiser_is_the_log_ratio() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for loss in LOSSES {
        for _ in 0..200 {
            let (p_num, p_den): (f64, f64) = (rng.random_range(0.01..3.0), rng.random_range(0.01..3.0));
            let slope = |z| p_num * loss.terms(true, z)[1] + p_den * loss.terms(false, z)[1];
            let value = |z| p_num * loss.terms(true, z)[0] + p_den * loss.terms(false, z)[0];
            // All are quasi-convex in z for positive weights, so their slope changes sign once.
            let (mut low, mut high) = (-12.0, 12.0);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if slope(middle) < 0.0 {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            let exact = (p_num / p_den).ln();
            assert!((low - exact).abs() < MINIMUM, "{loss:?}: {low} {exact}");
            for z in [exact - 1.0, exact - 0.1, exact + 0.1, exact + 1.0] {
                assert!(value(z) > value(exact), "{loss:?}");
            }
            let least = loss.minimum(p_num, p_den);
            assert!((value(exact) - least).abs() <= 10.0 * ROUNDING * (1.0 + least.abs()), "{loss:?}");
        }
    }
}

#[test]
fn the_minimum_keeps_its_digits_at_extreme_densities() {
    for loss in LOSSES {
        for (p_num, p_den) in [(1e-12, 1.0_f64), (1.0, 1e-12)] {
            let z: f64 = (p_num / p_den).ln();
            let direct = p_num * loss.terms(true, z)[0] + p_den * loss.terms(false, z)[0];
            let least = loss.minimum(p_num, p_den);
            // exp(z) costs |z| units in the last place.
            assert!((direct - least).abs() <= 100.0 * ROUNDING * least.abs(), "{loss:?} {direct} {least}");
        }
    }
}

proptest! {
    #[test]
    fn bce_mlc_and_sqr_are_convex(a in -60.0..60.0_f64, b in -60.0..60.0_f64, t in 0.0..1.0_f64) {
        for loss in LOSSES.into_iter().filter(|loss| loss.is_convex()) {
            for numerator in [true, false] {
                let value = |z| loss.terms(numerator, z)[0];
                let chord = t * value(a) + (1.0 - t) * value(b);
                prop_assert!(value(t * a + (1.0 - t) * b) <= chord + 1e-12 * (1.0 + chord.abs()));
                prop_assert!(loss.terms(numerator, a)[2] >= 0.0);
            }
        }
    }

    #[test]
    fn exchanging_the_samples_mirrors_z(z in -50.0..50.0_f64) {
        for loss in [
            RatioLoss::Bce, RatioLoss::Mse, RatioLoss::Sqr, RatioLoss::PMse(1.7), RatioLoss::PSqr(2.0)
        ] {
            let [value, slope, curvature] = loss.terms(true, z);
            // Bit for bit: the swapped fit is the mirrored fit.
            prop_assert_eq!(loss.terms(false, -z), [value, -slope, curvature]);
        }
    }
}

#[test]
fn extreme_arguments_are_clipped_and_counted() {
    for loss in LOSSES {
        for numerator in [true, false] {
            for z in [-1e200, -1000.0, -31.0, -29.0, 0.0, 29.0, 31.0, 1000.0, 1e200] {
                let terms = loss.terms(numerator, z);
                assert!(terms.iter().all(|term| term.is_finite()), "{loss:?} {numerator} {z}: {terms:?}");
                if z.abs() < CLIP {
                    assert!(!loss.is_clipped(numerator, z));
                }
            }
        }
    }
    let clipped = |loss: RatioLoss| {
        [(true, -31.0), (true, 31.0), (false, -31.0), (false, 31.0)].map(|(side, z)| loss.is_clipped(side, z))
    };
    assert_eq!(clipped(RatioLoss::Bce), [false; 4]);
    assert_eq!(clipped(RatioLoss::Mse), [false; 4]);
    assert_eq!(clipped(RatioLoss::PMse(1.5)), [false; 4]);
    assert_eq!(clipped(RatioLoss::Mlc), [false, false, false, true]);
    assert_eq!(clipped(RatioLoss::Sqr), [true, false, false, true]);
    assert_eq!(clipped(RatioLoss::PSqr(2.0)), [true, false, false, true]);
    assert_eq!(clipped(RatioLoss::Lsif), [false, true, false, true]);
}

#[test]
fn beyond_the_clip_the_loss_is_its_tangent() {
    for (loss, numerator, z) in
        [(RatioLoss::Mlc, false, 40.0), (RatioLoss::Sqr, true, -50.0), (RatioLoss::Sqr, false, 33.0)]
    {
        let edge = CLIP.copysign(z);
        let (at, beyond) = (loss.terms(numerator, edge), loss.terms(numerator, z));
        assert!((beyond[0] - (at[0] + at[1] * (z - edge))).abs() < 1e-15 * beyond[0].abs() * 10.0);
        assert_eq!(beyond[1..], at[1..]);
        // It rises towards larger |z|: an event that is too far out is pulled back.
        assert!(beyond[1] * z > 0.0);
    }
}

/// What the table of the module says of a region whose net weight is negative.
#[test]
fn negative_net_weight() {
    let at =
        |loss: RatioLoss, n: f64, d: f64, z: f64| n * loss.terms(true, z)[0] + d * loss.terms(false, z)[0];
    for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr] {
        assert!(at(loss, -0.1, 1.0, -1e6) < -1e4, "{loss:?}");
        assert!(at(loss, 1.0, -0.1, 1e6) < -1e4, "{loss:?}");
    }
    assert!(at(RatioLoss::Lsif, 1.0, -0.1, 20.0) < -1e4);
    for loss in [RatioLoss::Mse, RatioLoss::PMse(1.5), RatioLoss::PMse(3.0)] {
        for step in -300..=300 {
            let z = f64::from(step);
            assert!(at(loss, -0.1, 1.0, z) >= -0.1 - 1e-15 && at(loss, 1.0, -0.1, z) >= -0.1 - 1e-15);
        }
        assert!((at(loss, -0.1, 1.0, -600.0) + 0.1).abs() < 1e-12);
        assert!((at(loss, 1.0, -0.1, 600.0) + 0.1).abs() < 1e-12);
    }
    for step in -300..=300 {
        assert!(at(RatioLoss::Lsif, -0.1, 1.0, 0.1 * f64::from(step)) >= 0.0);
    }
}

/// The rows of losses that are linear in f: a ratio of histograms is their stationary point in each bin.
#[test]
fn losses_linear_in_the_output_have_negative_ratios() {
    let edges = RatioBins::Edges(vec![vec![0.0, 1.0, 2.0, 3.0]]);
    // Shares of the bins: n < 0 < d, d < 0 < n, and what makes each sum to 1.
    let (n, d) = ([-0.2, 0.4, 0.8], [0.5, -0.3, 0.8]);
    let places = array![[0.5], [1.5], [2.5]];
    let numerator = Weighted::new(places.clone(), n.to_vec()).unwrap();
    let denominator = Weighted::new(places.clone(), d.to_vec()).unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let config = HistogramConfig::new(edges).examination(0.0);
    let fitted = config.fit(&numerator, &denominator, rng, &mut ()).unwrap();
    let ratio = fitted.model.ratio(&places).unwrap();
    assert_eq!(fitted.report.get("negative bins").unwrap().value, 2.0);
    for bin in 0..3 {
        let (n, d, r) = (n[bin], d[bin], ratio[bin]);
        assert!((r - n / d).abs() < ROUNDING);
        // f = r/(1 + r) of the linear MSE, f = r of uLSIF.
        let f = r / (1.0 + r);
        let mse = |f: f64| n * (1.0 - f).powi(2) + d * f * f;
        let lsif = |f: f64| 0.5 * d * f * f - n * f;
        for (loss, at, curvature) in
            [(&mse as &dyn Fn(f64) -> f64, f, 2.0 * (n + d)), (&lsif as &dyn Fn(f64) -> f64, r, d)]
        {
            // Stationary, with the curvature that the table says: a minimum where it is positive, else unbounded below.
            let change = |step: f64| loss(at + step) - loss(at);
            for step in [-1e3, -0.1, 0.1, 1e3] {
                let quadratic = 0.5 * curvature * step * step;
                assert!((change(step) - quadratic).abs() < 1e4 * ROUNDING * (1.0 + quadratic.abs()), "{bin}");
            }
        }
    }
    assert!(ratio[0] < 0.0 && ratio[1] < 0.0);
}

/// Where both net weights are negative, ln(n/d) is a maximum.
#[test]
fn both_net_weights_negative() {
    let (n, d) = (-0.2, -0.6);
    let exact = f64::ln(n / d);
    for loss in LOSSES {
        let at = |z: f64| n * loss.terms(true, z)[0] + d * loss.terms(false, z)[0];
        for step in [-1.0, -0.1, 0.1, 1.0] {
            assert!(at(exact + step) < at(exact), "{loss:?}");
        }
        let is_bounded = matches!(loss, RatioLoss::Mse | RatioLoss::PMse(_));
        let runs_away = at(-1e6).min(at(1e6)) < -1e4;
        assert_eq!(runs_away, !is_bounded, "{loss:?}");
    }
}

#[test]
fn losses_that_are_positive_say_so() {
    for loss in LOSSES {
        let falls_below = [true, false]
            .into_iter()
            .any(|side| (-60..=60).any(|step| loss.terms(side, 0.1 * f64::from(step))[0] < 0.0));
        assert_eq!(loss.is_positive(), !falls_below, "{loss:?}");
    }
}

#[test]
fn losses_that_are_not_convex_say_so() {
    for loss in LOSSES {
        let bends_down = [true, false]
            .into_iter()
            .any(|side| (-60..=60).any(|step| loss.terms(side, 0.1 * f64::from(step))[2] < 0.0));
        assert_eq!(loss.is_convex(), !bends_down, "{loss:?}");
    }
}

#[test]
fn output_scales() {
    assert_eq!(RatioLoss::PMse(3.0).output_scale(), 2.0);
    assert_eq!(RatioLoss::PSqr(0.5).output_scale(), 0.5);
    for loss in [RatioLoss::Bce, RatioLoss::Mse, RatioLoss::Mlc, RatioLoss::Sqr, RatioLoss::Lsif] {
        assert_eq!(loss.output_scale(), 1.0);
    }
}

#[test]
fn exponents_are_checked() {
    for loss in LOSSES {
        loss.check().unwrap();
    }
    for loss in [
        RatioLoss::PMse(1.0),
        RatioLoss::PMse(f64::NAN),
        RatioLoss::PMse(f64::INFINITY),
        RatioLoss::PSqr(0.0),
        RatioLoss::PSqr(f64::NAN),
    ] {
        assert!(loss.check().is_err(), "{loss:?}");
    }
}

#[test]
fn losses_are_written_and_read() {
    for loss in LOSSES {
        let json = serde_json::to_string(&loss).unwrap();
        assert_eq!(serde_json::from_str::<RatioLoss>(&json).unwrap(), loss);
    }
}
