//! Gradients of layers against finite differences, in f64.

use std::sync::Arc;

use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::testing::check_gradient;

use super::*;
use crate::error::Result;
use crate::matrix::Matrix;
use crate::parameters::{Gradients, Parameters};
use crate::pass::Pass;
use crate::tape::{Function, Tape, Var};

/// What a central difference with extrapolation of values of order 1 leaves.
const TOLERANCE: f64 = 1e-8;
const STEP: f64 = 0.01;

/// Checks the gradients of sum_ij (i + 2 j + 1) y_ij by inputs and parameters, with all parameters drawn within ± 1/2.
fn check(
    name: &str,
    build: impl Fn(&mut Parameters<f64>, &mut ChaCha8Rng) -> Vec<usize>,
    forward: impl Fn(&mut Pass<'_, f64>, &[Var]) -> Result<Var>,
) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut parameters = Parameters::new();
    let inputs = build(&mut parameters, &mut rng);
    let rows = 3;
    let mut draw = |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random::<f64>() - 0.5).collect() };
    let inputs: Vec<(usize, Vec<f64>)> = inputs.into_iter().map(|n| (n, draw(rows * n))).collect();
    let ids: Vec<_> = parameters.ids().collect();
    let values: Vec<f64> = draw(parameters.size());
    let at = |x: &[f64], theta: &[f64]| {
        let mut parameters = parameters.clone();
        let mut start = 0;
        for &id in &ids {
            let (rows, columns) = parameters.value(id).unwrap().shape();
            let value = Matrix::from_rows(rows, columns, &theta[start..start + rows * columns]).unwrap();
            parameters.set(id, &value).unwrap();
            start += rows * columns;
        }
        let parameters = Arc::new(parameters);
        let mut gradients = Gradients::zeros(&parameters);
        let mut tape = Tape::new();
        tape.begin(&parameters);
        let mut pass = Pass::evaluation(&mut tape);
        let mut start = 0;
        let vars: Vec<Var> = inputs
            .iter()
            .map(|(columns, _)| {
                let value = Matrix::from_rows(rows, *columns, &x[start..start + rows * columns]).unwrap();
                start += rows * columns;
                pass.input(value.view())
            })
            .collect();
        let y = forward(&mut pass, &vars).unwrap();
        let (rows, columns) = pass.shape(y).unwrap();
        let factors: Vec<f64> =
            (0..rows * columns).map(|k| (k / columns + 2 * (k % columns) + 1) as f64).collect();
        let factors = pass.constant(Matrix::from_rows(rows, columns, &factors).unwrap().view());
        let y = pass.mul(y, factors).unwrap();
        let loss = pass.sum(y).unwrap();
        let value = pass.value(loss).unwrap().scalar().unwrap();
        pass.backward(loss, &mut gradients).unwrap();
        let by_x: Vec<f64> =
            vars.iter().flat_map(|x| pass.gradient(*x).unwrap().unwrap().to_array().into_iter()).collect();
        let by_theta: Vec<f64> = ids
            .iter()
            .flat_map(|id| gradients.value(&parameters, *id).unwrap().to_array().into_iter())
            .collect();
        (value, by_x, by_theta)
    };
    let x: Vec<f64> = inputs.iter().flat_map(|(_, values)| values.clone()).collect();
    let (_, by_x, by_theta) = at(&x, &values);
    let scale = by_x.iter().chain(&by_theta).fold(1.0_f64, |m, g| m.max(g.abs()));
    check_gradient(|x| Ok::<f64, crate::Error>(at(x, &values).0), &by_x, &x, STEP, TOLERANCE * scale)
        .unwrap_or_else(|error| panic!("{name}, by inputs: {error}"));
    check_gradient(|t| Ok::<f64, crate::Error>(at(&x, t).0), &by_theta, &values, STEP, TOLERANCE * scale)
        .unwrap_or_else(|error| panic!("{name}, by parameters: {error}"));
}

#[test]
fn gradients_are_derivatives() {
    use std::cell::OnceCell;
    let layer = OnceCell::new();
    check(
        "layer norm",
        |p, _| {
            let _ = layer.set(LayerNorm::new(p, "norm", 4).unwrap());
            vec![4]
        },
        |pass, x| layer.get().unwrap().forward(pass, x[0]),
    );
    let layer = OnceCell::new();
    check(
        "film",
        |p, rng| {
            let _ = layer.set(Film::new(p, "film", 2, 3, rng).unwrap());
            vec![3, 2]
        },
        |pass, x| layer.get().unwrap().forward(pass, x[0], x[1]),
    );
    for (name, norm) in [("stack", false), ("normalised stack", true)] {
        let layer = OnceCell::new();
        let config = StackConfig::new([5, 4]).activation(Function::Tanh).layer_norm(norm).dropout(0.5);
        check(
            name,
            |p, rng| {
                let _ = layer.set(config.build(p, "stack", 3, rng).unwrap());
                vec![3]
            },
            // In evaluation dropout does nothing; its own test checks its gradient.
            |pass, x| layer.get().unwrap().forward(pass, x[0]),
        );
    }
}

#[test]
fn film_begins_as_the_identity() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut parameters = Parameters::<f32>::new();
    let film = Film::new(&mut parameters, "film", 2, 3, &mut rng).unwrap();
    let mut tape = Tape::new();
    tape.begin(&Arc::new(parameters));
    let mut pass = Pass::evaluation(&mut tape);
    let h = Matrix::from_rows(1, 3, &[1.5, -2.0, 0.25]).unwrap();
    let c = Matrix::from_rows(1, 2, &[7.0, -9.0]).unwrap();
    let (x, context) = (pass.constant(h.view()), pass.constant(c.view()));
    let y = film.forward(&mut pass, x, context).unwrap();
    assert_eq!(pass.value(y).unwrap().row(0), h.row(0));
}
