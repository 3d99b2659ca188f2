//! Losses with derivatives of networks by their inputs: gradients against finite differences and against dual numbers, and
//! what such losses are for.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::Arc;

use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::testing::check_gradient;
use hepml_nn::{
    Function, Gradients, Initial, Inputs, Matrix, Mlp, Network, Objective, Parameters, Pass, Result,
    Schedule, StackConfig, Tape, TrainingConfig, Var,
};
use num_dual::{Dual, Dual2, Dual64, DualNum};

/// A perceptron with all its parameters drawn within ± 1.
fn some_network(inputs: usize, widths: &[usize], outputs: usize, f: Function) -> (Mlp, Parameters<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    let mut parameters = Parameters::new();
    let hidden = StackConfig::new(widths).activation(f);
    let network = Mlp::new(&mut parameters, "mlp", inputs, &hidden, outputs, &mut rng).unwrap();
    for id in parameters.ids() {
        let (rows, columns) = parameters.value(id).unwrap().shape();
        let values: Vec<f64> = (0..rows * columns).map(|_| 2.0 * rng.random::<f64>() - 1.0).collect();
        parameters.set(id, &Matrix::from_rows(rows, columns, &values).unwrap()).unwrap();
    }
    (network, parameters)
}

fn numbers(parameters: &Parameters<f64>) -> Vec<f64> {
    parameters.ids().flat_map(|id| parameters.value(id).unwrap().to_array().into_iter()).collect()
}

fn with_numbers(parameters: &Parameters<f64>, numbers: &[f64]) -> Parameters<f64> {
    let mut changed = parameters.clone();
    let mut rest = numbers;
    for id in parameters.ids() {
        let (rows, columns) = parameters.value(id).unwrap().shape();
        let (these, others) = rest.split_at(rows * columns);
        changed.set(id, &Matrix::from_rows(rows, columns, these).unwrap()).unwrap();
        rest = others;
    }
    changed
}

/// The value of a loss of the outputs for these inputs, and its gradients by all parameters and by the inputs.
fn differentiate(
    network: &Mlp,
    parameters: &Parameters<f64>,
    x: &Matrix<f64>,
    loss: impl Fn(&mut Pass<'_, f64>, Var, Var) -> Result<Var>,
) -> (f64, Vec<f64>, Vec<f64>) {
    let parameters = Arc::new(parameters.clone());
    let mut gradients = Gradients::zeros(&parameters);
    let mut tape = Tape::new();
    tape.begin(&parameters);
    let mut pass = Pass::evaluation(&mut tape);
    let input = x.record(&mut pass, true).unwrap();
    let output = network.forward(&mut pass, &input).unwrap();
    let loss = loss(&mut pass, input, output).unwrap();
    let value = pass.value(loss).unwrap().scalar().unwrap();
    pass.backward(loss, &mut gradients).unwrap();
    let by_inputs = pass.gradient(input).unwrap().unwrap().to_array().into_iter().collect();
    let by_parameters = parameters
        .ids()
        .flat_map(|id| gradients.value(&parameters, id).unwrap().to_array().into_iter())
        .collect();
    (value, by_parameters, by_inputs)
}

/// The direction of one input, for all events.
fn unit(pass: &mut Pass<'_, f64>, shape: (usize, usize), input: usize) -> Var {
    let mut direction = Matrix::zeros(shape.0, shape.1);
    (0..shape.0).for_each(|row| direction.row_mut(row)[input] = 1.0);
    pass.constant(direction.view())
}

/// The weights c_ij of the squares of d^(i+j) N/dx^i dy^j in the loss.
const WEIGHTS: [[f64; 3]; 3] = [[1.0, 0.7, 0.5], [0.9, 0.4, 0.3], [0.6, 0.2, 0.1]];

/// sum_ij c_ij (d^(i+j) N/dx^i dy^j)², summed over events: all derivatives up to the second in each input, mixed ones up to
/// the fourth order.
fn loss_of_derivatives(pass: &mut Pass<'_, f64>, input: Var, output: Var) -> Result<Var> {
    let shape = pass.shape(input)?;
    let [along_x, along_y] = [0, 1].map(|k| unit(pass, shape, k));
    let mut loss = None;
    let mut by_x = output;
    for (i, weights) in WEIGHTS.iter().enumerate() {
        if i > 0 {
            by_x = pass.tangent(by_x, &[(input, along_x)])?;
        }
        let mut derivative = by_x;
        for (j, &weight) in weights.iter().enumerate() {
            if j > 0 {
                derivative = pass.tangent(derivative, &[(input, along_y)])?;
            }
            let square = pass.mul(derivative, derivative)?;
            let square = pass.sum(square)?;
            let term = pass.affine(square, weight, 0.0)?;
            loss = Some(match loss {
                Some(sum) => pass.add(sum, term)?,
                None => term,
            });
        }
    }
    Ok(loss.expect("there are terms"))
}

/// The same perceptron by hand, for any numbers.
fn by_hand<D: DualNum<Primitive = f64> + Copy>(widths: &[usize], f: Function, theta: &[D], x: [D; 2]) -> D {
    let activation = |x: D| match f {
        Function::Tanh => x.tanh(),
        Function::Sigmoid => ((-x).exp() + 1.0).recip(),
        Function::Softplus => (x.exp() + 1.0).ln(),
        Function::Silu => x * ((-x).exp() + 1.0).recip(),
        Function::Sin => x.sin(),
        f => panic!("{f:?} is not written here"),
    };
    let mut values = x.to_vec();
    let mut rest = theta;
    for (layer, &width) in widths.iter().chain([&1]).enumerate() {
        let (weights, others) = rest.split_at(values.len() * width);
        let (bias, others) = others.split_at(width);
        rest = others;
        values = (0..width)
            .map(|k| {
                let terms = values.iter().enumerate().map(|(i, v)| *v * weights[i * width + k]);
                let sum = terms.fold(bias[k], |sum, term| sum + term);
                if layer < widths.len() { activation(sum) } else { sum }
            })
            .collect();
    }
    assert!(rest.is_empty());
    values[0]
}

/// Of the second order in x, of the second order in y within that, and of the first order in one parameter within that.
type Nested = Dual2<Dual2<Dual64>>;

fn constant(value: Dual64) -> Nested {
    Dual2::from_re(Dual2::from_re(value))
}

/// The loss and its derivative by the variable at `index` (parameters, then inputs), by nested dual numbers.
fn by_duals(widths: &[usize], f: Function, theta: &[f64], x: &[f64], index: usize) -> (f64, f64) {
    let dual = |value: f64, place: usize| Dual::new(value, if place == index { 1.0 } else { 0.0 });
    let weights: Vec<Nested> = theta.iter().enumerate().map(|(k, t)| constant(dual(*t, k))).collect();
    let (mut loss, mut slope) = (0.0, 0.0);
    for (event, x) in x.chunks(2).enumerate() {
        let place = theta.len() + 2 * event;
        let mut first = constant(dual(x[0], place));
        first.v1 = Dual2::from_re(Dual::from_re(1.0));
        let mut second = constant(dual(x[1], place + 1));
        second.re.v1 = Dual::from_re(1.0);
        let n = by_hand(widths, f, &weights, [first, second]);
        for (n, weights) in [n.re, n.v1, n.v2].into_iter().zip(WEIGHTS) {
            for (n, weight) in [n.re, n.v1, n.v2].into_iter().zip(weights) {
                loss += weight * n.re * n.re;
                slope += 2.0 * weight * n.re * n.eps;
            }
        }
    }
    (loss, slope)
}

#[test]
fn gradients_of_losses_with_derivatives_are_those_of_dual_numbers() {
    // Rounding of sums of about a hundred terms of alternating sign.
    const BY_DUALS: f64 = 1e-11;
    // What differences of such losses leave after extrapolation.
    const BY_DIFFERENCES: f64 = 1e-8;
    let widths = [5, 4];
    let x = [0.3, -0.8, 1.1, 0.4, -0.5, 0.2];
    let input = Matrix::from_rows(3, 2, &x).unwrap();
    let smooth = [Function::Tanh, Function::Sigmoid, Function::Softplus, Function::Silu, Function::Sin];
    for f in smooth {
        let (network, parameters) = some_network(2, &widths, 1, f);
        let (value, by_parameters, by_inputs) =
            differentiate(&network, &parameters, &input, loss_of_derivatives);
        let theta = numbers(&parameters);
        let gradient: Vec<f64> = by_parameters.iter().chain(&by_inputs).copied().collect();
        let scale = gradient.iter().fold(value, |m, g| m.max(g.abs()));
        for (index, got) in gradient.iter().enumerate() {
            let (loss, slope) = by_duals(&widths, f, &theta, &x, index);
            assert!((value - loss).abs() < BY_DUALS * scale, "{f:?}: {value} {loss}");
            assert!((got - slope).abs() < BY_DUALS * scale, "{f:?}, {index}: {got} {slope}");
        }
        let of_parameters = |theta: &[f64]| {
            let parameters = with_numbers(&parameters, theta);
            Ok::<_, hepml_nn::Error>(differentiate(&network, &parameters, &input, loss_of_derivatives).0)
        };
        check_gradient(of_parameters, &by_parameters, &theta, 0.02, BY_DIFFERENCES * scale).unwrap();
        let of_inputs = |x: &[f64]| {
            let x = Matrix::from_rows(3, 2, x)?;
            Ok::<_, hepml_nn::Error>(differentiate(&network, &parameters, &x, loss_of_derivatives).0)
        };
        check_gradient(of_inputs, &by_inputs, &x, 0.02, BY_DIFFERENCES * scale).unwrap();
    }
}

/// The trace of the Jacobian of a field, [events, 1]: dv_k/dx_k along each unit vector, summed.
fn trace(pass: &mut Pass<'_, f64>, x: Var, field: Var) -> Result<Var> {
    let shape = pass.shape(x)?;
    let mut trace = None;
    for k in 0..shape.1 {
        let direction = unit(pass, shape, k);
        let tangent = pass.tangent(field, &[(x, direction)])?;
        let diagonal = pass.columns(tangent, k..k + 1)?;
        trace = Some(match trace {
            Some(sum) => pass.add(sum, diagonal)?,
            None => diagonal,
        });
    }
    Ok(trace.expect("there are inputs"))
}

#[test]
fn traces_of_jacobians_are_exact_and_can_be_learned_from() {
    let (network, parameters) = some_network(3, &[6], 3, Function::Silu);
    let points = [0.2, -0.7, 1.3, -1.1, 0.5, 0.1];
    let x = Matrix::from_rows(2, 3, &points).unwrap();
    // The sum over events of component k of the field.
    let component = |points: &[f64], k: usize| {
        let x = Matrix::from_rows(2, 3, points).unwrap();
        differentiate(&network, &parameters, &x, |pass, _, v| {
            let v = pass.columns(v, k..k + 1)?;
            pass.sum(v)
        })
        .0
    };
    let mut tape = Tape::new();
    tape.begin(&Arc::new(parameters.clone()));
    let mut pass = Pass::evaluation(&mut tape);
    let input = x.record(&mut pass, false).unwrap();
    let field = network.forward(&mut pass, &input).unwrap();
    let traces = trace(&mut pass, input, field).unwrap();
    let traces = pass.value(traces).unwrap().to_array();
    for event in 0..2 {
        let mut expected = 0.0;
        for k in 0..3 {
            // A central difference with one extrapolation: an error of order step^4.
            let difference = |step: f64| {
                let moved = |step: f64| {
                    let mut points = points;
                    points[3 * event + k] += step;
                    component(&points, k)
                };
                (moved(step) - moved(-step)) / (2.0 * step)
            };
            expected += (4.0 * difference(1e-3) - difference(2e-3)) / 3.0;
        }
        assert!((traces[[event, 0]] - expected).abs() < 1e-9, "{} {expected}", traces[[event, 0]]);
    }
    let squares = |pass: &mut Pass<'_, f64>, input: Var, output: Var| {
        let trace = trace(pass, input, output)?;
        let square = pass.mul(trace, trace)?;
        pass.sum(square)
    };
    let (value, gradient, _) = differentiate(&network, &parameters, &x, squares);
    let scale = gradient.iter().fold(value, |m, g| m.max(g.abs()));
    let of_parameters = |theta: &[f64]| {
        let parameters = with_numbers(&parameters, theta);
        Ok::<_, hepml_nn::Error>(differentiate(&network, &parameters, &x, squares).0)
    };
    check_gradient(of_parameters, &gradient, &numbers(&parameters), 0.05, 1e-9 * scale).unwrap();
}

/// The squares of the errors of a network's value and of its derivative by one of its inputs, each with a weight
/// (RASCAL, arXiv:1805.00020, is of this kind).
struct WithSlope<'a> {
    network: &'a Mlp,
    inputs: Matrix<f64>,
    /// Values and slopes.
    targets: Matrix<f64>,
    /// By which input the slope is.
    input: usize,
    weights: [f64; 2],
}

impl Objective<f64> for WithSlope<'_> {
    type Workspace = [Matrix<f64>; 2];

    fn count(&self) -> usize {
        self.inputs.rows()
    }

    fn cost(&self, _: usize) -> usize {
        1
    }

    fn loss(
        &self,
        pass: &mut Pass<'_, f64>,
        [inputs, targets]: &mut Self::Workspace,
        events: &[usize],
    ) -> Result<Var> {
        inputs.select_from(&self.inputs, events)?;
        targets.select_from(&self.targets, events)?;
        let x = inputs.record(pass, false)?;
        let value = self.network.forward(pass, &x)?;
        let direction = unit(pass, inputs.shape(), self.input);
        let slope = pass.tangent(value, &[(x, direction)])?;
        let got = pass.concat(&[value, slope])?;
        let targets = pass.constant(targets.view());
        let error = pass.sub(got, targets)?;
        let weights = pass.constant(Matrix::from_rows(1, 2, &self.weights)?.view());
        let square = pass.mul(error, error)?;
        let square = pass.mul(square, weights)?;
        pass.sum(square)
    }
}

/// What the network gives at some points.
fn evaluate(network: &Mlp, parameters: &Parameters<f64>, x: &Matrix<f64>) -> Vec<f64> {
    let mut tape = Tape::new();
    tape.begin(&Arc::new(parameters.clone()));
    let mut pass = Pass::evaluation(&mut tape);
    let y = network.evaluate(&mut pass, x).unwrap();
    pass.value(y).unwrap().to_array().into_iter().collect()
}

fn fresh_network(inputs: usize, width: usize, rng: &mut ChaCha8Rng) -> (Mlp, Parameters<f64>) {
    let hidden = StackConfig::new([width, width]).activation(Function::Tanh).initial(Initial::GlorotUniform);
    let mut parameters = Parameters::new();
    let network = Mlp::new(&mut parameters, "mlp", inputs, &hidden, 1, rng).unwrap();
    (network, parameters)
}

/// ln r = theta x - theta²/2 of N(theta, 1) over N(0, 1), learned at few points, with and without its score x - theta.
#[test]
fn scores_help_to_learn_ratios() {
    // Measured: the mean squared error falls by factors of 3.7 to 9.6, over 5 seeds and trainings of 300 to 1200 epochs; here by
    // 6.5.
    const MARGIN: f64 = 3.0;
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut points = |count: usize| {
        let rows: Vec<f64> = (0..2 * count).map(|_| 4.0 * rng.random::<f64>() - 2.0).collect();
        let targets: Vec<f64> =
            rows.chunks(2).flat_map(|p| [p[1] * p[0] - 0.5 * p[1] * p[1], p[0] - p[1]]).collect();
        (Matrix::from_rows(count, 2, &rows).unwrap(), Matrix::from_rows(count, 2, &targets).unwrap())
    };
    let (inputs, targets) = points(40);
    let (test, truth) = points(1000);
    let error = |score: f64| {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let (network, parameters) = fresh_network(2, 20, &mut rng);
        let (inputs, targets) = (inputs.clone(), targets.clone());
        let objective = WithSlope { network: &network, inputs, targets, input: 1, weights: [1.0, score] };
        let training =
            TrainingConfig::new().epochs(300).batch_size(20).rate(1e-2).schedule(Schedule::cosine());
        let trained = training.train(parameters, &objective, None, &mut rng, &mut ()).unwrap();
        let got = evaluate(&network, &trained.parameters, &test);
        got.iter().enumerate().map(|(i, y)| (y - truth.row(i)[0]).powi(2)).sum::<f64>() / got.len() as f64
    };
    let (without, with) = (error(0.0), error(1.0));
    assert!(with * MARGIN < without, "{without} without scores, {with} with");
}

/// A network whose derivative is fitted to f is a primitive of f (as for loop integrals, arXiv:2211.02834).
#[test]
fn networks_can_be_primitives() {
    // Measured: at most 0.0007, where dF/dx is within 0.02 of f.
    const TOLERANCE: f64 = 0.005;
    let f = |x: f64| (3.0 * x).sin() + x;
    let integral = |a: f64, b: f64| ((3.0 * a).cos() - (3.0 * b).cos()) / 3.0 + 0.5 * (b * b - a * a);
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let (network, parameters) = fresh_network(1, 16, &mut rng);
    let count = 120;
    let points: Vec<f64> = (0..count).map(|k| -1.0 + 3.0 * f64::from(k) / f64::from(count - 1)).collect();
    let inputs = Matrix::from_rows(points.len(), 1, &points).unwrap();
    let targets: Vec<f64> = points.iter().flat_map(|x| [0.0, f(*x)]).collect();
    let targets = Matrix::from_rows(points.len(), 2, &targets).unwrap();
    let objective = WithSlope { network: &network, inputs, targets, input: 0, weights: [0.0, 1.0] };
    let training = TrainingConfig::new().epochs(600).batch_size(40).rate(1e-2).schedule(Schedule::cosine());
    let trained = training.train(parameters, &objective, None, &mut rng, &mut ()).unwrap();
    for (a, b) in [(-1.0, 2.0), (-0.7, 0.1), (0.3, 1.9), (1.5, -0.4)] {
        let values = evaluate(&network, &trained.parameters, &Matrix::from_rows(2, 1, &[a, b]).unwrap());
        let (got, expected) = (values[1] - values[0], integral(a, b));
        assert!((got - expected).abs() < TOLERANCE, "from {a} to {b}: {got}, not {expected}");

        // Whatever was learned, F(b) - F(a) is the integral of dF/dx: by Simpson's rule with 600 steps.
        let steps = 600;
        let at = |k: usize| a + (b - a) * k as f64 / steps as f64;
        let x: Vec<f64> = (0..=steps).map(at).collect();
        let x = Matrix::from_rows(x.len(), 1, &x).unwrap();
        let mut tape = Tape::new();
        tape.begin(&Arc::new(trained.parameters.clone()));
        let mut pass = Pass::evaluation(&mut tape);
        let input = x.record(&mut pass, false).unwrap();
        let primitive = network.forward(&mut pass, &input).unwrap();
        let direction = unit(&mut pass, x.shape(), 0);
        let slopes = pass.tangent(primitive, &[(input, direction)]).unwrap();
        let slopes = pass.value(slopes).unwrap().to_array();
        let sum: f64 = slopes
            .iter()
            .enumerate()
            .map(|(k, slope)| {
                let end = k == 0 || k == steps;
                slope * if end { 1.0 } else { (2 + 2 * (k % 2)) as f64 }
            })
            .sum();
        let sum = sum * (b - a) / (3 * steps) as f64;
        assert!((got - sum).abs() < 1e-7, "from {a} to {b}: {got} {sum}");
    }
}
