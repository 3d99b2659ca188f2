//! What must hold for any input.

use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_stats::*;
use proptest::prelude::*;

/// Sums of at most 200 terms of order 1 in another order.
const ROUNDING: f64 = 1e-12;

/// Scores with many ties, labels with both classes, positive weights.
fn classified() -> impl Strategy<Value = (Vec<f64>, Vec<bool>, Vec<f64>)> {
    prop::collection::vec((-8_i8..8, any::<bool>(), 0.1_f64..3.0), 2..60).prop_map(|events| {
        let scores = events.iter().map(|e| f64::from(e.0) / 4.0).collect();
        let mut labels: Vec<bool> = events.iter().map(|e| e.1).collect();
        labels[0] = true;
        labels[1] = false;
        (scores, labels, events.iter().map(|e| e.2).collect())
    })
}

fn weighted_values() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    prop::collection::vec((-10.0_f64..10.0, 0.0_f64..3.0), 1..80).prop_map(|pairs| {
        let (values, mut weights): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        weights[0] += 0.1;
        (values, weights)
    })
}

proptest! {
    #[test]
    fn auc_knows_only_the_order((scores, labels, weights) in classified(), signs in prop::collection::vec(any::<bool>(), 60)) {
        // Signed weights, as long as each class sums to something positive.
        let signed: Vec<f64> = weights.iter().zip(&signs).map(|(w, &s)| if s { *w } else { -0.3 * w }).collect();
        for weights in [&weights, &signed] {
            let Ok(roc) = Roc::new(&scores, &labels, Some(weights)) else { continue };
            let mapped: Vec<f64> = scores.iter().map(|s| (3.0 * s).exp() - 7.0).collect();
            prop_assert_eq!(roc.auc(), Roc::new(&mapped, &labels, Some(weights)).unwrap().auc());
            let scale = weights.iter().map(|w| w.abs()).sum::<f64>();
            let (mut signal, mut background) = (0.0, 0.0);
            for (w, &s) in weights.iter().zip(&labels) {
                if s { signal += w } else { background += w }
            }
            let rounding = ROUNDING * scale * scale / (signal * background);
            let negated: Vec<f64> = scores.iter().map(|s| -s).collect();
            let complement = Roc::new(&negated, &labels, Some(weights)).unwrap().auc();
            prop_assert!((roc.auc() + complement - 1.0).abs() < rounding);
            let swapped: Vec<bool> = labels.iter().map(|l| !l).collect();
            let exchanged = Roc::new(&scores, &swapped, Some(weights)).unwrap().auc();
            prop_assert!((roc.auc() + exchanged - 1.0).abs() < rounding);
        }
    }

    #[test]
    fn a_curve_of_positive_weights_is_monotone((scores, labels, weights) in classified(), s in 0.01_f64..1.0, t in 0.01_f64..1.0) {
        let roc = Roc::new(&scores, &labels, Some(&weights)).unwrap();
        let points: Vec<RocPoint> = roc.points().collect();
        let ascending = points.windows(2).all(|p| {
            p[0].signal_efficiency <= p[1].signal_efficiency
                && p[0].background_efficiency <= p[1].background_efficiency
                && p[0].threshold > p[1].threshold
        });
        prop_assert!(ascending);
        prop_assert!((0.0..=1.0).contains(&roc.auc()));
        let (low, high) = (s.min(t), s.max(t));
        prop_assert!(roc.background_efficiency(low).unwrap() <= roc.background_efficiency(high).unwrap() + ROUNDING);
        prop_assert!(roc.signal_efficiency(low).unwrap() <= roc.signal_efficiency(high).unwrap() + ROUNDING);
    }

    #[test]
    fn the_order_of_events_does_not_matter((scores, labels, weights) in classified(), shift in 0_usize..60) {
        let rotate = |k: usize| k % scores.len();
        let (mut s, mut l, mut w) = (scores.clone(), labels.clone(), weights.clone());
        s.rotate_left(rotate(shift));
        l.rotate_left(rotate(shift));
        w.rotate_left(rotate(shift));
        let (a, b) = (Roc::new(&scores, &labels, Some(&weights)).unwrap(), Roc::new(&s, &l, Some(&w)).unwrap());
        prop_assert!((a.auc() - b.auc()).abs() < ROUNDING);
        let q = weighted_quantile(&scores, None, 0.37).unwrap();
        prop_assert_eq!(q, weighted_quantile(&s, None, 0.37).unwrap());
    }

    #[test]
    fn quantiles_are_monotone_and_equivariant((values, weights) in weighted_values(), mut q in prop::collection::vec(0.0_f64..=1.0, 1..10)) {
        q.sort_by(f64::total_cmp);
        let quantiles = weighted_quantiles(&values, Some(&weights), &q).unwrap();
        prop_assert!(quantiles.windows(2).all(|pair| pair[0] <= pair[1]));
        // Σ w of what lies at or below is the first to reach q.
        let total: f64 = weights.iter().sum();
        for (&q, &x) in q.iter().zip(&quantiles) {
            let sum = |keep: &dyn Fn(f64) -> bool| -> f64 {
                values.iter().zip(&weights).filter(|(v, _)| keep(**v)).map(|(_, w)| w).sum::<f64>() / total
            };
            prop_assert!(sum(&|v| v <= x) >= q - ROUNDING);
            prop_assert!(sum(&|v| v < x) < q + ROUNDING);
        }
        let mapped: Vec<f64> = values.iter().map(|v| v.exp()).collect();
        let expected: Vec<f64> = quantiles.iter().map(|v| v.exp()).collect();
        prop_assert_eq!(weighted_quantiles(&mapped, Some(&weights), &q).unwrap(), expected);
    }

    #[test]
    fn histograms_conserve_weight(
        (values, weights) in weighted_values(),
        bins in 1_usize..40,
        low in -12.0_f64..5.0,
        width in 0.01_f64..20.0,
    ) {
        let mut histogram = Histogram::new(Binning::uniform(bins, low, low + width).unwrap());
        let signed: Vec<f64> = weights.iter().enumerate().map(|(i, w)| if i % 3 == 2 { -w } else { *w }).collect();
        histogram.fill_many(&values, Some(&signed)).unwrap();
        let total = histogram.total().value + histogram.underflow().value + histogram.overflow().value;
        prop_assert!((total - signed.iter().sum::<f64>()).abs() < 1e-10);
        // Every value lies between the edges of its bin.
        for &value in &values {
            let mut one = Histogram::new(histogram.binning().clone());
            one.fill(value, 1.0).unwrap();
            let edges = one.binning().edges();
            match one.sum_weights().iter().position(|w| *w == 1.0) {
                Some(bin) => prop_assert!(edges[bin] <= value && value < edges[bin + 1]),
                None => prop_assert!(value < edges[0] || value >= edges[bins]),
            }
        }
        let mut twice = histogram.clone();
        twice.merge(&histogram).unwrap();
        prop_assert!(twice.sum_weights().iter().zip(histogram.sum_weights()).all(|(a, b)| *a == 2.0 * b));
    }

    #[test]
    fn the_jackknife_is_exact_for_quadratic_statistics(samples in prop::collection::vec(-5.0_f64..5.0, 3..40), c in -2.0_f64..2.0) {
        // θ = x̄² + c x̄ has the bias Var(x̄), whose unbiased estimate is s²/n: the jackknife finds exactly that.
        let n = samples.len();
        let square = |x: &[f64]| { let m = x.iter().sum::<f64>() / x.len() as f64; m * m + c * m };
        let got = jackknife(&samples, n, square).unwrap();
        let error = mean(&samples).unwrap().error;
        prop_assert!((got.bias - error * error).abs() < 1e-10);
        let linear = jackknife(&samples, n, |x| x.iter().sum::<f64>() / x.len() as f64).unwrap();
        prop_assert!((linear.error - error).abs() < 1e-12 && linear.bias.abs() < 1e-12);
    }

    #[test]
    fn permutation_p_values_lie_in_their_range(observed in -3.0_f64..3.0, null in prop::collection::vec(-3.0_f64..3.0, 1..50)) {
        let p = permutation_p_value(observed, &null).unwrap().value;
        let n = null.len() as f64;
        prop_assert!(p >= 1.0 / (n + 1.0) && p <= 1.0);
        prop_assert!(permutation_p_value(observed + 0.5, &null).unwrap().value <= p);
    }

    #[test]
    fn ks_is_symmetric_and_knows_only_the_order((a, wa) in weighted_values(), (b, wb) in weighted_values()) {
        let test = ks_two_sample(&a, Some(&wa), &b, Some(&wb)).unwrap();
        let back = ks_two_sample(&b, Some(&wb), &a, Some(&wa)).unwrap();
        prop_assert!((test.statistic - back.statistic).abs() < ROUNDING);
        prop_assert!((0.0..=1.0 + ROUNDING).contains(&test.statistic) && (0.0..=1.0).contains(&test.p_value));
        let map = |x: &[f64]| -> Vec<f64> { x.iter().map(|x| x.exp()).collect() };
        prop_assert_eq!(test.statistic, ks_two_sample(&map(&a), Some(&wa), &map(&b), Some(&wb)).unwrap().statistic);
        prop_assert!(ks_two_sample(&a, Some(&wa), &a, Some(&wa)).unwrap().statistic == 0.0);
    }

    #[test]
    fn the_gamma_method_is_affine(seed in any::<u64>(), scale in -50.0_f64..50.0, offset in -10.0_f64..10.0) {
        prop_assume!(scale.abs() > 1e-3);
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut x = 0.0;
        let series: Vec<f64> = (0..400).map(|_| { x = 0.6 * x + rng.random::<f64>() - 0.5; x }).collect();
        let mapped: Vec<f64> = series.iter().map(|x| scale * x + offset).collect();
        let config = GammaConfig::default();
        let (a, b) = (gamma_method(&series, &config).unwrap(), gamma_method(&mapped, &config).unwrap());
        // The offset costs digits of the deviations: 10 against 1e-3.
        prop_assert!((b.value - scale * a.value - offset).abs() < 1e-10);
        prop_assert!((b.error / (scale.abs() * a.error) - 1.0).abs() < 1e-8);
        prop_assert!((b.tau_int - a.tau_int).abs() < 1e-8 && a.window == b.window);
        let reversed: Vec<f64> = series.iter().rev().copied().collect();
        prop_assert!((gamma_method(&reversed, &config).unwrap().error / a.error - 1.0).abs() < 1e-10);
    }

    #[test]
    fn the_tail_index_knows_no_scale(seed in any::<u64>(), k in 0.1_f64..1.2, scale in -300.0_f64..300.0) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let logs: Vec<f64> = (0..300).map(|_| -k * (1.0 - rng.random::<f64>()).ln()).collect();
        let moved: Vec<f64> = logs.iter().map(|x| x + scale).collect();
        let (a, b) = (tail_index_log(&logs).unwrap(), tail_index_log(&moved).unwrap());
        prop_assert!((a.k - b.k).abs() < 1e-8);
        let size = effective_sample_size_log(&logs).unwrap();
        prop_assert!((1.0..=300.0 + 1e-9).contains(&size));
        prop_assert!((effective_sample_size_log(&moved).unwrap() / size - 1.0).abs() < 1e-10);
    }

    #[test]
    fn estimates_print_what_they_hold(value in -1e4_f64..1e4, log_error in -4.0_f64..4.0) {
        let estimate = Estimate::new(value, 10_f64.powf(log_error)).unwrap();
        let text = estimate.to_string();
        let (shown, rest) = text.split_once('(').unwrap();
        let (error, exponent) = rest.split_once(')').unwrap();
        let power = exponent.strip_prefix('e').map_or(0, |e| e.parse::<i32>().unwrap());
        let decimals = shown.split_once('.').map_or(0, |(_, d)| d.len());
        let unit = if error.contains('.') { 1.0 } else { 10_f64.powi(-i32::try_from(decimals).unwrap()) };
        let factor = 10_f64.powi(power);
        let (shown, error) = (shown.parse::<f64>().unwrap() * factor, error.parse::<f64>().unwrap() * unit * factor);
        // Two digits of the error, and the value to the same place.
        prop_assert!((error / estimate.error - 1.0).abs() <= 0.05 + 1e-9, "{}", text);
        prop_assert!((shown - value).abs() <= 0.05 * error * 1.06 + 1e-9, "{}", text);
    }
}
