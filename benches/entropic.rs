//! Entropic transport, the Sinkhorn divergence and MMD on one core, between jets of about 100 particles.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hepml::ot::{AngularCost, Divergence, EnergyFlow, EntropicEmd, Mmd, SinkhornConfig, SinkhornDivergence};
use hepml_benches::jets_with;

/// The radius of the jets, so that costs are about 1.
const RADIUS: f64 = 0.8;

fn bench<D: Divergence<Event = EnergyFlow>>(
    criterion: &mut Criterion,
    name: &str,
    divergence: &D,
    jets: &[EnergyFlow],
) {
    let prepared: Vec<_> =
        jets.iter().map(|jet| divergence.prepare(jet).expect("jets have energy")).collect();
    let mut workspace = D::Workspace::default();
    let mut next = 0;
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            // Another pair each time, so that no branch is learned by heart.
            next = (next + 1) % (jets.len() * (jets.len() - 1));
            let (i, j) = (next / (jets.len() - 1), next % (jets.len() - 1));
            let j = if j < i { j } else { j + 1 };
            black_box(divergence.prepared_value(&mut workspace, &prepared[i], &prepared[j]))
        });
    });
}

fn entropic(criterion: &mut Criterion) {
    let jets = jets_with(95, 105, 12);
    let cost = AngularCost::new(RADIUS, 1.0, false).expect("positive parameters");
    for epsilon in [0.1, 0.01, 0.001] {
        let config = SinkhornConfig::new().epsilon(epsilon);
        let sinkhorn = config.build().expect("positive parameters");
        bench(criterion, &format!("entropic, epsilon {epsilon}"), &EntropicEmd::new(sinkhorn, cost), &jets);
        let divergence = SinkhornDivergence::new(sinkhorn, cost);
        bench(criterion, &format!("divergence, epsilon {epsilon}"), &divergence, &jets);
        criterion.bench_function(&format!("own term, epsilon {epsilon}"), |bencher| {
            bencher.iter(|| black_box(divergence.prepare(&jets[0])));
        });
        let relaxed = config.relaxation(1.0).mass_unit(500.0).build().expect("positive parameters");
        bench(criterion, &format!("unbalanced, epsilon {epsilon}"), &EntropicEmd::new(relaxed, cost), &jets);
    }
    bench(criterion, "mmd, energy", &Mmd::energy(cost), &jets);
    bench(criterion, "mmd, exponential", &Mmd::exponential(cost), &jets);
}

criterion_group!(benches, entropic);
criterion_main!(benches);
