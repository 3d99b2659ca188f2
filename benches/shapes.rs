//! Event shapes on one core: thrust of isotropic momenta, N-subjettiness and ringiness of jets, isotropy.

use std::f64::consts::TAU;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hepml::core::FourMomentum;
use hepml::core::rand::{RngExt, SeedableRng};
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::ot::{Ellipse, Isotropy, IsotropyCost, ManifoldDistanceConfig, NSubjettinessConfig, Ring, Thrust};
use hepml_benches::jets_with;

fn momenta(count: usize) -> Vec<FourMomentum> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    (0..count)
        .map(|_| {
            let (p, z, phi) =
                (-rng.random::<f64>().ln(), 2.0 * rng.random::<f64>() - 1.0, TAU * rng.random::<f64>());
            let rim = p * (1.0 - z * z).sqrt();
            FourMomentum::new(p, rim * phi.cos(), rim * phi.sin(), p * z)
        })
        .collect()
}

fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("shapes of events");
    for count in [30, 100, 300, 1000] {
        let event = momenta(count);
        group.bench_function(format!("thrust, {count} particles"), |bencher| {
            bencher.iter(|| black_box(Thrust::new().axis(&event)));
        });
    }
    let event = momenta(100);
    let isotropies = [
        ("ring of 64", Isotropy::ring(64, IsotropyCost::Quadratic)),
        ("cylinder of 16 around", Isotropy::cylinder(16, 8.0)),
        ("sphere of 192", Isotropy::sphere(4, IsotropyCost::Quadratic)),
        ("sphere of 768", Isotropy::sphere(8, IsotropyCost::Quadratic)),
    ];
    for (name, isotropy) in isotropies {
        let isotropy = isotropy.expect("there are points");
        group.bench_function(format!("isotropy, 100 particles, {name}"), |bencher| {
            bencher.iter(|| black_box(isotropy.value(&event)));
        });
    }
    group.finish();
}

fn jets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("shapes of jets");
    let jets = jets_with(45, 55, 20);
    let mut next = 0;
    let mut jet = || {
        next = (next + 1) % jets.len();
        &jets[next]
    };
    for beta in [1.0, 2.0] {
        let tau = NSubjettinessConfig::new().beta(beta).build().expect("positive parameters");
        group.bench_function(format!("tau 1 to 3, beta {beta}, 50 particles"), |bencher| {
            bencher.iter(|| black_box(tau.axes_up_to(3, jet())));
        });
    }
    group.sample_size(20);
    let config = ManifoldDistanceConfig::new;
    let ring = config().build(Ring::new(50).expect("samples")).expect("positive parameters");
    group.bench_function("ringiness, 50 particles, 50 samples", |bencher| {
        bencher.iter(|| black_box(ring.fit(jet())));
    });
    let ellipse = config().build(Ellipse::new(5).expect("rings")).expect("positive parameters");
    group.bench_function("ellipsiness, 50 particles, 61 samples", |bencher| {
        bencher.iter(|| black_box(ellipse.fit(jet())));
    });
    group.finish();
}

criterion_group!(benches, events, jets);
criterion_main!(benches);
