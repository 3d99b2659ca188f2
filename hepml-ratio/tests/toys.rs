//! The toys against densities written down here a second time, by quadrature and by sampling; and the losses, the histogram and
//! the linear ratio against the toys.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::f64::consts::{LN_2, PI, TAU};

use hepml_core::nalgebra::{DMatrix, DVector};
use hepml_core::ndarray::{Array1, Array2, array};
use hepml_core::rand::SeedableRng;
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{EventSet, FourMomentum, LogRatio, ParticleSets, RatioEstimator, Table, Weighted};
use hepml_ratio::toys::{
    BetaUniform, Emissions, Exponentials, Gaussian, Gaussians, MuonPairs, PointProcess, QuadraticEft, Toy,
};
use hepml_ratio::{CLIP, Degree, HistogramConfig, LinearConfig, RatioBins, RatioLoss};
use hepml_stats::{check_pulls, ks_one_sample, mean, p_value};

/// Quadrature of smooth functions in f64, with densities in the exponents of ten.
const QUADRATURE: f64 = 1e-10;
/// Densities and log ratios of two forms of the same formula.
const ROUNDING: f64 = 1e-12;
/// All seeds are fixed: a deviation by more than this many errors is a defect.
const SIGMAS: f64 = 5.0;
/// The least p-value of a Kolmogorov-Smirnov test at a fixed seed; there are fewer than 50 of them.
const LEAST_P: f64 = 1e-4;

/// The double exponential rule (Takahasi and Mori): exact to rounding, end points with integrable singularities included.
fn integrate(f: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    const STEP: f64 = 1.0 / 256.0;
    (-1300..=1300)
        .map(|i| {
            let t = STEP * f64::from(i);
            let u = PI * t.sinh();
            let (below, above) = (1.0 / (1.0 + (-u).exp()), 1.0 / (1.0 + u.exp()));
            let x = low + (high - low) * below;
            let weight = (high - low) * PI * t.cosh() * below * above * STEP;
            if x > low && x < high && weight > 0.0 { f(x) * weight } else { 0.0 }
        })
        .sum()
}

fn normal(x: f64, mean: f64, deviation: f64) -> f64 {
    (-0.5 * ((x - mean) / deviation).powi(2)).exp() / (deviation * TAU.sqrt())
}

fn normal_cdf(x: f64) -> f64 {
    1.0 - p_value(x).unwrap()
}

type Density = Box<dyn Fn(f64) -> f64>;

/// A toy of one feature and what is known of it independently.
struct Known {
    name: &'static str,
    toy: Box<dyn Toy<Table>>,
    densities: [Density; 2],
    cdfs: [Density; 2],
    /// Pieces of the support between which the densities are analytic.
    pieces: Vec<f64>,
}

impl Known {
    fn z(&self, x: f64) -> f64 {
        self.toy.log_ratio(&array![[x]]).unwrap()[0]
    }

    fn integral(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.pieces.windows(2).map(|piece| integrate(&f, piece[0], piece[1])).sum()
    }
}

fn known() -> Vec<Known> {
    let mut all = Vec::new();
    for mu in [0.1, 1.3] {
        all.push(Known {
            name: "shifted Gaussians",
            toy: Box::new(Gaussians::shifted(mu).unwrap()),
            densities: [mu, -mu].map(|mean| Box::new(move |x| normal(x, mean, 1.0)) as Density),
            cdfs: [mu, -mu].map(|mean| Box::new(move |x| normal_cdf(x - mean)) as Density),
            pieces: vec![-16.0, 16.0],
        });
    }
    let gaussian =
        |mean: f64, deviation: f64| Gaussian::new(&[mean], &array![[deviation * deviation]]).unwrap();
    all.push(Known {
        name: "Gaussians of two widths",
        toy: Box::new(Gaussians::new(gaussian(0.3, 0.8), gaussian(-0.5, 1.25)).unwrap()),
        densities: [(0.3, 0.8), (-0.5, 1.25)].map(|(m, s)| Box::new(move |x| normal(x, m, s)) as Density),
        cdfs: [(0.3, 0.8), (-0.5, 1.25)].map(|(m, s)| Box::new(move |x| normal_cdf((x - m) / s)) as Density),
        pieces: vec![-16.0, 16.0],
    });
    all.push(Known {
        name: "exponentials",
        toy: Box::new(Exponentials::new(2.0, 1.5).unwrap()),
        densities: [2.0, 1.5].map(|a: f64| Box::new(move |x: f64| a * (-a * x).exp()) as Density),
        cdfs: [2.0, 1.5].map(|a: f64| Box::new(move |x: f64| -(-a * x).exp_m1()) as Density),
        pieces: vec![0.0, 5.0, 60.0],
    });
    all.push(Known {
        name: "beta(2, 3)",
        toy: Box::new(BetaUniform::new(2.0, 3.0).unwrap()),
        densities: [Box::new(|x| 12.0 * x * (1.0 - x) * (1.0 - x)), Box::new(|_| 1.0)],
        cdfs: [Box::new(|x| x * x * (6.0 - 8.0 * x + 3.0 * x * x)), Box::new(|x| x)],
        pieces: vec![0.0, 1.0],
    });
    all.push(Known {
        name: "beta(0.7, 1)",
        toy: Box::new(BetaUniform::new(0.7, 1.0).unwrap()),
        densities: [Box::new(|x: f64| 0.7 * x.powf(-0.3)), Box::new(|_| 1.0)],
        cdfs: [Box::new(|x: f64| x.powf(0.7)), Box::new(|x| x)],
        pieces: vec![0.0, 1.0],
    });
    for (a, b) in [(0.3, -0.2), (0.75, 0.0), (-0.6, 0.75)] {
        all.push(Known {
            name: "muon pairs",
            toy: Box::new(MuonPairs::new(a, b).unwrap()),
            // As a sum of squares, which does not cancel at the ends.
            densities: [a, b].map(|a| {
                let right = 0.5 + a / 1.5;
                Box::new(move |c: f64| {
                    0.375 * (right * (1.0 + c).powi(2) + (1.0 - right) * (1.0 - c).powi(2))
                }) as Density
            }),
            cdfs: [a, b].map(|a| {
                let cdf = move |c: f64| 0.375 * (c + c * c * c / 3.0 + 4.0 / 3.0) + 0.5 * a * (c * c - 1.0);
                Box::new(move |c| cdf(c).clamp(0.0, 1.0)) as Density
            }),
            pieces: vec![-1.0, 1.0],
        });
    }
    for c in [-0.4, 0.7, 1.0, 3.0] {
        let rate = move |x: f64| {
            (1.0 + 2.0 * c * x + c * c * x * x + c * c * (x.powi(4) - 2.0 * x * x + 1.0))
                * normal(x, 0.0, 1.0)
        };
        let total = integrate(rate, -16.0, 16.0);
        assert!((total - QuadraticEft::new(c).unwrap().rate_ratio()).abs() < QUADRATURE * total);
        all.push(Known {
            name: "quadratic EFT",
            toy: Box::new(QuadraticEft::new(c).unwrap()),
            densities: [Box::new(move |x| rate(x) / total), Box::new(|x| normal(x, 0.0, 1.0))],
            cdfs: [
                // From the incomplete moments of the normal distribution.
                Box::new(move |x| {
                    let (below, at) = (normal_cdf(x), normal(x, 0.0, 1.0));
                    let moments = [below, -at, below - x * at, 3.0 * below - (x.powi(3) + 3.0 * x) * at];
                    let sum =
                        (1.0 + c * c) * moments[0] + 2.0 * c * moments[1] + c * c * (moments[3] - moments[2]);
                    (sum / total).clamp(0.0, 1.0)
                }),
                Box::new(normal_cdf),
            ],
            pieces: vec![-16.0, -1.0, 0.0, 1.0, 16.0],
        });
    }
    all
}

#[test]
fn log_ratios_are_those_of_the_densities() {
    for known in known() {
        let (low, high) = (known.pieces[0].max(-6.0), known.pieces[known.pieces.len() - 1].min(6.0));
        for i in 1..200 {
            let x = low + (high - low) * f64::from(i) / 200.0;
            let [num, den] = known.densities.each_ref().map(|density| density(x));
            // Near a zero of the ratio the expanded polynomial above cancels.
            if num > 1e-3 * den {
                let z = (num / den).ln();
                assert!((known.z(x) - z).abs() < 1e3 * ROUNDING * (1.0 + z.abs()), "{} at {x}", known.name);
            }
        }
    }
}

#[test]
fn ratios_average_to_one_and_kl_is_the_mean_log_ratio() {
    for known in known() {
        let [num, den] = &known.densities;
        assert!((known.integral(num) - 1.0).abs() < QUADRATURE, "{}", known.name);
        let normalisation = known.integral(|x| if den(x) > 0.0 { den(x) * known.z(x).exp() } else { 0.0 });
        assert!((normalisation - 1.0).abs() < QUADRATURE, "{}: {normalisation}", known.name);
        let kl = known.integral(|x| if num(x) > 0.0 { num(x) * known.z(x) } else { 0.0 });
        // 1e-9 is promised where the EFT's ratio has a zero.
        assert!((kl - known.toy.kl()).abs() < 10.0 * QUADRATURE, "{}: {kl} {}", known.name, known.toy.kl());
    }
}

#[test]
fn samples_follow_the_densities() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for known in known() {
        for (side, cdf) in known.cdfs.iter().enumerate() {
            let sample = known.toy.sample(side == 0, 20_000, &mut rng);
            assert_eq!(sample.len(), 20_000);
            let test = ks_one_sample(&sample.events().column(0).to_vec(), None, cdf).unwrap();
            assert!(test.p_value > LEAST_P, "{} side {side}: {test:?}", known.name);
            // And not the other density: the test sees the difference.
            let other =
                ks_one_sample(&sample.events().column(0).to_vec(), None, &known.cdfs[1 - side]).unwrap();
            assert!(other.p_value < LEAST_P, "{} side {side}: {other:?}", known.name);
        }
    }
}

/// E_den\[r\], E_num\[ln r\] and E_num\[1/r\] of samples; the variances are finite for the toys it is called with.
fn check_by_sampling<E: EventSet>(toy: &dyn Toy<E>, events: usize, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let num = toy.log_ratio(toy.sample(true, events, &mut rng).events()).unwrap();
    let den = toy.log_ratio(toy.sample(false, events, &mut rng).events()).unwrap();
    for (values, expected) in [
        (num.to_vec(), toy.kl()),
        (den.mapv(f64::exp).to_vec(), 1.0),
        (num.mapv(|z| (-z).exp()).to_vec(), 1.0),
    ] {
        let estimate = mean(&values).unwrap();
        assert!((estimate.value - expected).abs() < SIGMAS * estimate.error, "{estimate} {expected}");
        // The estimate says something.
        assert!(estimate.error < 0.05, "{estimate}");
    }
}

fn correlated() -> ([f64; 3], Array2<f64>, [f64; 3], Array2<f64>) {
    (
        [0.2, -0.1, 0.3],
        array![[1.0, 0.3, -0.2], [0.3, 0.8, 0.1], [-0.2, 0.1, 1.2]],
        [0.0, 0.1, 0.0],
        array![[1.1, 0.1, 0.0], [0.1, 1.0, 0.2], [0.0, 0.2, 1.0]],
    )
}

fn correlated_toy() -> Gaussians {
    let (a, va, b, vb) = correlated();
    Gaussians::new(Gaussian::new(&a, &va).unwrap(), Gaussian::new(&b, &vb).unwrap()).unwrap()
}

fn processes() -> PointProcess {
    PointProcess::new(Emissions::new(3.0, 2.0, 1.0).unwrap(), Emissions::new(2.5, 2.3, 1.2).unwrap())
}

#[test]
fn samples_agree_with_closed_forms() {
    check_by_sampling(&Gaussians::shifted(0.5).unwrap(), 20_000, 1);
    check_by_sampling(&correlated_toy(), 20_000, 2);
    check_by_sampling(&Exponentials::new(1.2, 1.0).unwrap(), 20_000, 3);
    check_by_sampling(&MuonPairs::new(0.3, -0.4).unwrap(), 20_000, 4);
    check_by_sampling(&QuadraticEft::new(0.2).unwrap(), 20_000, 5);
    check_by_sampling(&processes(), 20_000, 6);
}

#[test]
fn correlated_gaussians() {
    let (a, va, b, vb) = correlated();
    let toy = correlated_toy();
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    // A sample follows its density if all its projections do.
    for (numerator, centre, covariance) in [(true, a, &va), (false, b, &vb)] {
        let sample = toy.sample(numerator, 20_000, &mut rng);
        for direction in
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [1.0, -1.0, 1.0]]
        {
            let v = Array1::from_vec(direction.to_vec());
            let (mean, variance) = (v.dot(&Array1::from_vec(centre.to_vec())), v.dot(&covariance.dot(&v)));
            let cdf = |x: f64| normal_cdf((x - mean) / variance.sqrt());
            let test = ks_one_sample(&sample.events().dot(&v).to_vec(), None, cdf).unwrap();
            assert!(test.p_value > LEAST_P, "{direction:?} {test:?}");
        }
    }
    // By explicit inverses and determinants.
    let matrix = |v: &Array2<f64>| DMatrix::from_row_slice(3, 3, v.as_slice().unwrap());
    let (ma, mb) = (matrix(&va), matrix(&vb));
    let (ia, ib) = (ma.clone().try_inverse().unwrap(), mb.clone().try_inverse().unwrap());
    let sample = toy.sample(true, 50, &mut rng);
    for (row, z) in sample.events().rows().into_iter().zip(toy.log_ratio(sample.events()).unwrap()) {
        let distance = |centre: &[f64], inverse: &DMatrix<f64>| {
            let shift = DVector::from_fn(3, |i, _| row[i] - centre[i]);
            shift.dot(&(inverse * &shift))
        };
        let expected =
            0.5 * (distance(&b, &ib) - distance(&a, &ia) + (mb.determinant() / ma.determinant()).ln());
        assert!((z - expected).abs() < 100.0 * ROUNDING);
    }
    let shift = DVector::from_fn(3, |i, _| a[i] - b[i]);
    let kl = 0.5
        * ((&ib * &ma).trace() + shift.dot(&(&ib * &shift)) - 3.0
            + (mb.determinant() / ma.determinant()).ln());
    assert!((toy.kl() - kl).abs() < ROUNDING);
}

#[test]
fn point_processes() {
    let toy = processes();
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for (numerator, count, hardness, width) in [(true, 3.0_f64, 2.0, 1.0), (false, 2.5, 2.3, 1.2)] {
        let sample = toy.sample(numerator, 10_000, &mut rng);
        let sets = sample.events();
        let pts: Vec<f64> = sets.momenta().iter().map(FourMomentum::pt).collect();
        let rapidities: Vec<f64> = sets.momenta().iter().map(FourMomentum::rapidity).collect();
        let angles: Vec<f64> = sets.momenta().iter().map(FourMomentum::phi).collect();
        let tests = [
            ks_one_sample(&pts, None, |pt| (-(-(pt - 1.0) / hardness).exp_m1()).clamp(0.0, 1.0)),
            ks_one_sample(&rapidities, None, |y| normal_cdf(y / width)),
            ks_one_sample(&angles, None, |phi| ((phi + PI) / TAU).clamp(0.0, 1.0)),
        ];
        assert!(tests.into_iter().all(|test| test.unwrap().p_value > LEAST_P));
        let mut probability = (-count).exp();
        for n in 0..9 {
            let observed = sets.events().filter(|set| set.len() == n).count() as f64;
            let expected = 10_000.0 * probability;
            assert!((observed - expected).abs() < SIGMAS * expected.sqrt(), "{n}: {observed} {expected}");
            probability *= count / (n as f64 + 1.0);
        }
    }
    // The sum over particles, from densities written out: with 1/(1 + hardness) normalised from 1 GeV on.
    let p = |pt: f64, y: f64, n: f64, hardness: f64, width: f64| {
        n * (-(pt - 1.0) / hardness).exp() / hardness * normal(y, 0.0, width)
    };
    let set = [(1.5, 0.3, 0.1), (4.0, -1.2, 2.0), (1.0, 0.0, -3.0)];
    let momenta = set.map(|(pt, y, phi)| FourMomentum::from_pt_y_phi_m(pt, y, phi, 0.0).unwrap());
    let sets = ParticleSets::from_events([&momenta[..], &momenta[..1], &[]].map(<[_]>::to_vec)).unwrap();
    let z = toy.log_ratio(&sets).unwrap();
    let terms = set.map(|(pt, y, _)| (p(pt, y, 3.0, 2.0, 1.0) / p(pt, y, 2.5, 2.3, 1.2)).ln());
    assert!((z[0] - (-0.5 + terms.iter().sum::<f64>())).abs() < ROUNDING);
    assert!((z[1] - (-0.5 + terms[0])).abs() < ROUNDING);
    assert_eq!(z[2], -0.5);
}

#[test]
fn losses_at_their_minimum() {
    for known in known() {
        let [num, den] = &known.densities;
        let losses = [
            RatioLoss::Bce,
            RatioLoss::Mse,
            RatioLoss::Mlc,
            RatioLoss::Sqr,
            RatioLoss::PMse(1.5),
            RatioLoss::PSqr(0.5),
        ];
        // Only where no loss is clipped, the shifts below included: the closed form knows of no clip.
        let inside = |x: f64| num(x) > 1e-200 && den(x) > 1e-200 && known.z(x).abs() < CLIP - 1.0;
        for loss in losses {
            let risk = |shift: &dyn Fn(f64) -> f64| {
                known.integral(|x| {
                    if !inside(x) {
                        return 0.0;
                    }
                    let z = known.z(x) + shift(x);
                    num(x) * loss.terms(true, z)[0] + den(x) * loss.terms(false, z)[0]
                })
            };
            let least = known.integral(|x| if inside(x) { loss.minimum(num(x), den(x)) } else { 0.0 });
            let at = risk(&|_| 0.0);
            // Through p-MSE's powers near zeros of a density.
            assert!((at - least).abs() < 100.0 * QUADRATURE, "{} {loss:?}: {at} {least}", known.name);
            for shift in [(|_| 0.1) as fn(f64) -> f64, |_| -0.1, |x| 0.1 * x.sin()] {
                assert!(risk(&shift) > at + 1e-6, "{} {loss:?}", known.name);
            }
        }
        let jensen_shannon = known.integral(|x| {
            let (num, den) = (num(x), den(x));
            let part = |p: f64| if p > 0.0 { 0.5 * p * (2.0 * p / (num + den)).ln() } else { 0.0 };
            part(num) + part(den)
        });
        // Rounding makes a density negative near its zeros.
        let bce = known.integral(|x| RatioLoss::Bce.minimum(num(x).max(1e-200), den(x).max(1e-200)));
        assert!((bce - 2.0 * (LN_2 - jensen_shannon)).abs() < 10.0 * QUADRATURE, "{}", known.name);
        let mlc = known.integral(|x| RatioLoss::Mlc.minimum(num(x).max(1e-200), den(x).max(1e-200)));
        assert!((mlc + known.toy.kl()).abs() < 10.0 * QUADRATURE, "{}", known.name);
    }
    for mu in [0.1, 0.5, 1.0] {
        let integral = |loss: RatioLoss| {
            integrate(|x| loss.minimum(normal(x, mu, 1.0), normal(x, -mu, 1.0)), -16.0, 16.0)
        };
        assert!((integral(RatioLoss::Mlc) + 2.0 * mu * mu).abs() < QUADRATURE);
        assert!((integral(RatioLoss::Sqr) - 2.0 * (-0.5 * mu * mu).exp()).abs() < QUADRATURE);
        assert!((integral(RatioLoss::PSqr(3.0)) - 2.0 * (-0.5 * mu * mu).exp()).abs() < QUADRATURE);
        let lsif = -0.5 * (4.0 * mu * mu).exp();
        assert!((integral(RatioLoss::Lsif) - lsif).abs() < QUADRATURE * lsif.abs());
        let terms = integrate(
            |x| {
                let z = 2.0 * mu * x;
                normal(x, mu, 1.0) * RatioLoss::Lsif.terms(true, z)[0]
                    + normal(x, -mu, 1.0) * RatioLoss::Lsif.terms(false, z)[0]
            },
            -12.0,
            12.0,
        );
        assert!((terms - lsif).abs() < QUADRATURE * lsif.abs());
    }
}

#[test]
fn ratios_chain_and_swap() {
    let x = array![[0.3], [0.9], [0.01]];
    let chain = |ab: &dyn Toy<Table>, bc: &dyn Toy<Table>, ac: &dyn Toy<Table>, ba: &dyn Toy<Table>| {
        let [ab, bc, ac, ba] = [ab, bc, ac, ba].map(|toy| toy.log_ratio(&x).unwrap());
        assert!((&ab + &bc - ac).iter().chain(&(ab + ba)).all(|off| off.abs() < ROUNDING));
    };
    let exponentials = |a, b| Exponentials::new(a, b).unwrap();
    chain(&exponentials(1.0, 2.0), &exponentials(2.0, 5.0), &exponentials(1.0, 5.0), &exponentials(2.0, 1.0));
    let muons = |a, b| MuonPairs::new(a, b).unwrap();
    chain(&muons(0.1, 0.2), &muons(0.2, -0.7), &muons(0.1, -0.7), &muons(0.2, 0.1));
    let gaussian = |m: f64, v: f64| Gaussian::new(&[m], &array![[v]]).unwrap();
    let (a, b, c) = (gaussian(0.0, 1.0), gaussian(0.5, 2.0), gaussian(-1.0, 0.3));
    let gaussians = |a: &Gaussian, b: &Gaussian| Gaussians::new(a.clone(), b.clone()).unwrap();
    chain(&gaussians(&a, &b), &gaussians(&b, &c), &gaussians(&a, &c), &gaussians(&b, &a));
    assert_eq!(muons(0.3, 0.3).log_ratio(&x).unwrap().to_vec(), [0.0; 3]);
    assert_eq!(muons(0.3, 0.3).kl(), 0.0);
    // Charge conjugation.
    assert_eq!(muons(0.3, -0.2).log_ratio(&x).unwrap(), muons(-0.3, 0.2).log_ratio(&-&x).unwrap());
}

#[test]
fn the_linear_ratio_recovers_gaussians() {
    let (a, va, b, vb) = correlated();
    let matrix = |v: &Array2<f64>| DMatrix::from_row_slice(3, 3, v.as_slice().unwrap());
    let (ma, mb) = (matrix(&va), matrix(&vb));
    let (ia, ib) = (ma.clone().try_inverse().unwrap(), mb.clone().try_inverse().unwrap());
    let (ca, cb) = (DVector::from_row_slice(&a), DVector::from_row_slice(&b));
    let q = 0.5 * (&ib - &ia);
    let linear = &ia * &ca - &ib * &cb;
    let constant =
        0.5 * (cb.dot(&(&ib * &cb)) - ca.dot(&(&ia * &ca)) + (mb.determinant() / ma.determinant()).ln());
    let mut exact = vec![("constant".to_owned(), constant)];
    exact.extend((0..3).map(|i| (i.to_string(), linear[i])));
    for i in 0..3 {
        for j in i..3 {
            exact.push((format!("{i}*{j}"), if i == j { q[(i, i)] } else { 2.0 * q[(i, j)] }));
        }
    }
    let toy = correlated_toy();
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let (num, den) = (toy.sample(true, 20_000, &mut rng), toy.sample(false, 20_000, &mut rng));
    for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr] {
        let config = LinearConfig::default().degree(Degree::Quadratic).loss(loss);
        let report = config.fit(&num, &den, &mut rng, &mut ()).unwrap().report;
        for (name, value) in &exact {
            let measured = report.get(&format!("coefficient/{name}")).unwrap();
            let error = measured.error.unwrap();
            assert!(error > 0.0 && error < 0.1, "{loss:?} {name}: {measured:?}");
            assert!((measured.value - value).abs() < SIGMAS * error, "{loss:?} {name}: {measured:?} {value}");
        }
        let normalisation = report.get("normalisation").unwrap();
        assert!((normalisation.value - 1.0).abs() < SIGMAS * normalisation.error.unwrap());
    }
}

#[test]
fn the_errors_of_linear_coefficients_cover() {
    let toy = Gaussians::shifted(0.5).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(22);
    for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr] {
        let mut fits = vec![(Vec::new(), Vec::new()); 2];
        for _ in 0..400 {
            // Weights of their own, so that the errors are not those of counts.
            let weigh = |side: Weighted<Table>| {
                let weights = (0..side.len()).map(|event| if event % 2 == 0 { 0.5 } else { 1.5 }).collect();
                side.reweighted(weights).unwrap()
            };
            let num = weigh(toy.sample(true, 1000, &mut rng));
            let den = weigh(toy.sample(false, 1000, &mut rng));
            let config = LinearConfig::default().loss(loss).examination(0.0);
            let report = config.fit(&num, &den, &mut rng, &mut ()).unwrap().report;
            for ((values, errors), name) in fits.iter_mut().zip(["constant", "0"]) {
                let measured = report.get(&format!("coefficient/{name}")).unwrap();
                values.push(measured.value);
                errors.push(measured.error.unwrap());
            }
        }
        for ((values, errors), exact) in fits.iter().zip([0.0, 1.0]) {
            check_pulls(values, &[exact; 400], errors).unwrap();
        }
    }
}

#[test]
fn the_histogram_is_exact_in_the_binned_limit() {
    let toy = Exponentials::new(2.0, 1.0).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(23);
    let (num, den) = (toy.sample(true, 50_000, &mut rng), toy.sample(false, 50_000, &mut rng));
    let edges = vec![0.0, 0.2, 0.5, 1.0, 2.0];
    let bins = RatioBins::Edges(vec![edges.clone()]);
    let model = HistogramConfig::new(bins).examination(0.0).fit(&num, &den, &mut rng, &mut ()).unwrap().model;
    let mut edges = edges;
    edges[4] = f64::INFINITY;
    for pair in edges.windows(2) {
        let share = |rate: f64| (-rate * pair[0]).exp() - (-rate * pair[1]).exp();
        let (n, d) = (share(2.0), share(1.0));
        let z = model.log_ratio(&array![[pair[0]]]).unwrap()[0];
        let error = (((1.0 - n) / n + (1.0 - d) / d) / 50_000.0_f64).sqrt();
        assert!((z - (n / d).ln()).abs() < SIGMAS * error, "{pair:?}: {z} {} {error}", (n / d).ln());
    }
}

/// Value stability: a change here is a change of every seeded result and belongs into the changelog.
#[test]
fn samples_are_stable() {
    let sums = |toy: &dyn Toy<Table>| {
        let mut rng = ChaCha8Rng::seed_from_u64(31);
        [true, false].map(|numerator| toy.sample(numerator, 10, &mut rng).events().sum())
    };
    let drawn = [
        sums(&correlated_toy()),
        sums(&Exponentials::new(2.0, 1.5).unwrap()),
        sums(&BetaUniform::new(0.7, 1.5).unwrap()),
        sums(&MuonPairs::new(0.3, -0.2).unwrap()),
        sums(&QuadraticEft::new(0.7).unwrap()),
    ];
    for (drawn, stable) in drawn.iter().flatten().zip(STABLE.iter().flatten()) {
        // Elementary functions may differ in the last place between platforms.
        assert!((drawn - stable).abs() < ROUNDING, "{drawn:?} {stable}");
    }
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    let sets = processes().sample(true, 10, &mut rng);
    let energy: f64 = sets.events().momenta().iter().map(|momentum| momentum.e).sum();
    assert_eq!(sets.events().offsets(), STABLE_OFFSETS);
    assert!((energy - STABLE_ENERGY).abs() < 1e3 * ROUNDING, "{energy}");
}

const STABLE: [[f64; 2]; 5] = [
    [2.238_661_848_342_22, 3.218_230_688_688_746],
    [6.192_351_451_878_34, 6.884_392_516_131_603],
    [2.818_116_680_568_148_3, 4.628_476_625_503_681],
    [2.859_314_922_916_316_6, -4.964_149_077_414_559],
    [6.934_797_493_860_985_5, 6.949_245_436_176_836],
];
const STABLE_OFFSETS: [usize; 11] = [0, 1, 3, 6, 9, 11, 14, 17, 19, 21, 22];
const STABLE_ENERGY: f64 = 105.228_259_507_257_19;

#[test]
fn bad_input_names_the_event() {
    let outside = |toy: &dyn Toy<Table>, x: f64| {
        let error = toy.log_ratio(&array![[0.5], [x]]).unwrap_err().to_string();
        assert!(error.contains("event 1"), "{error}");
        assert!(toy.log_ratio(&array![[0.5, 0.5]]).is_err());
        assert_eq!(toy.log_ratio(&Table::zeros((0, 1))).unwrap().len(), 0);
    };
    outside(&Exponentials::new(1.0, 2.0).unwrap(), -0.1);
    outside(&BetaUniform::new(2.0, 2.0).unwrap(), 1.0);
    outside(&MuonPairs::new(0.1, 0.2).unwrap(), 1.1);
    outside(&MuonPairs::new(0.75, 0.2).unwrap(), -1.0);
    outside(&QuadraticEft::new(1.0).unwrap(), -1.0);
    outside(&QuadraticEft::new(0.5).unwrap(), f64::NAN);
    outside(&Gaussians::shifted(1.0).unwrap(), f64::INFINITY);
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(Exponentials::new(bad, 1.0).is_err());
        assert!(BetaUniform::new(bad, 1.0).is_err());
        assert!(MuonPairs::new(bad, 0.0).is_err());
        assert!(QuadraticEft::new(bad).is_err());
        assert!(Gaussians::shifted(bad).is_err());
        assert!(Emissions::new(bad, 1.0, 1.0).is_err());
        assert!(Emissions::new(1.0, bad, 1.0).is_err());
        assert!(Emissions::new(1.0, 1.0, bad).is_err());
    }
    assert!(Exponentials::new(0.0, 1.0).is_err());
    assert!(BetaUniform::new(1.0, 0.9).is_err());
    assert!(MuonPairs::new(0.8, 0.0).is_err());
    assert!(Gaussian::new(&[], &Table::zeros((0, 0))).is_err());
    assert!(Gaussian::new(&[0.0, 0.0], &Table::eye(1)).is_err());
    assert!(Gaussian::new(&[0.0, 0.0], &array![[1.0, 2.0], [2.0, 1.0]]).is_err());
    assert!(Gaussian::new(&[0.0, 0.0], &array![[1.0, 0.2], [0.3, 1.0]]).is_err());
    let one = Gaussian::new(&[0.0], &Table::eye(1)).unwrap();
    assert!(Gaussians::new(one, Gaussian::new(&[0.0; 2], &Table::eye(2)).unwrap()).is_err());
    let soft = FourMomentum::from_pt_y_phi_m(0.5, 0.0, 0.0, 0.0).unwrap();
    let hard = FourMomentum::from_pt_y_phi_m(1.5, 0.0, 0.0, 0.0).unwrap();
    let sets = ParticleSets::from_events([vec![], vec![hard, soft]]).unwrap();
    assert!(processes().log_ratio(&sets).unwrap_err().to_string().contains("particle 1"));
}
