//! What the boundary costs: the exact EMD and a Particle Flow Network called directly, and through the functions that C calls.

use std::hint::black_box;
use std::ptr::null_mut;

use criterion::{Criterion, criterion_group, criterion_main};
use hepml::core::rand::SeedableRng;
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::{FourMomentum, Observables, ParticleSets, Save, Weighted};
use hepml::nn::{LearnerConfig, PfnConfig, StackConfig, TrainingConfig};
use hepml::ot::{Divergence, EmdConfig, EnergyFlow, Workspace};
use hepml_benches::jets_with;
use hepml_capi::{
    hepml_coordinates, hepml_divergence_free, hepml_divergence_new_emd, hepml_divergence_value,
    hepml_model_evaluate_sets, hepml_model_free, hepml_model_from_bytes, hepml_momenta, hepml_particles,
    hepml_sets_free, hepml_sets_new, hepml_status,
};

/// A jet as a framework keeps it.
struct Columns {
    pt: Vec<f64>,
    y: Vec<f64>,
    phi: Vec<f64>,
}

impl Columns {
    fn of(jet: &EnergyFlow) -> Self {
        let (y, phi) = jet.points().iter().map(|point| (point[0], point[1])).unzip();
        Self { pt: jet.energies().to_vec(), y, phi }
    }

    fn flow(&self) -> EnergyFlow {
        let points = self.y.iter().zip(&self.phi).map(|(y, phi)| [*y, *phi]);
        EnergyFlow::new(self.pt.clone(), points.collect::<Vec<_>>()).expect("it was a jet before")
    }

    fn view(&self) -> hepml_particles {
        let (pt, y, phi) = (self.pt.as_ptr(), self.y.as_ptr(), self.phi.as_ptr());
        hepml_particles { pt, y, phi, stride: 1, count: self.pt.len() }
    }
}

/// The pairs of neighbours, one after the other, so that no branch is learned by heart.
fn neighbours(next: &mut usize, jets: usize) -> (usize, usize) {
    *next = (*next + 1) % jets;
    (*next, (*next + 1) % jets)
}

fn emd(criterion: &mut Criterion) {
    let jets = jets_with(45, 55, 200);
    let columns: Vec<Columns> = jets.iter().map(Columns::of).collect();
    let mut group = criterion.benchmark_group("EMD of 50 particles");
    let emd = EmdConfig::new().periodic_phi(true).build().expect("positive parameters");
    let (mut workspace, mut next) = (Workspace::new(), 0);
    group.bench_function("Rust, flows built before", |bencher| {
        bencher.iter(|| {
            let (i, j) = neighbours(&mut next, jets.len());
            black_box(emd.value_in(&mut workspace, &jets[i], &jets[j]))
        });
    });

    next = 0;
    group.bench_function("Rust, from columns", |bencher| {
        bencher.iter(|| {
            let (i, j) = neighbours(&mut next, jets.len());
            black_box(emd.value_in(&mut workspace, &columns[i].flow(), &columns[j].flow()))
        });
    });

    let mut handle = null_mut();
    // SAFETY: the pointer is to a local variable.
    assert_eq!(unsafe { hepml_divergence_new_emd(1.0, 1.0, 0, 1, &raw mut handle) }, hepml_status::Ok);
    // Behind a pointer, as a program sees it that is linked to the library.
    let function = black_box(hepml_divergence_value as unsafe extern "C" fn(_, _, _, _) -> _);
    next = 0;
    group.bench_function("C, from columns", |bencher| {
        bencher.iter(|| {
            let (i, j) = neighbours(&mut next, jets.len());
            let (a, b, mut value) = (columns[i].view(), columns[j].view(), 0.0);
            // SAFETY: the views are of vectors that live, the output is a local variable.
            let status = unsafe { function(handle.cast_const(), &raw const a, &raw const b, &raw mut value) };
            assert_eq!(status, hepml_status::Ok);
            black_box(value)
        });
    });
    group.finish();
    // SAFETY: the pointer is to a local variable.
    assert_eq!(unsafe { hepml_divergence_free(&raw mut handle) }, hepml_status::Ok);
}

fn pfn(criterion: &mut Criterion) {
    // The sample has fewer of these than a batch: they come again.
    const JETS: usize = 1000;
    let columns: Vec<Columns> = jets_with(45, 55, JETS).iter().cycle().take(JETS).map(Columns::of).collect();
    let (mut pt, mut y, mut phi, mut offsets) = (Vec::new(), Vec::new(), Vec::new(), vec![0]);
    for jet in &columns {
        pt.extend_from_slice(&jet.pt);
        y.extend_from_slice(&jet.y);
        phi.extend_from_slice(&jet.phi);
        offsets.push(pt.len());
    }
    let mass = vec![0.0; pt.len()];
    let momentum = |i: usize| FourMomentum::from_pt_y_phi_m(pt[i], y[i], phi[i], 0.0).expect("finite");
    let events = offsets.windows(2).map(|ends| (ends[0]..ends[1]).map(momentum).collect::<Vec<_>>());
    let sets = ParticleSets::from_events(events).expect("finite");
    let labels: Vec<usize> = (0..JETS).map(|jet| jet % 2).collect();
    let network =
        PfnConfig::new(2).phi(StackConfig::new([100, 100, 256])).f(StackConfig::new([256, 100, 100, 100]));
    let learner = LearnerConfig::classifier(network).training(TrainingConfig::new().epochs(1));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let fitted = learner.fit_classes(&Weighted::unit(sets.clone()), &labels, &mut rng, &mut ());
    let model = fitted.expect("a network learns from jets").model;

    let mut group = criterion.benchmark_group("PFN on 1000 jets");
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread can be started");
    group.bench_function("Rust", |bencher| {
        bencher.iter(|| black_box(one_thread.install(|| model.observe(&sets))));
    });

    let bytes = model.to_bytes().expect("it can be saved");
    let (mut handle, mut batch) = (null_mut(), null_mut());
    let momenta = hepml_momenta {
        columns: [pt.as_ptr(), y.as_ptr(), phi.as_ptr(), mass.as_ptr()],
        stride: 1,
        count: pt.len(),
        coordinates: hepml_coordinates::PtYPhiM as i32,
    };
    let (names, features) = (std::ptr::null(), std::ptr::null());
    // SAFETY: all pointers are to vectors or local variables.
    unsafe {
        assert_eq!(hepml_model_from_bytes(bytes.as_ptr(), bytes.len(), &raw mut handle), hepml_status::Ok);
        let status =
            hepml_sets_new(&raw const momenta, offsets.as_ptr(), JETS, names, features, 0, &raw mut batch);
        assert_eq!(status, hepml_status::Ok);
    }
    let mut values = vec![0.0; 2 * JETS];
    let function = black_box(hepml_model_evaluate_sets as unsafe extern "C" fn(_, _, _, _, _) -> _);
    group.bench_function("C", |bencher| {
        bencher.iter(|| {
            // SAFETY: there is room for as many values as the capacity says.
            let status = unsafe {
                function(handle.cast_const(), batch.cast_const(), 1_usize, values.as_mut_ptr(), values.len())
            };
            assert_eq!(status, hepml_status::Ok);
            black_box(values[0])
        });
    });
    group.finish();
    // SAFETY: the pointers are to local variables.
    unsafe {
        assert_eq!(hepml_model_free(&raw mut handle), hepml_status::Ok);
        assert_eq!(hepml_sets_free(&raw mut batch), hepml_status::Ok);
    }
}

criterion_group!(benches, emd, pfn);
criterion_main!(benches);
