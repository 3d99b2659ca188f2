//! dfdx 0.13 as the oracle of our gradients, as a guest in our training, and as our host.
#![cfg(feature = "dfdx")]
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::Arc;

use dfdx::optim::{Adam, AdamConfig};
use dfdx::prelude::*;
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_nn::dfdx_guest::{DfdxNetwork, Hosted, HostedNetwork};
use hepml_nn::{Function, Initial, Matrix, Network, Parameters, Pass, Result, Var};

/// Sums of a few products of numbers of order 1 in f64, in another order.
const ROUNDING: f64 = 1e-13;

fn uniform(rows: usize, columns: usize, seed: u64) -> Matrix<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f64> = (0..rows * columns).map(|_| 2.0 * rng.random::<f64>() - 1.0).collect();
    Matrix::from_rows(rows, columns, &values).unwrap()
}

fn numbers(x: &Matrix<f64>) -> Vec<f64> {
    x.to_array().into_iter().collect()
}

fn assert_close(ours: &[f64], theirs: &[f64], scale: f64, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= scale * ROUNDING * (1.0 + b.abs()), "{what}: {a} {b}");
    }
}

/// y = f(x, w) and the gradients of sum(y factor) by x and w, on our tape.
fn ours(
    [x, w, factor]: [&Matrix<f64>; 3],
    f: impl Fn(&mut hepml_nn::Tape<f64>, Var, Var) -> Result<Var>,
) -> [Vec<f64>; 3] {
    let parameters = Arc::new(Parameters::new());
    let mut gradients = hepml_nn::Gradients::zeros(&parameters);
    let mut tape = hepml_nn::Tape::new();
    tape.begin(&parameters);
    let (x, w) = (tape.input(x.view()), tape.input(w.view()));
    let y = f(&mut tape, x, w).unwrap();
    let factor = tape.constant(factor.view());
    let product = tape.mul(y, factor).unwrap();
    let loss = tape.sum(product).unwrap();
    tape.backward(loss, &mut gradients).unwrap();
    [
        numbers(&tape.value(y).unwrap().to_matrix()),
        numbers(&tape.gradient(x).unwrap().unwrap().to_matrix()),
        numbers(&tape.gradient(w).unwrap().unwrap().to_matrix()),
    ]
}

fn tensor<const R: usize, const C: usize>(x: &Matrix<f64>) -> Tensor<Rank2<R, C>, f64, Cpu> {
    Cpu::default().tensor_from_vec(numbers(x), (Const::<R>, Const::<C>))
}

#[test]
fn dense_layers_agree() {
    let (x, w, factor) = (uniform(5, 4, 1), uniform(4, 3, 2), uniform(5, 3, 3));
    let [y, gx, gw] = ours([&x, &w, &factor], |tape, x, w| tape.dense(x, w, None, Some(Function::Tanh)));
    let (tx, tw) = (tensor::<5, 4>(&x), tensor::<4, 3>(&w));
    let ty = tx.leaky_trace().matmul(tw.clone()).tanh();
    assert_close(&y, &ty.as_vec(), 1.0, "dense");
    let found = (ty * tensor::<5, 3>(&factor)).sum().backward();
    assert_close(&gx, &found.get(&tx).as_vec(), 1.0, "dense by x");
    assert_close(&gw, &found.get(&tw).as_vec(), 1.0, "dense by w");
}

#[test]
fn softmax_and_normalisation_agree() {
    let (x, w, factor) = (uniform(5, 4, 4), uniform(4, 3, 5), uniform(5, 3, 6));
    let epsilon = 1e-5;
    let [y, gx, gw] = ours([&x, &w, &factor], |tape, x, w| {
        let z = tape.matmul(x, w)?;
        let z = tape.softmax(z)?;
        tape.layer_norm(z, epsilon)
    });
    let (tx, tw) = (tensor::<5, 4>(&x), tensor::<4, 3>(&w));
    let ty = tx.leaky_trace().matmul(tw.clone()).softmax::<Axis<1>>().normalize::<Axis<1>>(epsilon);
    // Normalising magnifies: by one over the spread of three probabilities, at most 1/sqrt(epsilon), twice in gradients.
    let scale = 1.0 / epsilon;
    assert_close(&y, &ty.as_vec(), scale, "normalised softmax");
    let found = (ty * tensor::<5, 3>(&factor)).sum().backward();
    assert_close(&gx, &found.get(&tx).as_vec(), scale, "normalised softmax by x");
    assert_close(&gw, &found.get(&tw).as_vec(), scale, "normalised softmax by w");
}

#[test]
fn attention_agrees() {
    // softmax(q q^T/sqrt 3) q with q = x w: one head over five particles; queries, keys and values are the same.
    let (x, w, factor) = (uniform(5, 4, 7), uniform(4, 3, 8), uniform(5, 3, 9));
    let scale = 1.0 / 3.0_f64.sqrt();
    let [y, gx, gw] = ours([&x, &w, &factor], |tape, x, w| {
        let q = tape.matmul(x, w)?;
        let k = tape.transpose(q)?;
        let logits = tape.matmul(q, k)?;
        let logits = tape.affine(logits, scale, 0.0)?;
        let attention = tape.softmax(logits)?;
        tape.matmul(attention, q)
    });
    let (tx, tw) = (tensor::<5, 4>(&x), tensor::<4, 3>(&w));
    let project = || tx.leaky_trace().matmul(tw.clone());
    let attention = (project().matmul(project().permute::<_, Axes2<1, 0>>()) * scale).softmax::<Axis<1>>();
    let ty = attention.matmul(project());
    assert_close(&y, &ty.as_vec(), 1.0, "attention");
    let found = (ty * tensor::<5, 3>(&factor)).sum().backward();
    assert_close(&gx, &found.get(&tx).as_vec(), 1.0, "attention by x");
    assert_close(&gw, &found.get(&tw).as_vec(), 1.0, "attention by w");
}

type Layers = (Linear<3, 8>, Tanh, Linear<8, 1>);

/// The same network on our tape: weights of dfdx are [outputs, inputs].
fn by_hand(tape: &mut hepml_nn::Tape<f64>, x: Var, tensors: &[Var]) -> Result<Var> {
    let w = tape.reshape(tensors[0], 8, 3)?;
    let w = tape.transpose(w)?;
    let h = tape.dense(x, w, Some(tensors[1]), Some(Function::Tanh))?;
    let w = tape.transpose(tensors[2])?;
    tape.dense(h, w, Some(tensors[3]), None)
}

#[test]
fn a_module_is_a_network() {
    let module = Cpu::seed_from_u64(3).build_module::<Layers, f64>();
    let mut parameters = Parameters::<f64>::new();
    let network = DfdxNetwork::<_, f64, 3, 1>::new(&mut parameters, "guest", module).unwrap();
    assert_eq!(parameters.size(), 3 * 8 + 8 + 8 + 1);
    let parameters = Arc::new(parameters);
    let x = uniform(6, 3, 10);
    let mut found = Vec::new();
    for guest in [true, false] {
        let mut gradients = hepml_nn::Gradients::zeros(&parameters);
        let mut tape = hepml_nn::Tape::new();
        tape.begin(&parameters);
        let input = tape.input(x.view());
        let y = if guest {
            network.forward(&mut Pass::evaluation(&mut tape), &input).unwrap()
        } else {
            let tensors: Vec<Var> = parameters.ids().map(|id| tape.parameter(id).unwrap()).collect();
            by_hand(&mut tape, input, &tensors).unwrap()
        };
        let squares = tape.mul(y, y).unwrap();
        let loss = tape.sum(squares).unwrap();
        tape.backward(loss, &mut gradients).unwrap();
        let mut all = numbers(&tape.value(y).unwrap().to_matrix());
        all.extend(numbers(&tape.gradient(input).unwrap().unwrap().to_matrix()));
        for id in parameters.ids() {
            all.extend(numbers(&gradients.value(&parameters, id).unwrap().to_matrix()));
        }
        found.push(all);
    }
    assert_close(&found[0], &found[1], 1.0, "a dfdx module on our tape");
    // What went in comes out again.
    let again = network.module(&parameters).unwrap();
    let mut twice = Parameters::<f64>::new();
    DfdxNetwork::<_, f64, 3, 1>::new(&mut twice, "guest", again).unwrap();
    assert_eq!(twice, *parameters);
    // Another number of inputs is an error.
    let mut tape = hepml_nn::Tape::new();
    tape.begin(&parameters);
    let wrong = tape.input(uniform(6, 2, 1).view());
    let error = network.forward(&mut Pass::evaluation(&mut tape), &wrong).unwrap_err().to_string();
    assert_eq!(error, "columns for a dfdx module: expected 3, got 2");
    // There is no tangent, and that is said.
    let input = tape.input(x.view());
    let y = network.forward(&mut Pass::evaluation(&mut tape), &input).unwrap();
    let error = tape.tangent(y, &[(input, input)]).unwrap_err().to_string();
    assert_eq!(error, "a dfdx module has no tangent");
}

/// Two layers of ours.
struct Ours;

struct TwoLayers(hepml_nn::Dense, hepml_nn::Dense);

impl<T: hepml_nn::Scalar> Network<T> for TwoLayers {
    type Input = Matrix<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, x: &Var) -> Result<Var> {
        let h = self.0.forward(pass, *x)?;
        self.1.forward(pass, h)
    }
}

impl Hosted for Ours {
    type Network = TwoLayers;

    fn build<T: hepml_nn::Scalar>(
        parameters: &mut Parameters<T>,
        rng: &mut dyn hepml_core::rand::Rng,
    ) -> Result<TwoLayers> {
        let mut dense = |name: &str, shape: [usize; 2]| {
            let (activation, initial) = (Some(Function::Tanh), Initial::GlorotUniform);
            hepml_nn::Dense::new(parameters, name, shape, activation, initial, rng)
        };
        Ok(TwoLayers(dense("0", [3, 8])?, dense("1", [8, 4])?))
    }
}

const SIZE: usize = 3 * 8 + 8 + 8 * 4 + 4;

#[test]
fn our_network_is_trained_by_dfdx() {
    // Our network, then a layer of dfdx, towards |x|²: dfdx's Adam has to move both.
    type Model = (HostedNetwork<Ours, 3, 4, SIZE, f64, Cpu>, Linear<4, 1>);
    let device = Cpu::seed_from_u64(5);
    let mut model = device.build_module::<Model, f64>();
    let before = model.0.numbers.as_vec();
    assert!(before.iter().any(|x| *x != 0.0));
    let x = uniform(64, 3, 11);
    let y: Vec<f64> = (0..64).map(|row| x.row(row).iter().map(|x| x * x).sum()).collect();
    let inputs: Tensor<(usize, Const<3>), f64, Cpu> = device.tensor_from_vec(numbers(&x), (64, Const));
    let targets: Tensor<(usize, Const<1>), f64, Cpu> = device.tensor_from_vec(y, (64, Const));
    let mut adam = Adam::new(&model, AdamConfig { lr: 2e-2, ..AdamConfig::default() });
    let mut gradients = model.alloc_grads();
    let mut losses = Vec::new();
    for _ in 0..1000 {
        let prediction = model.forward(inputs.clone().traced(gradients));
        let loss = (prediction - targets.clone()).square().mean();
        losses.push(loss.as_vec()[0]);
        gradients = loss.backward();
        adam.update(&mut model, &gradients).unwrap();
        model.zero_grads(&mut gradients);
    }
    // The variance of |x|² is 3 * 4/45: a constant leaves that much.
    assert!(losses[999] < 0.1 * 3.0 * 4.0 / 45.0, "{} {}", losses[0], losses[999]);
    assert!(before.iter().zip(model.0.numbers.as_vec()).all(|(a, b)| *a != b));
}

#[test]
fn hosted_gradients_are_those_of_finite_differences() {
    let device = Cpu::seed_from_u64(6);
    let model = device.build_module::<HostedNetwork<Ours, 3, 4, SIZE, f64, Cpu>, f64>();
    let (x, factor) = (uniform(2, 3, 12), uniform(2, 4, 13));
    let factor: Tensor<(usize, Const<4>), f64, Cpu> = device.tensor_from_vec(numbers(&factor), (2, Const));
    let inputs: Tensor<(usize, Const<3>), f64, Cpu> = device.tensor_from_vec(numbers(&x), (2, Const));
    let found = (model.forward(inputs.leaky_trace()) * factor.clone()).sum().backward();
    hepml_core::testing::check_gradient(
        |x| {
            let x: Tensor<(usize, Const<3>), f64, Cpu> = device.tensor_from_vec(x.to_vec(), (2, Const));
            Ok::<f64, hepml_nn::Error>((model.forward(x) * factor.clone()).sum::<Rank0, _>().as_vec()[0])
        },
        &found.get(&inputs).as_vec(),
        &numbers(&x),
        0.1,
        1e-9,
    )
    .unwrap();
    hepml_core::testing::check_gradient(
        |numbers| {
            let mut model = model.clone();
            model.numbers.copy_from(numbers);
            Ok::<f64, hepml_nn::Error>(
                (model.forward(inputs.clone()) * factor.clone()).sum::<Rank0, _>().as_vec()[0],
            )
        },
        &found.get(&model.numbers).as_vec(),
        &model.numbers.as_vec(),
        0.1,
        1e-9,
    )
    .unwrap();
}
