//! The parts of a training step: products (in elements per second: multiplications and additions), functions and steps of
//! networks, for each level of SIMD and both numbers.
//!
//! `cargo bench -p hepml-benches --bench nn -- PATTERN`, for instance `product/f32/Avx512`.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hepml::core::rand::SeedableRng;
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::nn::{
    Dense, Function, Gradients, Initial, Matrix, Parameters, Pass, Result, Scalar, Segments, SimdLevel, Tape,
    Var,
};

/// Numbers for any purpose.
fn numbers<T: Scalar>(rows: usize, columns: usize) -> Matrix<T> {
    Initial::HeUniform.draw(rows, columns, &mut ChaCha8Rng::seed_from_u64(1))
}

/// x W + b, rectified, of so many rows, inputs and outputs.
fn products<T: Scalar>(criterion: &mut Criterion, level: SimdLevel) {
    let mut group = criterion.benchmark_group(format!("product/{}/{level:?}", T::NAME));
    for (m, k, n) in
        [(500, 3, 100), (500, 100, 100), (500, 100, 256), (500, 256, 100), (256, 128, 1), (512, 512, 512)]
    {
        let mut parameters = Parameters::<T>::new();
        let ids = [(m, k), (k, n), (1, n)]
            .map(|(r, c)| parameters.add(format!("{r} {c}"), &numbers(r, c)).expect("finite numbers"));
        let parameters = Arc::new(parameters);
        let mut tape = Tape::with_simd(level).expect("it is available");
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        group.bench_function(format!("{m}x{k}x{n}"), |bencher| {
            bencher.iter(|| {
                tape.begin(&parameters);
                let [x, w, b] = ids.map(|id| tape.parameter(id).expect("added above"));
                tape.dense(x, w, Some(b), Some(Function::Relu)).expect("shapes that fit")
            });
        });
    }
}

fn functions<T: Scalar>(criterion: &mut Criterion, level: SimdLevel) {
    use Function::{Cos, Exp, Gelu, Ln, Power, Relu, Sigmoid, Silu, Sin, Softplus, Tanh};
    let mut group = criterion.benchmark_group(format!("function/{}/{level:?}", T::NAME));
    let mut parameters = Parameters::<T>::new();
    let mut x = numbers::<T>(256, 128);
    for row in 0..256 {
        x.row_mut(row).iter_mut().for_each(|x| *x = x.abs() + T::ONE);
    }
    let id = parameters.add("x", &x).expect("finite numbers");
    let parameters = Arc::new(parameters);
    let mut tape = Tape::with_simd(level).expect("it is available");
    group.throughput(Throughput::Elements(256 * 128));
    for f in [Relu, Tanh, Sigmoid, Softplus, Silu, Gelu, Exp, Ln, Power(-0.5), Sin, Cos] {
        for order in [0, 1, 2] {
            group.bench_function(format!("{f:?}, order {order}"), |bencher| {
                bencher.iter(|| {
                    tape.begin(&parameters);
                    let x = tape.parameter(id).expect("added above");
                    tape.derivative(f, order, x).expect("a function of a matrix")
                });
            });
        }
    }
}

/// Dense layers, rectified but for the last.
fn layers<T: Scalar>(parameters: &mut Parameters<T>, name: &str, widths: &[usize]) -> Vec<Dense> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let last = widths.len() - 2;
    let layer = |(number, ends): (usize, &[usize])| {
        let relu = (number < last || name == "phi").then_some(Function::Relu);
        let name = format!("{name}{number}");
        Dense::new(parameters, &name, [ends[0], ends[1]], relu, Initial::HeUniform, &mut rng)
            .expect("new names")
    };
    widths.windows(2).enumerate().map(layer).collect()
}

fn forward<T: Scalar>(tape: &mut Tape<T>, layers: &[Dense], x: Var) -> Result<Var> {
    let mut pass = Pass::evaluation(tape);
    layers.iter().try_fold(x, |x, layer| layer.forward(&mut pass, x))
}

/// The loss of a particle flow network (Phi 3-100-100-256, F 256-100-100-100-2) on `jets` jets of 50 particles, and its gradient.
fn pfn<T: Scalar>(criterion: &mut Criterion, level: SimdLevel) {
    const JETS: usize = 100;
    const PARTICLES: usize = 50;
    let mut group = criterion.benchmark_group(format!("pfn/{}/{level:?}", T::NAME));
    let mut parameters = Parameters::<T>::new();
    let phi = layers(&mut parameters, "phi", &[3, 100, 100, 256]);
    let f = layers(&mut parameters, "f", &[256, 100, 100, 100, 2]);
    let parameters = Arc::new(parameters);
    let mut gradients = Gradients::zeros(&parameters);
    let mut tape = Tape::with_simd(level).expect("it is available");
    group.throughput(Throughput::Elements(JETS as u64));
    // All at once, or as many as fit the second cache.
    for jets in [10, JETS] {
        let x = numbers::<T>(jets * PARTICLES, 3);
        let sets = Segments::new((0..=jets).map(|i| i * PARTICLES).collect::<Vec<_>>()).expect("offsets");
        let labels: Arc<[u32]> = (0..jets).map(|i| u32::from(i % 2 == 0)).collect();
        let mut run = |back: bool| -> Result<()> {
            for _ in 0..JETS / jets {
                tape.begin(&parameters);
                let x = tape.constant(x.view());
                let latent = forward(&mut tape, &phi, x)?;
                let latent = tape.segment_sum(latent, &sets)?;
                let y = forward(&mut tape, &f, latent)?;
                if back {
                    let y = tape.log_softmax(y)?;
                    let y = tape.pick(y, labels.clone())?;
                    let y = tape.sum(y)?;
                    tape.backward(y, &mut gradients)?;
                }
            }
            Ok(())
        };
        group.bench_function(format!("forward, {jets} jets at once"), |b| {
            b.iter(|| run(false).expect("shapes that fit"));
        });
        group.bench_function(format!("both ways, {jets} jets at once"), |b| {
            b.iter(|| run(true).expect("shapes that fit"));
        });
    }
    black_box(gradients.value(&parameters, parameters.ids().next().expect("a layer")).expect("as above"));
}

fn mlp<T: Scalar>(criterion: &mut Criterion, level: SimdLevel) {
    let mut parameters = Parameters::<T>::new();
    let f = layers(&mut parameters, "f", &[8, 128, 128, 1]);
    let parameters = Arc::new(parameters);
    let mut gradients = Gradients::zeros(&parameters);
    let mut tape = Tape::with_simd(level).expect("it is available");
    let x = numbers::<T>(256, 8);
    criterion.bench_function(&format!("mlp/{}/{level:?}", T::NAME), |bencher| {
        bencher.iter(|| {
            tape.begin(&parameters);
            let x = tape.constant(x.view());
            let loss = forward(&mut tape, &f, x)
                .and_then(|y| tape.apply(Function::Softplus, y))
                .and_then(|y| tape.sum(y))
                .expect("shapes that fit");
            tape.backward(loss, &mut gradients).expect("a number");
        });
    });
}

fn all<T: Scalar>(criterion: &mut Criterion) {
    for level in SimdLevel::available() {
        products::<T>(criterion, level);
        functions::<T>(criterion, level);
        pfn::<T>(criterion, level);
        mlp::<T>(criterion, level);
    }
}

criterion_group!(benches, all::<f32>, all::<f64>);
criterion_main!(benches);
