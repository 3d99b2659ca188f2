//! Kinematics against 80-digit values of the stored components (tools/kinematics_reference.py, mpmath), and closed forms
//! of the Lorentz group.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use hepml_core::nalgebra::Vector3;
use hepml_core::{FourMomentum, LorentzTransform};

/// A few roundings of formulas whose terms do not cancel.
const ULPS: f64 = 8.0 * f64::EPSILON;

fn rows(csv: &str) -> impl Iterator<Item = (&str, Vec<f64>)> {
    csv.lines().skip(1).map(|line| {
        let mut fields = line.split(',');
        let kind = fields.next().unwrap();
        (kind, fields.map(|field| field.parse().unwrap()).collect())
    })
}

#[track_caller]
fn assert_close(what: &str, kind: &str, got: f64, expected: f64, tolerance: f64) {
    let close = got == expected || (got - expected).abs() <= tolerance * expected.abs();
    assert!(
        close,
        "{kind}: {what} = {got:e}, expected {expected:e}, off by {:e}",
        (got / expected - 1.0).abs()
    );
}

#[test]
fn single_momenta_keep_their_digits() {
    let mut count = 0;
    for (kind, v) in rows(include_str!("reference/momenta.csv")) {
        let p = FourMomentum::new(v[0], v[1], v[2], v[3]);
        for (what, got, expected) in [
            ("p", p.p(), v[4]),
            ("pt", p.pt(), v[5]),
            ("phi", p.phi(), v[6]),
            ("theta", p.theta(), v[7]),
            ("mass", p.mass(), v[8]),
            ("rapidity", p.rapidity(), v[9]),
            ("eta", p.eta(), v[10]),
        ] {
            assert_close(what, kind, got, expected, ULPS);
        }
        count += 1;
    }
    assert_eq!(count, 80);
}

#[test]
fn pairs_keep_their_digits() {
    let (mut count, mut time_like_collinear) = (0, 0);
    for (kind, v) in rows(include_str!("reference/pairs.csv")) {
        let (p, q) = (FourMomentum::new(v[0], v[1], v[2], v[3]), FourMomentum::new(v[4], v[5], v[6], v[7]));
        for (what, got, expected) in
            [("dot", p.dot(&q), v[8]), ("angle", p.angle(&q), v[9]), ("delta_phi", p.delta_phi(&q), v[10])]
        {
            assert_close(what, kind, got, expected, ULPS);
        }
        // Where rounding made a massless vector space-like its rapidity is eta, and the difference only as good as that.
        let space_like = p.mass_squared() < 0.0 || q.mass_squared() < 0.0;
        let size = p.rapidity().abs().max(q.rapidity().abs());
        let tolerance = if space_like { ULPS * size / v[11].abs() } else { ULPS };
        assert_close("delta_y", kind, p.delta_y(&q), v[11], tolerance);
        assert_close("delta_y swapped", kind, -q.delta_y(&p), v[11], tolerance);
        time_like_collinear += usize::from(!space_like && kind.starts_with("collinear"));
        count += 1;
    }
    assert_eq!(count, 111);
    assert!(time_like_collinear >= 36, "{time_like_collinear}");
}

/// The textbook formulas fail on the same table: the test above is not vacuous.
#[test]
fn textbook_formulas_lose_all_digits() {
    let worst = rows(include_str!("reference/momenta.csv"))
        .map(|(_, v)| {
            let m2 = v[0] * v[0] - v[1] * v[1] - v[2] * v[2] - v[3] * v[3];
            (m2.max(0.0).sqrt() / v[8] - 1.0).abs()
        })
        .fold(0.0, f64::max);
    assert!(worst > 0.9, "{worst}");
}

/// Products of transformed momenta: 64 eps gamma² E_p E_q for each transformation (DESIGN, rule on numbers).
fn product_tolerance(gamma: f64, p: &FourMomentum, q: &FourMomentum) -> f64 {
    64.0 * f64::EPSILON * gamma * gamma * p.e * q.e
}

/// Moller (1972) and any textbook: tan of half the Wigner angle of two perpendicular boosts; in the symmetric form
/// 1 + cos theta = (1 + g + g1 + g2)²/[(1 + g)(1 + g1)(1 + g2)], valid for any two boosts with g the product's factor.
#[test]
fn wigner_rotation_of_two_boosts() {
    for (g1, g2, between) in
        [(1.5, 3.0, 1.0), (10.0, 20.0, 2.0), (1.001, 1.002, 0.5), (1e3, 50.0, 1.6), (2.0, 2.0, 0.0)]
    {
        let first = LorentzTransform::boost_by_gamma(Vector3::x(), g1).unwrap();
        let direction = Vector3::new(f64::cos(between), f64::sin(between), 0.0);
        let second = LorentzTransform::boost_by_gamma(direction, g2).unwrap();
        let product = second * first;
        let (boost, rotation) = product.boost_and_rotation();
        let g = product.gamma();
        let cosine = (1.0 + g + g1 + g2).powi(2) / ((1.0 + g) * (1.0 + g1) * (1.0 + g2)) - 1.0;
        // The trace, because the angle of a rotation near 0 is ill-conditioned.
        let trace = rotation.matrix().trace();
        assert!((trace - (1.0 + 2.0 * cosine)).abs() < 1e-14 * g, "{g1} {g2}: {trace} {cosine}");
        if between > 0.0 {
            // The rotation undoes part of the turn: its axis is -(first x second), here -z for a positive sense.
            assert!(rotation.matrix()[(1, 0)] > 0.0, "{rotation}");
        }
        let again = boost * LorentzTransform::from(rotation);
        assert!((again.matrix() - product.matrix()).amax() < 1e-14 * g * g);
    }
}

#[test]
fn collinear_boosts_add_rapidities() {
    let direction = Vector3::new(1.0, -2.0, 0.5);
    let boost = |y| LorentzTransform::boost_by_rapidity(direction, y).unwrap();
    for (a, b) in [(0.3, 0.4), (-2.0, 5.0), (1e-8, 1e-9), (7.0, 6.0)] {
        let sum = boost(a + b);
        let product = boost(a) * boost(b);
        // Opposite boosts cancel: the terms of the product are as large as the product of the two gammas.
        let tolerance = 16.0 * f64::EPSILON * a.cosh() * b.cosh();
        assert!((product.matrix() - sum.matrix()).amax() <= tolerance, "{a} {b}");
    }
}

#[test]
fn boosts_with_a_gamma_of_a_million() {
    let direction = Vector3::new(0.2, -0.7, 0.4);
    let boost = LorentzTransform::boost_by_gamma(direction, 1e6).unwrap();
    assert!(LorentzTransform::from_matrix(*boost.matrix()).is_ok());
    // A muon decaying in flight: E = gamma m, and the invariant mass of its products survives.
    let muon = FourMomentum::new(0.105_658_375_5, 0.0, 0.0, 0.0);
    let moving = boost * muon;
    assert!((moving.e / (1e6 * muon.e) - 1.0).abs() < 4.0 * f64::EPSILON);
    assert!((moving.mass_squared() - muon.mass_squared()).abs() <= product_tolerance(1e6, &muon, &muon));
    // Rounding of E = 1e6 m moves m by eps gamma²/2 at most: 1e-4.
    assert!((moving.mass() / muon.mass() - 1.0).abs() < 2e-4);
    let electron = FourMomentum::from_p_m(0.02, 0.01, -0.03, 0.000_511).unwrap();
    let neutrino = FourMomentum::from_p_m(-0.01, 0.02, 0.01, 0.0).unwrap();
    let product = (boost * electron).dot(&(boost * neutrino));
    assert!((product - electron.dot(&neutrino)).abs() <= product_tolerance(1e6, &electron, &neutrino));
    let back = boost.inverse() * (boost * electron);
    assert!((back.e - electron.e).abs() <= 64.0 * f64::EPSILON * 1e12 * electron.e);
}

#[test]
fn boost_by_velocity_is_the_textbook_boost() {
    // gamma = 5/3 for beta = 0.8.
    let boost = LorentzTransform::boost(Vector3::new(0.0, 0.0, 0.8)).unwrap();
    let p = boost * FourMomentum::new(3.0, 1.0, 0.0, 2.0);
    let expected = FourMomentum::new(5.0 / 3.0 * (3.0 + 0.8 * 2.0), 1.0, 0.0, 5.0 / 3.0 * (2.0 + 0.8 * 3.0));
    approx::assert_relative_eq!(p, expected, max_relative = 4.0 * f64::EPSILON);
    // Rapidities shift, transverse momentum stays.
    let y = FourMomentum::new(3.0, 1.0, 0.0, 2.0).rapidity();
    assert!((p.rapidity() - y - 0.8_f64.atanh()).abs() < 8.0 * f64::EPSILON);
}

#[test]
fn rotations_turn_right_handed() {
    let quarter = LorentzTransform::rotation(Vector3::z(), std::f64::consts::FRAC_PI_2).unwrap();
    let p = quarter * FourMomentum::new(2.0, 1.0, 0.0, 0.5);
    approx::assert_relative_eq!(p, FourMomentum::new(2.0, 0.0, 1.0, 0.5), max_relative = f64::EPSILON);
}
