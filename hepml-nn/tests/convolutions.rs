//! Convolutions and pooling of images: against plain loops, PyTorch's values (tools/nn_conv_reference.py),
//! finite differences and the symmetries they have.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::Arc;

use hepml_core::serde::Deserialize;
use hepml_core::testing::check_gradient;
use hepml_nn::{
    Conv2dShape, Function, Gradients, ImageShape, Matrix, Padding, ParameterId, Parameters, Pool2dShape,
    Result, Scalar, SimdLevel, Tape, Var,
};
use proptest::prelude::*;

/// A convolution with values for all it takes, and what becomes of them.
struct Case<T: Scalar> {
    shape: Conv2dShape,
    activation: Option<Function>,
    x: Matrix<T>,
    parameters: Arc<Parameters<T>>,
    weight: ParameterId,
    bias: ParameterId,
    /// The gradient by the output.
    g: Matrix<T>,
}

/// Output, and gradients by input, weights and bias.
type Outcome<T> = [Matrix<T>; 4];

fn wave(count: usize, step: f64, start: f64) -> Vec<f64> {
    (0..count).map(|i| (step * i as f64 + start).sin()).collect()
}

fn matrix<T: Scalar>(rows: usize, columns: usize, values: &[f64]) -> Matrix<T> {
    let values: Vec<T> = values.iter().map(|&x| T::from_f64(x)).collect();
    Matrix::from_rows(rows, columns, &values).unwrap()
}

fn numbers<T: Scalar>(m: &Matrix<T>) -> Vec<f64> {
    m.to_array().into_iter().collect()
}

impl<T: Scalar> Case<T> {
    fn new(shape: Conv2dShape, samples: usize, activation: Option<Function>) -> Self {
        let (inputs, outputs) = shape.weights();
        let columns = shape.input().columns();
        let mut parameters = Parameters::new();
        let w = matrix(inputs, outputs, &wave(inputs * outputs, 1.3, 0.2));
        let weight = parameters.add("weight", &w).unwrap();
        let bias = parameters.add("bias", &matrix(1, outputs, &wave(outputs, 2.1, 0.3))).unwrap();
        let x = matrix(samples, columns, &wave(samples * columns, 0.7, 0.1));
        let count = samples * shape.output().columns();
        let g: Vec<f64> = (0..count).map(|i| (0.9 * i as f64).cos()).collect();
        let g = matrix(samples, shape.output().columns(), &g);
        Self { shape, activation, x, parameters: Arc::new(parameters), weight, bias, g }
    }

    fn outcome(&self, level: SimdLevel) -> Outcome<T> {
        let mut tape = Tape::with_simd(level).unwrap();
        tape.begin(&self.parameters);
        let x = tape.input(self.x.view());
        let (weight, bias) = (tape.parameter(self.weight).unwrap(), tape.parameter(self.bias).unwrap());
        let y = tape.conv2d(x, weight, Some(bias), &self.shape, self.activation).unwrap();
        let g = tape.constant(self.g.view());
        let product = tape.mul(y, g).unwrap();
        let loss = tape.sum(product).unwrap();
        let mut gradients = Gradients::zeros(&self.parameters);
        tape.backward(loss, &mut gradients).unwrap();
        let by = |id| gradients.value(&self.parameters, id).unwrap().to_matrix();
        [
            tape.value(y).unwrap().to_matrix(),
            tape.gradient(x).unwrap().unwrap().to_matrix(),
            by(self.weight),
            by(self.bias),
        ]
    }

    /// The same by loops over everything.
    fn by_loops(&self) -> [Vec<f64>; 4] {
        let (input, output) = (self.shape.input(), self.shape.output());
        let [height, width] = self.shape.kernel();
        let (before_rows, before_columns) = match self.shape.padding() {
            Padding::Valid => (0, 0),
            _ => ((height - 1) / 2, (width - 1) / 2),
        };
        let (w, b) = (self.parameters.value(self.weight).unwrap(), self.parameters.value(self.bias).unwrap());
        let samples = self.x.rows();
        let mut y = vec![0.0; samples * output.columns()];
        let mut by_x = vec![0.0; samples * input.columns()];
        let mut by_w = vec![0.0; w.rows() * w.columns()];
        let mut by_b = vec![0.0; b.columns()];
        for sample in 0..samples {
            for o in 0..output.channels {
                for i in 0..output.height {
                    for j in 0..output.width {
                        let mut terms = Vec::new();
                        for c in 0..input.channels {
                            for k in 0..height {
                                for l in 0..width {
                                    let circular = self.shape.padding() == Padding::Circular;
                                    let at = |place: usize, before: usize, size: usize| {
                                        if circular {
                                            Some((place + before * size - before) % size)
                                        } else {
                                            place.checked_sub(before).filter(|place| *place < size)
                                        }
                                    };
                                    let row = at(i + k, before_rows, input.height);
                                    let column = at(j + l, before_columns, input.width);
                                    if let (Some(row), Some(column)) = (row, column) {
                                        let pixel = (c * input.height + row) * input.width + column;
                                        terms.push(((c * height + k) * width + l, pixel));
                                    }
                                }
                            }
                        }
                        let place = (o * output.height + i) * output.width + j;
                        let mut sum = b.row(0)[o].to_f64();
                        for &(weight, pixel) in &terms {
                            sum += w.row(weight)[o].to_f64() * self.x.row(sample)[pixel].to_f64();
                        }
                        let slope = match self.activation {
                            Some(Function::Relu) if sum <= 0.0 => 0.0,
                            Some(Function::LeakyRelu(slope)) if sum <= 0.0 => slope,
                            _ => 1.0,
                        };
                        y[sample * output.columns() + place] = slope * sum;
                        let g = slope * self.g.row(sample)[place].to_f64();
                        by_b[o] += g;
                        for &(weight, pixel) in &terms {
                            by_w[weight * w.columns() + o] += g * self.x.row(sample)[pixel].to_f64();
                            by_x[sample * input.columns() + pixel] += g * w.row(weight)[o].to_f64();
                        }
                    }
                }
            }
        }
        [y, by_x, by_w, by_b]
    }
}

/// The largest difference, over the largest number.
fn deviation(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(f64::MIN_POSITIVE, |m: f64, x| m.max(x.abs()));
    let difference = got
        .iter()
        .zip(expected)
        .fold(0.0_f64, |m, (a, b)| if (a - b).is_nan() { f64::INFINITY } else { m.max((a - b).abs()) });
    difference / scale
}

/// Shapes with every kind of padding, even and odd kernels, widths that are lines and that are not, and as many channels as
/// make tiles of every size.
fn shapes() -> impl Strategy<Value = (Conv2dShape, usize, Option<Function>)> {
    let padding = prop::sample::select(vec![Padding::Zero, Padding::Circular, Padding::Valid]);
    let width = prop_oneof![1..12_usize, Just(8), Just(16), Just(32), 13..40_usize];
    let activation = prop::sample::select(vec![None, Some(Function::Relu), Some(Function::LeakyRelu(0.1))]);
    ((1..4_usize, 1..10_usize, width), 1..20_usize, [1..6_usize, 1..6_usize], padding, 1..6_usize, activation)
        .prop_map(|((channels, height, width), outputs, kernel, padding, samples, activation)| {
            let input = ImageShape::new(channels, height, width);
            let kernel = match padding {
                Padding::Valid => [kernel[0].min(height), kernel[1].min(width)],
                _ => kernel,
            };
            (Conv2dShape::new(input, outputs, kernel, padding).unwrap(), samples, activation)
        })
}

/// Sums of at most 3 25 16 terms of order 1, or of 5 10 40 ones, over results of that order.
const ROUNDING: f64 = 1e-12;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn convolutions_are_their_sums((shape, samples, activation) in shapes()) {
        let case = Case::<f64>::new(shape, samples, activation);
        let expected = case.by_loops();
        for level in SimdLevel::available() {
            for (got, expected) in case.outcome(level).iter().zip(&expected) {
                prop_assert!(deviation(&numbers(got), expected) < ROUNDING, "{level:?} {shape:?}");
            }
        }
    }

    #[test]
    fn levels_with_fused_sums_agree_bit_for_bit((shape, samples, activation) in shapes()) {
        fn check<T: Scalar>(shape: Conv2dShape, samples: usize, activation: Option<Function>) -> Result<(), TestCaseError> {
            let case = Case::<T>::new(shape, samples, activation);
            let outcomes: Vec<_> = SimdLevel::available()
                .into_iter()
                .filter(|level| *level != SimdLevel::Portable)
                .map(|level| case.outcome(level))
                .collect();
            for pair in outcomes.windows(2) {
                prop_assert_eq!(&pair[0], &pair[1]);
            }
            Ok(())
        }
        check::<f32>(shape, samples, activation)?;
        check::<f64>(shape, samples, activation)?;
    }

    #[test]
    fn circular_convolutions_commute_with_translations(
        (height, width) in (1..9_usize, 1..20_usize),
        kernel in [1..5_usize, 1..5_usize],
        (down, right) in (0..9_usize, 0..20_usize),
        channels in 1..4_usize,
        outputs in 1..6_usize,
    ) {
        let shape = Conv2dShape::new(ImageShape::new(channels, height, width), outputs, kernel, Padding::Circular).unwrap();
        let mut case = Case::<f64>::new(shape, 2, Some(Function::Relu));
        let before = case.outcome(SimdLevel::Portable);
        case.x = translated(&case.x, shape.input(), down, right);
        case.g = translated(&case.g, shape.output(), down, right);
        let after = case.outcome(SimdLevel::Portable);
        // Each pixel is the same sum of the same numbers in the same order.
        prop_assert_eq!(&translated(&before[0], shape.output(), down, right), &after[0]);
        prop_assert_eq!(&translated(&before[1], shape.input(), down, right), &after[1]);
        // These sum over pixels in another order.
        prop_assert!(deviation(&numbers(&after[2]), &numbers(&before[2])) < ROUNDING);
        prop_assert!(deviation(&numbers(&after[3]), &numbers(&before[3])) < ROUNDING);
    }
}

fn translated<T: Scalar>(images: &Matrix<T>, shape: ImageShape, down: usize, right: usize) -> Matrix<T> {
    let mut moved = Matrix::zeros(images.rows(), images.columns());
    for sample in 0..images.rows() {
        for c in 0..shape.channels {
            for i in 0..shape.height {
                for j in 0..shape.width {
                    let to = (c * shape.height + (i + down) % shape.height) * shape.width
                        + (j + right) % shape.width;
                    moved.row_mut(sample)[to] = images.row(sample)[(c * shape.height + i) * shape.width + j];
                }
            }
        }
    }
    moved
}

#[test]
fn a_sample_does_not_depend_on_the_others() {
    let shape = Conv2dShape::new(ImageShape::new(2, 8, 8), 8, [3, 3], Padding::Circular).unwrap();
    let many = Case::<f32>::new(shape, 7, None);
    let mut one = Case::<f32>::new(shape, 1, None);
    let level = *SimdLevel::available().last().unwrap();
    let together = many.outcome(level);
    for sample in 0..7 {
        one.x.row_mut(0).copy_from_slice(many.x.row(sample));
        one.g.row_mut(0).copy_from_slice(many.g.row(sample));
        let alone = one.outcome(level);
        assert_eq!(alone[0].row(0), together[0].row(sample));
        assert_eq!(alone[1].row(0), together[1].row(sample));
    }
}

#[derive(Deserialize)]
#[serde(crate = "hepml_core::serde")]
struct Reference {
    torch: String,
    convolutions: Vec<Convolution>,
    poolings: Vec<Pooling>,
}

#[derive(Deserialize)]
#[serde(crate = "hepml_core::serde")]
struct Convolution {
    image: [usize; 3],
    samples: usize,
    outputs: usize,
    kernel: [usize; 2],
    padding: Padding,
    slope: f64,
    y: Vec<f64>,
    by_x: Vec<f64>,
    by_weight: Vec<f64>,
    by_bias: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(crate = "hepml_core::serde")]
struct Pooling {
    image: [usize; 3],
    samples: usize,
    window: [usize; 2],
    kind: String,
    y: Vec<f64>,
    by_x: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/convolutions.json")).unwrap()
}

#[test]
fn convolutions_are_those_of_torch() {
    let reference = reference();
    for case in &reference.convolutions {
        let [channels, height, width] = case.image;
        let input = ImageShape::new(channels, height, width);
        let shape = Conv2dShape::new(input, case.outputs, case.kernel, case.padding).unwrap();
        let activation = match case.slope {
            1.0 => None,
            0.0 => Some(Function::Relu),
            slope => Some(Function::LeakyRelu(slope)),
        };
        let ours = Case::<f64>::new(shape, case.samples, activation);
        for level in SimdLevel::available() {
            let got = ours.outcome(level);
            for (got, expected) in got.iter().zip([&case.y, &case.by_x, &case.by_weight, &case.by_bias]) {
                let off = deviation(&numbers(got), expected);
                assert!(off < ROUNDING, "{level:?} {shape:?}, torch {}: {off:e}", reference.torch);
            }
        }
    }
}

#[test]
fn poolings_are_those_of_torch() {
    for case in reference().poolings {
        let [channels, height, width] = case.image;
        let shape = Pool2dShape::new(ImageShape::new(channels, height, width), case.window).unwrap();
        let columns = shape.input().columns();
        let mut tape = Tape::<f64>::new();
        let x = matrix(case.samples, columns, &wave(case.samples * columns, 0.7, 0.1));
        let x = tape.input(x.view());
        let y = match case.kind.as_str() {
            "max" => tape.max_pool(x, &shape),
            _ => tape.mean_pool(x, &shape),
        }
        .unwrap();
        assert!(deviation(&numbers(&tape.value(y).unwrap().to_matrix()), &case.y) < ROUNDING);
        let (rows, columns) = tape.shape(y).unwrap();
        let g: Vec<f64> = (0..rows * columns).map(|i| (0.9 * i as f64).cos()).collect();
        let g = tape.constant(matrix(rows, columns, &g).view());
        let product = tape.mul(y, g).unwrap();
        let loss = tape.sum(product).unwrap();
        tape.backward(loss, &mut Gradients::zeros(&Parameters::new())).unwrap();
        let by_x = tape.gradient(x).unwrap().unwrap().to_matrix();
        assert!(deviation(&numbers(&by_x), &case.by_x) < ROUNDING);
    }
}

type Build = fn(&mut Tape<f64>, Var, Var, Var) -> Result<Var>;

const IMAGE: [usize; 3] = [2, 3, 4];
const KERNEL: [usize; 2] = [2, 3];
const OUTPUTS: usize = 2;

fn conv(padding: Padding) -> Conv2dShape {
    let [channels, height, width] = IMAGE;
    Conv2dShape::new(ImageShape::new(channels, height, width), OUTPUTS, KERNEL, padding).unwrap()
}

/// Results of images [2, 2 3 4], weights [12, 2] and a bias [1, 2].
const OPERATIONS: &[(&str, Build)] = &[
    ("circular", |t, x, w, b| {
        let y = t.conv2d(x, w, Some(b), &conv(Padding::Circular), Some(Function::Tanh))?;
        // The operands twice, and results that depend on both ways.
        let y = t.conv2d(y, w, Some(b), &conv(Padding::Circular), None)?;
        t.mul(y, x)
    }),
    ("zero", |t, x, w, b| t.conv2d(x, w, Some(b), &conv(Padding::Zero), Some(Function::LeakyRelu(0.2)))),
    ("valid", |t, x, w, _| {
        let y = t.conv2d(x, w, None, &conv(Padding::Valid), Some(Function::Silu))?;
        t.mul(y, y)
    }),
    ("rectified", |t, x, w, b| {
        let squares = t.mul(x, x)?;
        t.conv2d(squares, w, Some(b), &conv(Padding::Circular), Some(Function::Relu))
    }),
    // Nothing but the bias varies with x.
    ("bias", |t, x, w, b| {
        let fixed = t.constant(matrix(2, 24, &wave(48, 0.6, 0.5)).view());
        let row = t.column_sums(x)?;
        let row = t.columns(row, 0..2)?;
        let b = t.mul(b, row)?;
        let b = t.apply(Function::Sin, b)?;
        t.conv2d(fixed, w, Some(b), &conv(Padding::Zero), None)
    }),
    // The weights vary with x too.
    ("weights", |t, x, w, b| {
        let factor = t.row_sums(x)?;
        let factor = t.column_sums(factor)?;
        let w = t.mul(w, factor)?;
        t.conv2d(x, w, Some(b), &conv(Padding::Circular), None)
    }),
    ("pools", |t, x, w, _| {
        let shape = Pool2dShape::new(ImageShape::new(2, 3, 4), [2, 2])?;
        let global = Pool2dShape::global(ImageShape::new(2, 3, 4))?;
        let y = t.conv2d(x, w, None, &conv(Padding::Zero), Some(Function::Tanh))?;
        let largest = t.max_pool(y, &shape)?;
        let mean = t.mean_pool(y, &shape)?;
        let y = t.mean_pool(x, &global)?;
        let y = t.concat(&[y, y])?;
        let product = t.mul(largest, mean)?;
        t.mul(product, y)
    }),
];

/// sum_ij cos(i + 0.3 j) d^k y_ij along a direction in x (and weights), with its gradients.
fn contracted(build: Build, order: usize, values: &[Vec<f64>; 3], step: f64) -> (f64, [Vec<f64>; 3]) {
    let directions = [wave(48, 0.9, 0.4), wave(24, 1.7, 0.6), wave(2, 0.8, 1.0)];
    let shapes = [(2, 24), (12, 2), (1, 2)];
    let mut tape = Tape::new();
    let mut vars = Vec::new();
    for ((values, direction), (rows, columns)) in values.iter().zip(&directions).zip(shapes) {
        let moved: Vec<f64> = values.iter().zip(direction).map(|(x, v)| x + step * v).collect();
        vars.push(tape.input(matrix(rows, columns, &moved).view()));
    }
    let mut along = Vec::new();
    for ((direction, (rows, columns)), var) in directions.iter().zip(shapes).zip(&vars) {
        along.push((*var, tape.constant(matrix(rows, columns, direction).view())));
    }
    let mut y = build(&mut tape, vars[0], vars[1], vars[2]).unwrap();
    for _ in 0..order {
        y = tape.tangent(y, &along).unwrap();
    }
    let (rows, columns) = tape.shape(y).unwrap();
    let factors: Vec<f64> = (0..rows * columns).map(|i| (0.8 * i as f64).cos()).collect();
    let factors = tape.constant(matrix(rows, columns, &factors).view());
    let product = tape.mul(y, factors).unwrap();
    let sum = tape.sum(product).unwrap();
    tape.backward(sum, &mut Gradients::zeros(&Parameters::new())).unwrap();
    let gradients = [0, 1, 2].map(|i| {
        let zeros = vec![0.0; values[i].len()];
        tape.gradient(vars[i]).unwrap().map_or(zeros, |g| g.to_array().into_iter().collect())
    });
    (tape.value(sum).unwrap().scalar().unwrap(), gradients)
}

/// What a central difference with extrapolation leaves of sums of some tens of terms.
const DIFFERENCES: f64 = 1e-7;

fn point() -> [Vec<f64>; 3] {
    [wave(48, 0.7, 0.1), wave(24, 1.3, 0.2), wave(2, 2.1, 0.3)].map(|values| {
        // Away from the kinks.
        values.iter().map(|x| 0.6 * x).collect()
    })
}

#[test]
fn adjoints_are_derivatives_of_values_and_of_tangents() {
    for &(name, build) in OPERATIONS {
        for order in 0..=3 {
            let (_, gradients) = contracted(build, order, &point(), 0.0);
            let scale = gradients.iter().flatten().fold(1.0_f64, |m, g| m.max(g.abs()));
            for which in 0..3 {
                check_gradient(
                    |x| {
                        let mut at = point();
                        at[which] = x.to_vec();
                        Ok::<f64, hepml_nn::Error>(contracted(build, order, &at, 0.0).0)
                    },
                    &gradients[which],
                    &point()[which],
                    0.01,
                    DIFFERENCES * scale,
                )
                .unwrap_or_else(|error| panic!("{name}, order {order}, by operand {which}: {error}"));
            }
        }
    }
}

#[test]
fn tangents_are_derivatives_along_the_direction() {
    for &(name, build) in OPERATIONS {
        for order in 0..3 {
            let (exact, _) = contracted(build, order + 1, &point(), 0.0);
            check_gradient(
                |step| Ok::<f64, hepml_nn::Error>(contracted(build, order, &point(), step[0]).0),
                &[exact],
                &[0.0],
                0.01,
                DIFFERENCES * (1.0 + exact.abs()),
            )
            .unwrap_or_else(|error| panic!("{name}, order {}: {error}", order + 1));
        }
    }
}

#[test]
fn wrong_shapes_are_errors() {
    let image = ImageShape::new(1, 4, 4);
    assert!(Conv2dShape::new(image, 1, [5, 3], Padding::Valid).is_err());
    assert!(Conv2dShape::new(image, 1, [5, 3], Padding::Zero).is_ok());
    assert!(Conv2dShape::new(image, 0, [3, 3], Padding::Zero).is_err());
    assert!(Conv2dShape::new(image, 1, [0, 3], Padding::Zero).is_err());
    assert!(Conv2dShape::new(ImageShape::new(1, 0, 4), 1, [1, 1], Padding::Zero).is_err());
    assert!(Conv2dShape::new(ImageShape::new(usize::MAX, 4, 4), 1, [1, 1], Padding::Zero).is_err());
    assert!(Pool2dShape::new(image, [5, 1]).is_err());
    assert!(Pool2dShape::new(image, [0, 1]).is_err());
    let shape = Conv2dShape::new(image, 2, [3, 3], Padding::Zero).unwrap();
    let mut tape = Tape::<f32>::new();
    let x = tape.constant(Matrix::zeros(3, 16).view());
    let w = tape.constant(Matrix::zeros(9, 2).view());
    let b = tape.constant(Matrix::zeros(1, 2).view());
    assert!(tape.conv2d(x, w, Some(b), &shape, None).is_ok());
    assert!(tape.conv2d(b, w, Some(b), &shape, None).is_err());
    assert!(tape.conv2d(x, x, Some(b), &shape, None).is_err());
    assert!(tape.conv2d(x, w, Some(w), &shape, None).is_err());
    assert!(tape.max_pool(w, &Pool2dShape::new(image, [2, 2]).unwrap()).is_err());
    // No images are no error.
    let none = tape.constant(Matrix::zeros(0, 16).view());
    let y = tape.conv2d(none, w, Some(b), &shape, None).unwrap();
    assert_eq!(tape.shape(y).unwrap(), (0, 32));
    let y = tape.max_pool(none, &Pool2dShape::new(image, [2, 2]).unwrap()).unwrap();
    assert_eq!(tape.shape(y).unwrap(), (0, 4));
}
