//! Polynomial ln r: what is fitted, its symmetries, bad input, models on disk.

use std::ops::ControlFlow;

use hepml_core::ndarray::array;
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{Fitted, Load, LogRatio, Progress, RatioEstimator, Save, Table, Weighted};
use hepml_ratio::{Degree, LinearConfig, LinearRatio, RatioLoss};

/// A step of Newton's method at a decrement of 1e-14, 1e-7 from the minimum, ends within rounding of it.
const CONVERGED: f64 = 1e-11;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(3)
}

fn samples() -> [Weighted<Table>; 2] {
    let mut rng = rng();
    [0.3, 0.0].map(|shift| {
        let table = Table::from_shape_fn((500, 2), |(_, column)| {
            (0..4).map(|_| rng.random::<f64>()).sum::<f64>() + shift * column as f64
        });
        let weights = (0..500).map(|_| rng.random()).collect();
        Weighted::new(table, weights).expect("a weight an event")
    })
}

fn exact() -> LinearConfig {
    LinearConfig::default().ridge(0.0).examination(0.0)
}

fn fit(config: LinearConfig, [num, den]: &[Weighted<Table>; 2]) -> Fitted<LinearRatio> {
    config.fit(num, den, &mut rng(), &mut ()).expect("good samples")
}

#[test]
fn the_polynomial_in_the_features_is_the_model() {
    for degree in [Degree::Linear, Degree::Quadratic] {
        let sides = samples();
        let model = fit(exact().degree(degree), &sides).model;
        let (b, q) = (model.linear(), model.quadratic());
        for (row, z) in sides[0].events().rows().into_iter().zip(model.log_ratio(sides[0].events()).unwrap())
        {
            let written = model.constant() + b.dot(&row) + row.dot(&q.dot(&row));
            assert!((written - z).abs() < 1e-12 * 100.0, "{written} {z}");
        }
    }
}

/// MLC at its minimum: with a constant among the terms, E_den[r] = 1, and the moments of the reweighted denominator are
/// those of the numerator.
#[test]
fn the_moments_of_mlc_are_matched() {
    let sides = samples();
    let model = fit(exact().degree(Degree::Quadratic).loss(RatioLoss::Mlc), &sides).model;
    let mut moments = [[0.0; 4]; 2];
    for (side, moments) in sides.iter().zip(&mut moments) {
        let z = model.log_ratio(side.events()).unwrap();
        for ((row, w), z) in side.events().rows().into_iter().zip(side.weights()).zip(z) {
            let share =
                w / side.sum_weights() * if std::ptr::eq(side, &raw const sides[1]) { z.exp() } else { 1.0 };
            for (moment, value) in moments.iter_mut().zip([1.0, row[0], row[1] * row[1], row[0] * row[1]]) {
                *moment += share * value;
            }
        }
    }
    for (n, d) in moments[0].iter().zip(moments[1]) {
        assert!((n - d).abs() < 100.0 * CONVERGED, "{n} {d}");
    }
}

#[test]
fn exchanging_the_sides_mirrors_the_fit() {
    let [num, den] = samples();
    for loss in [RatioLoss::Bce, RatioLoss::Sqr] {
        let model = fit(exact().loss(loss), &[num.clone(), den.clone()]).model;
        let mirrored = fit(exact().loss(loss), &[den.clone(), num.clone()]).model;
        for (a, b) in
            model.log_ratio(num.events()).unwrap().iter().zip(mirrored.log_ratio(num.events()).unwrap())
        {
            assert!((a + b).abs() < CONVERGED);
        }
    }
}

#[test]
fn scaled_weights_doubled_events_and_other_units_change_nothing() {
    let [num, den] = samples();
    let model = fit(exact(), &[num.clone(), den.clone()]).model;
    let z = model.log_ratio(num.events()).unwrap();
    let same = |model: &LinearRatio, events: &Table| {
        model.log_ratio(events).unwrap().iter().zip(&z).for_each(|(a, b)| assert!((a - b).abs() < CONVERGED));
    };
    let scaled = num.reweighted(num.weights().iter().map(|w| 1e6 * w).collect()).unwrap();
    same(&fit(exact(), &[scaled, den.clone()]).model, num.events());
    let doubled = Weighted::concat(&[&num, &num]).unwrap();
    same(&fit(exact(), &[doubled, den.clone()]).model, num.events());
    let units = |side: &Weighted<Table>| {
        let table = side.events() * &array![1e9, -1e-9] + &array![3e9, 7.0];
        Weighted::new(table, side.weights().to_vec()).unwrap()
    };
    // The second column keeps 7 digits after its offset of 7.
    let model = fit(exact(), &[units(&num), units(&den)]).model;
    for (a, b) in model.log_ratio(units(&num).events()).unwrap().iter().zip(&z) {
        assert!((a - b).abs() < 1e-4);
    }
}

#[test]
fn separable_samples_stay_finite_and_are_warned_of() {
    let sides = [Weighted::unit(array![[1.0], [2.0]]), Weighted::unit(array![[-1.0], [-2.0]])];
    let overlapping =
        [Weighted::unit(array![[-0.5], [2.0]]), Weighted::unit(array![[-1.0], [-2.0], [-0.5], [2.0]])];
    for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr] {
        for config in [LinearConfig::default().examination(0.0), exact(), exact().iterations(3)] {
            let warned = |sides: &[Weighted<Table>; 2]| {
                let fitted = fit(config.loss(loss), sides);
                let z = fitted.model.log_ratio(sides[0].events()).unwrap();
                assert!(z.iter().all(|z| z.is_finite()));
                fitted.report.warnings.iter().any(|warning| warning.contains("larger ln r than any"))
            };
            assert!(warned(&sides), "{loss:?}");
            assert!(!warned(&overlapping), "{loss:?}");
        }
    }
    let report = fit(exact().iterations(8), &sides).report;
    assert!(report.warnings.iter().any(|warning| warning.contains("not converged")), "{report:?}");
}

#[test]
fn constant_columns_do_not_count() {
    let column = |table: &Table| {
        let mut table = table.clone();
        table.column_mut(0).fill(3.1);
        Weighted::unit(table)
    };
    let sides = samples().map(|side| column(side.events()));
    for degree in [Degree::Linear, Degree::Quadratic] {
        for loss in [RatioLoss::Bce, RatioLoss::Mlc] {
            let fitted = fit(exact().degree(degree).loss(loss), &sides);
            assert_eq!(fitted.model.linear()[0], 0.0);
            assert!(fitted.model.linear()[1].is_finite());
            assert!(fitted.report.warnings.iter().any(|warning| warning.contains("column 0 is constant")));
        }
    }
}

#[test]
fn negative_weights_are_fitted_while_the_net_weight_is_positive() {
    // Bins 0 and 1: 2 - 1 and 3 against 1 and 1.
    let num = Weighted::new(array![[0.0], [0.0], [1.0]], vec![2.0, -1.0, 3.0]).unwrap();
    let den = Weighted::unit(array![[0.0], [1.0]]);
    for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr, RatioLoss::PSqr(0.5)] {
        let model = fit(exact().loss(loss), &[num.clone(), den.clone()]).model;
        assert!((model.constant() - 0.5_f64.ln()).abs() < CONVERGED, "{loss:?}");
        assert!((model.linear()[0] - 3.0_f64.ln()).abs() < CONVERGED, "{loss:?}");
    }
    // Net weight -1 in bin 0: unbounded below, which is warned of or an error, never a silent number.
    let num = num.reweighted(vec![1.0, -2.0, 3.0]).unwrap();
    for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr] {
        match exact().loss(loss).fit(&num, &den, &mut rng(), &mut ()) {
            Ok(fitted) => assert!(!fitted.report.warnings.is_empty(), "{loss:?} {:?}", fitted.report),
            Err(error) => assert!(error.to_string().contains("infinity"), "{error}"),
        }
    }
}

#[test]
fn an_event_that_outweighs_the_others_is_warned_of() {
    let [num, den] = samples();
    let mut weights = num.weights().to_vec();
    weights[17] = 1e12;
    let fitted = fit(LinearConfig::default(), &[num.reweighted(weights).unwrap(), den.clone()]);
    assert!(fitted.report.warnings.iter().any(|warning| warning.contains("event 17 of the numerator")));
    assert!(fitted.model.log_ratio(den.events()).is_ok());
    let report = fit(LinearConfig::default(), &[num, den]).report;
    assert!(!report.warnings.iter().any(|warning| warning.contains("carries")), "{report:?}");
}

#[test]
fn the_observer_may_stop() {
    let sides = samples();
    let mut stop = |progress: &Progress<'_>| {
        if progress.step == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let report = exact().fit(&sides[0], &sides[1], &mut rng(), &mut stop).unwrap().report;
    assert!(report.stopped);
    assert_eq!(report.get("iterations").unwrap().value, 2.0);
}

#[test]
fn held_out_events_are_examined() {
    let fitted = fit(LinearConfig::default(), &samples());
    assert!(fitted.report.get("normalisation").is_some());
    let held_out = fitted.report.get("held-out loss").unwrap();
    // Little is to be learned of sides so much alike: just below 2 ln 2.
    assert!(
        (held_out.value - 2.0 * 2.0_f64.ln()).abs() < 0.2 && held_out.error.unwrap() < 0.1,
        "{held_out:?}"
    );
    assert!(fitted.report.get("coefficient/1").unwrap().error.unwrap() > 0.0);
}

#[test]
fn saved_and_loaded() {
    let model = fit(exact().degree(Degree::Quadratic), &samples()).model;
    let bytes = model.to_bytes().unwrap();
    assert_eq!(LinearRatio::from_bytes(&bytes).unwrap(), model);
    assert!(LinearRatio::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    let config = exact().loss(RatioLoss::PSqr(0.3));
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<LinearConfig>(&json).unwrap(), config);
}

#[test]
fn bad_input() {
    let [num, den] = samples();
    let fails = |config: LinearConfig, num: &Weighted<Table>, den: &Weighted<Table>| {
        config.fit(num, den, &mut rng(), &mut ()).unwrap_err().to_string()
    };
    for loss in [RatioLoss::Mse, RatioLoss::PMse(1.5), RatioLoss::Lsif] {
        assert!(fails(exact().loss(loss), &num, &den).contains("convex"));
    }
    fails(exact().loss(RatioLoss::PSqr(0.0)), &num, &den);
    fails(exact().ridge(-1.0), &num, &den);
    fails(exact().tolerance(0.0), &num, &den);
    fails(exact().iterations(0), &num, &den);
    fails(exact().examination(1.0), &num, &den);
    let mut table = num.events().clone();
    table[[7, 1]] = f64::INFINITY;
    let error = fails(exact(), &Weighted::unit(table.clone()), &den);
    assert!(error.contains("event 7") && error.contains("column 1"), "{error}");
    let cancelling = (0..500).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    assert!(fails(exact(), &num.reweighted(cancelling).unwrap(), &den).contains("sum"));
    let wide = Weighted::unit(Table::zeros((2, 100)));
    assert!(fails(exact().degree(Degree::Quadratic), &wide, &wide).contains("terms"));
    // One event far away, whose square overflows in units of the spread: named by its side, unless it has no weight.
    let far = |weight: f64| {
        let side = |last: f64| array![[0.0], [1.0], [2.0], [1.5], [last]];
        [side(3.0), side(1e300)].map(|table| Weighted::new(table, vec![1.0, 1.0, 1.0, 1.0, weight]).unwrap())
    };
    let [near, away] = far(1e-320);
    let error = fails(exact(), &near, &away);
    assert!(error.contains("denominator") && error.contains("event 4"), "{error}");
    let sides = far(0.0);
    assert!(fit(exact().ridge(0.1), &sides).model.constant().is_finite());
    assert!(serde_json::from_str::<LinearConfig>(r#"{"rigde": 1.0}"#).is_err());
    let config: LinearConfig = serde_json::from_str(r#"{"ridge": 1.0}"#).unwrap();
    assert_eq!(config, LinearConfig::default().ridge(1.0));
    let model = fit(exact(), &[num, den]).model;
    assert!(model.log_ratio(&array![[1.0]]).is_err());
    assert!(
        model.log_ratio(&array![[1.0, 1.0], [f64::NAN, 1.0]]).unwrap_err().to_string().contains("event 1")
    );
}
