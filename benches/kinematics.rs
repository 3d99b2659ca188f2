//! What the accurate kinematics cost, against the textbook formulas that lose the digits.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hepml::core::FourMomentum;

fn textbook_mass(p: &FourMomentum) -> f64 {
    (p.e * p.e - p.px * p.px - p.py * p.py - p.pz * p.pz).max(0.0).sqrt()
}

fn textbook_rapidity(p: &FourMomentum) -> f64 {
    0.5 * ((p.e + p.pz) / (p.e - p.pz)).ln()
}

fn momenta(mass: f64) -> Vec<FourMomentum> {
    let angles = |i: u32| (f64::from(i % 97) / 97.0 * 6.0 - 3.0, f64::from(i % 89) / 89.0 * 6.0);
    (0..1000)
        .map(|i| {
            let (eta, phi) = angles(i);
            FourMomentum::from_pt_eta_phi_m(1.0 + f64::from(i % 101), eta, phi, mass)
                .expect("parameters in range")
        })
        .collect()
}

/// A benched formula.
type Formula = fn(&FourMomentum) -> f64;

fn single(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("1000 momenta");
    for (kind, mass) in [("slow", 50.0), ("relativistic", 1e-4)] {
        let momenta = momenta(mass);
        let formulas: [(&str, Formula); 5] = [
            ("mass", FourMomentum::mass),
            ("textbook mass", textbook_mass),
            ("rapidity", FourMomentum::rapidity),
            ("textbook rapidity", textbook_rapidity),
            ("eta", FourMomentum::eta),
        ];
        for (name, formula) in formulas {
            group.bench_function(format!("{name}, {kind}"), |bencher| {
                bencher.iter(|| black_box(&momenta).iter().map(formula).sum::<f64>());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, single);
criterion_main!(benches);
