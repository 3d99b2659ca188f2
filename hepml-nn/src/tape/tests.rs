//! Adjoints and tangents against finite differences of values.

use std::sync::Arc;

use super::{Function, Segments, Tape, Var};
use crate::error::Result;
use crate::matrix::Matrix;
use crate::parameters::{Gradients, Parameters};

type Build = fn(&mut Tape<f64>, Var, Var) -> Result<Var>;

fn sets() -> Segments {
    Segments::new(vec![0, 2, 2, 3]).unwrap()
}

/// A [3, 2] result of a [3, 2] and a [2, 2] operand, for each operation.
const OPERATIONS: &[(&str, Build)] = &[
    ("dense", |t, x, w| {
        let b = t.columns(w, 0..2)?;
        let b = t.gather(b, vec![1])?;
        t.dense(x, w, Some(b), Some(Function::Relu))
    }),
    ("leaky", |t, x, w| {
        let b = t.gather(w, vec![0])?;
        t.dense(x, w, Some(b), Some(Function::LeakyRelu(0.1)))
    }),
    ("smooth", |t, x, w| t.dense(x, w, None, Some(Function::Silu))),
    ("row", |t, x, w| {
        let row = t.gather(w, vec![0])?;
        let a = t.div(x, row)?;
        let b = t.sub(row, a)?;
        t.mul(b, x)
    }),
    ("column", |t, x, w| {
        let column = t.columns(w, 1..2)?;
        let column = t.gather(column, vec![0, 1, 1])?;
        let a = t.mul(column, x)?;
        t.div(a, column)
    }),
    ("extrema", |t, x, w| {
        let y = t.gather(w, vec![1, 0, 1])?;
        let a = t.maximum(x, y)?;
        let b = t.minimum(x, y)?;
        let a = t.mul(a, a)?;
        t.sub(a, b)
    }),
    ("transpose", |t, x, w| {
        let y = t.transpose(x)?;
        let y = t.matmul(w, y)?;
        t.transpose(y)
    }),
    ("sums", |t, x, _| {
        let a = t.row_sums(x)?;
        let b = t.column_sums(x)?;
        t.mul(a, b)
    }),
    ("softmax", |t, x, w| {
        let y = t.matmul(x, w)?;
        t.softmax(y)
    }),
    ("layer norm", |t, x, w| {
        let y = t.matmul(x, w)?;
        t.layer_norm(y, 0.1)
    }),
    ("segments", |t, x, _| {
        let sum = t.segment_sum(x, &sets())?;
        let mean = t.segment_mean(x, &sets())?;
        let largest = t.segment_max(x, &sets())?;
        let y = t.mul(sum, mean)?;
        let y = t.mul(y, largest)?;
        t.segment_broadcast(y, &sets())
    }),
    ("weighted", |t, x, w| {
        let weights = t.gather(w, vec![0, 1, 1])?;
        let weights = t.columns(weights, 0..1)?;
        let y = t.segment_weighted_sum(x, weights, &sets())?;
        let p = t.segment_softmax(x, &sets())?;
        let y = t.segment_broadcast(y, &sets())?;
        t.mul(y, p)
    }),
    ("rows", |t, x, w| {
        let a = t.gather(x, vec![2, 2, 0])?;
        let b = t.scatter_add(w, vec![2, 2], 3)?;
        t.mul(a, b)
    }),
    ("shapes", |t, x, w| {
        let y = t.reshape(x, 2, 3)?;
        let y = t.concat(&[w, y, w])?;
        let y = t.columns(y, 1..4)?;
        let y = t.reshape(y, 3, 2)?;
        let z = t.pick(y, vec![1, 0, 1])?;
        let z = t.affine(z, -2.0, 0.5)?;
        t.mul(y, z)
    }),
    ("functions", |t, x, w| {
        let y = t.matmul(x, w)?;
        let mut sum = t.apply(Function::Tanh, y)?;
        for f in [
            Function::Sigmoid,
            Function::Softplus,
            Function::Gelu,
            Function::Exp,
            Function::Sin,
            Function::Cos,
        ] {
            let term = t.apply(f, y)?;
            sum = t.add(sum, term)?;
        }
        let positive = t.apply(Function::Exp, x)?;
        for f in [Function::Ln, Function::Power(1.5), Function::Power(-1.0), Function::Abs] {
            let term = t.apply(f, positive)?;
            sum = t.mul(sum, term)?;
        }
        Ok(sum)
    }),
];

const X: [f64; 6] = [0.31, -0.62, 1.13, 0.24, -0.45, 0.76];
const W: [f64; 4] = [0.81, -0.37, 0.53, 1.29];
const DIRECTION: [f64; 6] = [0.4, 0.2, -0.7, 0.9, 0.3, -0.5];
/// What a central difference with extrapolation of these values leaves.
const TOLERANCE: f64 = 1e-7;

/// sum_ij (i + 2 j + 1) d^k y_ij along the direction, at a point, with gradients by x and w.
fn contracted(build: Build, order: usize, x: &[f64], w: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let mut parameters = Parameters::new();
    let id = parameters.add("w", &Matrix::from_rows(2, 2, w).unwrap()).unwrap();
    let parameters = Arc::new(parameters);
    let mut gradients = Gradients::zeros(&parameters);
    let mut tape = Tape::new();
    tape.begin(&parameters);
    let x = tape.input(Matrix::from_rows(3, 2, x).unwrap().view());
    let direction = tape.constant(Matrix::from_rows(3, 2, &DIRECTION).unwrap().view());
    let w = tape.parameter(id).unwrap();
    let mut y = build(&mut tape, x, w).unwrap();
    for _ in 0..order {
        y = tape.tangent(y, &[(x, direction)]).unwrap();
    }
    assert_eq!(tape.shape(y).unwrap(), (3, 2));
    let factors = tape.constant(Matrix::from_rows(3, 2, &[1.0, 3.0, 2.0, 4.0, 3.0, 5.0]).unwrap().view());
    let product = tape.mul(y, factors).unwrap();
    let sum = tape.sum(product).unwrap();
    let value = tape.value(sum).unwrap().scalar().unwrap();
    tape.backward(sum, &mut gradients).unwrap();
    let by_x = tape.gradient(x).unwrap().map_or(vec![0.0; 6], |g| g.to_array().into_iter().collect());
    let by_w = gradients.value(&parameters, id).unwrap().to_array().into_iter().collect();
    (value, by_x, by_w)
}

#[test]
fn adjoints_are_derivatives_of_values_and_of_tangents() {
    for &(name, build) in OPERATIONS {
        for order in 0..=4 {
            let (_, by_x, by_w) = contracted(build, order, &X, &W);
            let scale = by_x.iter().chain(&by_w).fold(1.0_f64, |m, g| m.max(g.abs()));
            let tolerance = TOLERANCE * scale;
            hepml_core::testing::check_gradient(
                |x| Ok::<f64, crate::Error>(contracted(build, order, x, &W).0),
                &by_x,
                &X,
                0.02,
                tolerance,
            )
            .unwrap_or_else(|error| panic!("{name}, order {order}, by x: {error}"));
            hepml_core::testing::check_gradient(
                |w| Ok::<f64, crate::Error>(contracted(build, order, &X, w).0),
                &by_w,
                &W,
                0.02,
                tolerance,
            )
            .unwrap_or_else(|error| panic!("{name}, order {order}, by w: {error}"));
        }
    }
}

#[test]
fn tangents_are_derivatives_along_the_direction() {
    for &(name, build) in OPERATIONS {
        for order in 0..4 {
            let along = |step: f64| {
                let x: Vec<f64> = X.iter().zip(DIRECTION).map(|(x, v)| x + step * v).collect();
                contracted(build, order, &x, &W).0
            };
            let (exact, ..) = contracted(build, order + 1, &X, &W);
            hepml_core::testing::check_gradient(
                |step| Ok::<f64, crate::Error>(along(step[0])),
                &[exact],
                &[0.0],
                0.02,
                TOLERANCE * (1.0 + exact.abs()),
            )
            .unwrap_or_else(|error| panic!("{name}, order {}: {error}", order + 1));
        }
    }
}

#[test]
fn more_numbers_than_memory_are_an_error() {
    let mut tape = Tape::<f32>::new();
    let column = tape.constant(Matrix::zeros(1 << 15, 1).view());
    let row = tape.constant(Matrix::zeros(1, (1 << 15) + 1).view());
    let error = tape.matmul(column, row).unwrap_err().to_string();
    assert!(error.contains("at most 2^30"), "{error}");
    // What was refused is not on the tape.
    assert_eq!(tape.len(), 2);
    tape.add(column, column).unwrap();
}
