//! The exact EMD on one core: pairs of jets of 20 to 120 particles, and what a pairwise run makes of them.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hepml::ot::{Divergence, EmdConfig, Workspace};
use hepml_benches::jets_with;

fn pairs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("emd");
    for (name, beta, normalise) in
        [("beta 1", 1.0, false), ("beta 1, normalised", 1.0, true), ("beta 2", 2.0, false)]
    {
        let emd = EmdConfig::new().beta(beta).normalise(normalise).build().expect("positive parameters");
        for particles in [20, 50, 100] {
            let jets = jets_with(particles - 5, particles + 5, 20);
            let mut workspace = Workspace::new();
            let mut next = 0;
            group.bench_function(format!("{name}, {particles} particles"), |bencher| {
                bencher.iter(|| {
                    // Another pair each time, so that no branch is learned by heart.
                    next = (next + 1) % (jets.len() * (jets.len() - 1));
                    let (i, j) = (next / (jets.len() - 1), next % (jets.len() - 1));
                    let j = if j < i { j } else { j + 1 };
                    black_box(emd.value_in(&mut workspace, &jets[i], &jets[j]))
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, pairs);
criterion_main!(benches);
