//! The spectral and the sliced distance on one core: what an event costs once, and a pair.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hepml::ot::{Divergence, EnergyFlow, SlicedWasserstein, SpectralEmd};
use hepml_benches::jets_with;

/// Jets of about so many particles; beyond what the jets of `data/` have, of several jets in one.
fn jets(particles: usize) -> Vec<EnergyFlow> {
    if particles <= 100 {
        return jets_with(particles - 5, particles + 5, 20);
    }
    let parts = particles / 100;
    let jets = jets_with(95, 105, 20 * parts);
    let joined = |jets: &[EnergyFlow]| {
        let energies: Vec<f64> = jets.iter().flat_map(EnergyFlow::energies).copied().collect();
        let points: Vec<[f64; 2]> = jets.iter().flat_map(EnergyFlow::points).copied().collect();
        EnergyFlow::new(energies, points).expect("jets are good events")
    };
    jets.chunks_exact(parts).map(joined).collect()
}

fn compare<D: Divergence<Event = EnergyFlow>>(criterion: &mut Criterion, name: &str, divergence: &D) {
    let mut group = criterion.benchmark_group(name);
    for particles in [30, 100, 300] {
        let jets = jets(particles);
        let prepared: Vec<_> =
            jets.iter().map(|jet| divergence.prepare(jet).expect("jets are good events")).collect();
        let mut next = 0;
        group.bench_function(format!("event of {particles} particles"), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % jets.len();
                black_box(divergence.prepare(&jets[next]).is_ok())
            });
        });
        let mut workspace = D::Workspace::default();
        let mut next = 0;
        group.bench_function(format!("pair of {particles} particles"), |bencher| {
            bencher.iter(|| {
                // Another pair each time, so that no branch is learned by heart.
                next = (next + 1) % (prepared.len() * prepared.len());
                let (a, b) = (&prepared[next / prepared.len()], &prepared[next % prepared.len()]);
                black_box(divergence.prepared_value(&mut workspace, a, b))
            });
        });
    }
    group.finish();
}

fn pairs(criterion: &mut Criterion) {
    compare(criterion, "spectral EMD", &SpectralEmd::default());
    compare(criterion, "sliced Wasserstein, 32 directions", &SlicedWasserstein::default());
}

criterion_group!(benches, pairs);
criterion_main!(benches);
