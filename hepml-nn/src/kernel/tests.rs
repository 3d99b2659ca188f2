//! Every kernel against its reference: all levels, both numbers, odd shapes.

#![allow(clippy::cast_possible_truncation, reason = "small rows and columns")]

use super::rearrange::NOTHING;
use super::{
    AdamStep, Aligned, Binary, Conv2dShape, Epilogue, Function, Fused, Kernel, Padding, SimdLevel, reference,
};
use crate::image_shape::ImageShape;
use crate::matrix::Matrix;
use crate::scalar::Scalar;

/// Numbers within ±1, the same each time.
fn numbers<T: Scalar>(rows: usize, columns: usize, seed: u64) -> Matrix<T> {
    let mut state = seed;
    let mut matrix = Matrix::zeros(rows, columns);
    for row in 0..rows {
        for x in matrix.row_mut(row) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *x = T::from_f64((state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0);
        }
    }
    matrix
}

/// What a kernel computes at each level is what is expected: within `vectors` roundings of a number of size `size` for
/// levels with fused multiplication, whose bits agree with each other, and within `portable` without. Pads are 0.
fn agree<T: Scalar>(
    what: &str,
    expected: &Matrix<T>,
    [vectors, portable]: [f64; 2],
    size: f64,
    compute: impl Fn(Kernel) -> Matrix<T>,
) {
    let mut fused: Option<Matrix<T>> = None;
    for level in SimdLevel::available() {
        let what = format!("{what}, {level:?}, {}", T::NAME);
        let got = compute(Kernel::new(level).unwrap());
        assert_eq!(got.shape(), expected.shape(), "{what}");
        let roundings = if level == SimdLevel::Portable { portable } else { vectors };
        for row in 0..got.rows() {
            for (column, (&x, &y)) in got.row(row).iter().zip(expected.row(row)).enumerate() {
                let tolerance = roundings * T::EPSILON.to_f64() * (size + y.to_f64().abs());
                let same = x == y || (x.to_f64().is_nan() && y.to_f64().is_nan());
                let close = (x.to_f64() - y.to_f64()).abs() <= tolerance;
                assert!(same || close, "{what}: [{row}, {column}] is {x}, not {y}");
            }
        }
        for row in got.view().padded().chunks(got.view().stride().max(1)) {
            assert!(row[got.columns()..].iter().all(|x| *x == T::ZERO), "{what}: pads");
        }
        if level != SimdLevel::Portable {
            let bits =
                |m: &Matrix<T>| m.view().padded().iter().map(|x| x.to_f64().to_bits()).collect::<Vec<_>>();
            if let Some(fused) = &fused {
                assert_eq!(bits(fused), bits(&got), "{what}: bits");
            }
            fused = Some(got);
        }
    }
}

/// Small shapes under Miri, which is slow.
const SIZES: &[usize] = if cfg!(miri) { &[0, 1, 3, 17] } else { &[0, 1, 2, 7, 13, 16, 17, 33, 71] };

/// Calls `f` with pairs of sizes, not all.
fn for_shapes(mut f: impl FnMut(usize, usize)) {
    for (count, &rows) in SIZES.iter().enumerate() {
        for step in 0..2 {
            f(rows, SIZES[(3 * count + 4 * step + 1) % SIZES.len()]);
        }
    }
}

const BOTH: [bool; 2] = [false, true];

fn product<T: Scalar>(m: usize, k: usize, n: usize) {
    let bias = numbers::<T>(1, n, 3);
    let bias = bias.view().padded();
    for transposed in BOTH {
        let a = if transposed { numbers::<T>(k, m, 1) } else { numbers(m, k, 1) };
        let b = numbers::<T>(k, n, 2);
        for epilogue in [
            Epilogue::Store,
            Epilogue::Accumulate,
            Epilogue::Bias(bias, Fused::Identity),
            Epilogue::Bias(bias, Fused::Relu),
            Epilogue::Bias(bias, Fused::LeakyRelu(0.1)),
        ] {
            let before = numbers::<T>(m, n, 4);
            let masks = numbers::<T>(m, n, 5);
            // Some of them.
            let mask = (n % 2 == 1).then(|| masks.view());
            let mut expected = before.clone();
            reference::gemm(&mut expected, a.view(), transposed, b.view(), epilogue);
            if let Some(mask) = mask {
                expected = reference::fused_adjoint(Fused::Relu, mask, expected.view());
            }
            // Each term of a sum may be off by a rounding of the sum so far, which is less than k + 2.
            let portable = (k + 2) as f64;
            let what = format!("gemm {m} {k} {n} {transposed}");
            agree(&what, &expected, [0.0, portable], portable, |kernel| {
                let mut c = before.clone();
                kernel.gemm(c.view_mut(), a.view(), transposed, b.view(), epilogue, mask);
                c
            });
        }
    }
}

fn products<T: Scalar>() {
    // Longer than a block, too.
    let lengths = SIZES.iter().copied().chain(if cfg!(miri) { None } else { Some(600) });
    for k in lengths {
        for_shapes(|m, n| product::<T>(m, k, n));
    }
}

#[test]
fn products_are_sums_in_order() {
    products::<f32>();
    products::<f64>();
}

fn rearrangements<T: Scalar>() {
    for_shapes(|rows, columns| {
        let x = numbers::<T>(rows, columns, 1);
        agree("transpose", &reference::transpose(x.view()), [0.0; 2], 0.0, |kernel| {
            let mut y = Matrix::from_rows(columns, rows, &vec![T::ONE; rows * columns]).unwrap();
            kernel.transpose(x.view(), y.view_mut());
            y
        });
        let g = numbers::<T>(rows, columns, 2);
        for activation in [Fused::Identity, Fused::Relu, Fused::LeakyRelu(0.3)] {
            let expected = reference::fused_adjoint(activation, x.view(), g.view());
            agree("fused adjoint", &expected, [0.0; 2], 0.0, |kernel| {
                let mut g = g.clone();
                kernel.fused_adjoint(activation, x.view(), g.view_mut());
                g
            });
        }
        let [scale, shift] = [T::from_f64(0.3), T::from_f64(-0.7)];
        let expected = reference::tabulate(rows, columns, |i, j| scale.mul_add(x.row(i)[j], shift));
        agree("affine", &expected, [0.0, 1.0], 1.0, |kernel| {
            let mut y = g.clone();
            kernel.affine(x.view(), scale, shift, y.view_mut());
            y
        });
        let expected = reference::tabulate(rows, columns, |i, j| scale.mul_add(x.row(i)[j], g.row(i)[j]));
        agree("add scaled", &expected, [0.0, 1.0], 1.0, |kernel| {
            let mut y = g.clone();
            kernel.add_scaled(y.view_mut().padded(), scale, x.view().padded());
            y
        });
    });
}

#[test]
fn rearrangements_are_exact() {
    rearrangements::<f32>();
    rearrangements::<f64>();
}

fn operands<T: Scalar>() {
    use Binary::{Add, Div, Max, Min, Mul, Sub};
    for_shapes(|rows, columns| {
        let y_shape = (rows, columns);
        let shapes = [(rows, columns), (1, columns), (rows, 1), (1, 1)];
        for (shape_a, shape_b) in shapes.into_iter().flat_map(|a| shapes.map(|b| (a, b))) {
            if [shape_a, shape_b].iter().all(|s| s.0 != rows)
                || [shape_a, shape_b].iter().all(|s| s.1 != columns)
            {
                continue;
            }
            let a = numbers::<T>(shape_a.0, shape_a.1, 1);
            let b = numbers::<T>(shape_b.0, shape_b.1, 2);
            // Away from 0, to divide by.
            let b = reference::tabulate(shape_b.0, shape_b.1, |i, j| {
                b.row(i)[j] + T::from_f64(if j % 2 == 0 { 1.5 } else { -1.5 })
            });
            let g = numbers::<T>(rows, columns, 3);
            for operation in [Add, Sub, Mul, Div, Max, Min] {
                let y = reference::binary(operation, a.view(), b.view(), y_shape);
                let what = format!("{operation:?} {shape_a:?} {shape_b:?}");
                agree(&what, &y, [0.0; 2], 0.0, |kernel| {
                    let mut y = g.clone();
                    kernel.binary(operation, a.view(), b.view(), y.view_mut());
                    y
                });
                for (second, accumulate) in [(false, false), (false, true), (true, false), (true, true)] {
                    let shape = if second { shape_b } else { shape_a };
                    let before = numbers::<T>(shape.0, shape.1, 4);
                    let mut expected =
                        if accumulate { before.clone() } else { Matrix::zeros(shape.0, shape.1) };
                    reference::binary_adjoint(operation, second, a.view(), b.view(), g.view(), &mut expected);
                    // Sums may be in another order.
                    let terms = (rows * columns + 3) as f64;
                    agree(&format!("adjoint of {what}"), &expected, [terms; 2], 4.0, |kernel| {
                        let mut to = before.clone();
                        let (a, b, y, g) = (a.view(), b.view(), y.view(), g.view());
                        kernel.binary_adjoint(operation, second, a, b, y, g, to.view_mut(), accumulate);
                        to
                    });
                }
            }
        }
    });
}

#[test]
fn operands_hold_for_rows_and_columns() {
    operands::<f32>();
    operands::<f64>();
}

fn sums<T: Scalar>() {
    for_shapes(|rows, columns| {
        let x = numbers::<T>(rows, columns, 1);
        let terms = (rows.max(columns) + 2) as f64;
        for accumulate in BOTH {
            let before = numbers::<T>(1, columns, 2);
            let mut expected = if accumulate { before.clone() } else { Matrix::zeros(1, columns) };
            reference::column_sums(x.view(), &mut expected);
            agree("column sums", &expected, [0.0; 2], 0.0, |kernel| {
                let mut y = before.clone();
                kernel.column_sums(x.view(), y.view_mut(), accumulate);
                y
            });
        }
        agree("row sums", &reference::row_sums(x.view()), [terms; 2], terms, |kernel| {
            let mut y = numbers(rows, 1, 2);
            kernel.row_sums(x.view(), y.view_mut());
            y
        });
        for level in SimdLevel::available() {
            let expected: f64 = x.view().padded().iter().map(|x| x.to_f64() * x.to_f64()).sum();
            let got = Kernel::new(level).unwrap().sum_of_squares(x.view().padded());
            assert!((got - expected).abs() <= 1e-15 * terms * expected, "{got} {expected}");
        }
        if columns == 0 {
            return;
        }
        // Powers that f32 cannot hold.
        let x = reference::tabulate(rows, columns, |i, j| T::from_f64(100.0) * x.row(i)[j]);
        let y = reference::log_sum_exp(x.view());
        agree("log-sum-exp", &y, [2.0; 2], 4.0, |kernel| {
            let mut y = numbers(rows, 1, 2);
            kernel.log_sum_exp(x.view(), y.view_mut());
            y
        });
        let g = numbers::<T>(rows, 1, 3);
        for accumulate in BOTH {
            let before = numbers::<T>(rows, columns, 4);
            let expected = reference::tabulate(rows, columns, |i, j| {
                let power = (x.row(i)[j] - y.row(i)[0]).to_f64().exp();
                let before = if accumulate { before.row(i)[j] } else { T::ZERO };
                before + g.row(i)[0] * T::from_f64(power)
            });
            agree("log-sum-exp adjoint", &expected, [4.0; 2], 1.0, |kernel| {
                let mut to = before.clone();
                kernel.log_sum_exp_adjoint(x.view(), y.view(), g.view(), to.view_mut(), accumulate);
                to
            });
        }
    });
}

#[test]
fn sums_are_sums() {
    sums::<f32>();
    sums::<f64>();
}

fn segments<T: Scalar>() {
    let offsets = [0, 0, 3, 4, 4, 13, 17, 17];
    let (rows, sets) = (17, offsets.len() - 1);
    for &columns in SIZES {
        let x = numbers::<T>(rows, columns, 1);
        let s = numbers::<T>(sets, columns, 2);
        let w = numbers::<T>(rows, 1, 3);
        for weights in [None, Some(w.view())] {
            let expected = reference::segment_sum(x.view(), weights, &offsets);
            agree("segment sum", &expected, [0.0, 10.0], 10.0, |kernel| {
                let mut y = s.clone();
                kernel.segment_sum(x.view(), weights, &offsets, y.view_mut());
                y
            });
            for accumulate in BOTH {
                let mask = accumulate.then(|| x.view());
                let mut expected = reference::tabulate(rows, columns, |i, j| {
                    let before = if accumulate { x.row(i)[j] } else { T::ZERO };
                    let weight = weights.map_or(T::ONE, |weights| weights.row(i)[0]);
                    weight.mul_add(s.row(reference::segment_of(&offsets, i))[j], before)
                });
                if let Some(mask) = mask {
                    expected = reference::fused_adjoint(Fused::Relu, mask, expected.view());
                }
                agree("segment broadcast", &expected, [0.0, 2.0], 2.0, |kernel| {
                    let mut y = x.clone();
                    kernel.segment_broadcast(s.view(), weights, &offsets, y.view_mut(), accumulate, mask);
                    y
                });
            }
        }
        for accumulate in BOTH {
            let expected = reference::tabulate(rows, 1, |i, _| {
                let s = s.row(reference::segment_of(&offsets, i));
                let before = if accumulate { w.row(i)[0] } else { T::ZERO };
                before + x.row(i).iter().zip(s).map(|(&x, &s)| x * s).sum::<T>()
            });
            let terms = (columns + 2) as f64;
            agree("segment dot", &expected, [terms; 2], terms, |kernel| {
                let mut y = w.clone();
                kernel.segment_dot(x.view(), s.view(), &offsets, y.view_mut(), accumulate);
                y
            });
        }
    }
}

#[test]
fn segments_are_sums_of_rows() {
    segments::<f32>();
    segments::<f64>();
}

fn places<T: Scalar>() {
    for_shapes(|rows, columns| {
        let x = numbers::<T>(rows, columns, 1);
        let each = |f: &dyn Fn(usize, usize) -> T| reference::tabulate(rows, columns, f);
        for accumulate in BOTH {
            let base = |x: T| if accumulate { x } else { T::ZERO };
            // Rows in reverse, and twice.
            let reverse: Vec<u32> = (0..rows as u32).rev().collect();
            let g = numbers::<T>(rows, columns, 2);
            let expected = each(&|i, j| base(g.row(i)[j]) + x.row(rows - 1 - i)[j]);
            agree("gather", &expected, [0.0; 2], 0.0, |kernel| {
                let mut y = g.clone();
                kernel.gather(x.view(), &reverse, y.view_mut(), accumulate);
                y
            });
            agree("scatter", &expected, [0.0; 2], 0.0, |kernel| {
                let mut y = g.clone();
                kernel.scatter_add(x.view(), &reverse, y.view_mut(), accumulate);
                y
            });
            let first = columns / 3;
            let count = columns - first;
            let expected = each(&|i, j| {
                if j < count { base(g.row(i)[j]) + x.row(i)[j + first] } else { g.row(i)[j] }
            });
            agree("columns", &expected, [0.0; 2], 0.0, |kernel| {
                let mut y = g.clone();
                kernel.copy_columns(x.view(), first, y.view_mut(), 0, count, accumulate);
                y
            });
            let column = numbers::<T>(rows, 1, 3);
            agree(
                "spread rows",
                &each(&|i, j| base(g.row(i)[j]) + column.row(i)[0]),
                [0.0; 2],
                0.0,
                |kernel| {
                    let mut y = g.clone();
                    kernel.spread_rows(column.view(), y.view_mut(), accumulate);
                    y
                },
            );
            let flat: Vec<T> = (0..rows).flat_map(|i| x.row(i).to_vec()).collect();
            let turned = numbers::<T>(columns, rows, 4);
            let expected =
                reference::tabulate(columns, rows, |i, j| base(turned.row(i)[j]) + flat[i * rows + j]);
            agree("reshape", &expected, [0.0; 2], 0.0, |kernel| {
                let mut y = turned.clone();
                kernel.reshape(x.view(), y.view_mut(), accumulate);
                y
            });
        }
    });
}

#[test]
fn rearranged_numbers_are_in_their_places() {
    places::<f32>();
    places::<f64>();
}

fn entries<T: Scalar>() {
    let offsets = [0, 0, 3, 4, 13];
    for &columns in SIZES {
        let x = numbers::<T>(13, columns, 1);
        let g = numbers::<T>(4, columns, 2);
        for level in SimdLevel::available() {
            let kernel = Kernel::new(level).unwrap();
            let mut entries = vec![7; 4 * columns];
            kernel.largest_of_segments(x.view(), &offsets, &mut entries);
            for (place, &entry) in entries.iter().enumerate() {
                let (set, j) = (place / columns, place % columns);
                let largest = (offsets[set]..offsets[set + 1])
                    .max_by(|&a, &b| x.row(a)[j].partial_cmp(&x.row(b)[j]).unwrap().then(b.cmp(&a)));
                assert_eq!(largest.map_or(NOTHING, |row| row as u32), entry, "{level:?}");
            }
            let taken = reference::tabulate(4, columns, |i, j| match entries[i * columns + j] {
                NOTHING => T::ZERO,
                row => x.row(row as usize)[j],
            });
            let mut y = g.clone();
            kernel.take_from_rows(x.view(), &entries, y.view_mut());
            assert_eq!(y, taken);
            let mut to = x.clone();
            kernel.take_from_rows_adjoint(g.view(), &entries, to.view_mut(), false);
            let back = reference::tabulate(13, columns, |i, j| {
                let set = reference::segment_of(&offsets, i);
                if entries[set * columns + j] == i as u32 { g.row(set)[j] } else { T::ZERO }
            });
            assert_eq!(to, back);

            // The column before, and nothing in the first.
            let entries: Vec<u32> =
                (0..4 * columns).map(|place| ((place % columns) as u32).wrapping_sub(1)).collect();
            let moved =
                reference::tabulate(4, columns, |i, j| if j == 0 { T::ZERO } else { x.row(i)[j - 1] });
            let x =
                Matrix::from_rows(4, columns, &(0..4).flat_map(|i| x.row(i).to_vec()).collect::<Vec<_>>())
                    .unwrap();
            let mut y = g.clone();
            kernel.take_from_columns(x.view(), &entries, y.view_mut());
            assert_eq!(y, moved);
            let mut to = x.clone();
            kernel.take_from_columns_adjoint(g.view(), &entries, to.view_mut(), true);
            let back = reference::tabulate(4, columns, |i, j| {
                x.row(i)[j] + g.row(i).get(j + 1).copied().unwrap_or(T::ZERO)
            });
            assert_eq!(to, back);
        }
    }
}

#[test]
fn entries_are_taken_and_given_back() {
    entries::<f32>();
    entries::<f64>();
}

/// Each exponent, both signs, and a fine scan where functions bend.
fn arguments<T: Scalar>(positive: bool) -> Matrix<T> {
    let mut values = vec![T::ZERO];
    let steps = if cfg!(miri) { 3 } else { 400 };
    for exponent in (-60..12).step_by(if cfg!(miri) { 20 } else { 1 }) {
        for mantissa in [1.0, 1.23, 1.57, 1.99] {
            values.push(T::from_f64(mantissa * f64::from(exponent).exp2()));
        }
    }
    for step in 0..steps {
        values.push(T::from_f64(0.01 + 20.0 * f64::from(step) / f64::from(steps)));
        values.push(T::from_f64(0.5 + f64::from(step) / f64::from(steps)));
        values.push(T::from_f64(80.0 + 30.0 * f64::from(step) / f64::from(steps)));
    }
    if !positive {
        let negative: Vec<T> = values.iter().map(|&x| -x).collect();
        values.extend(negative);
    }
    Matrix::from_rows(1, values.len(), &values).unwrap()
}

const FUNCTIONS: [Function; 17] = [
    Function::Relu,
    Function::LeakyRelu(0.1),
    Function::Abs,
    Function::Tanh,
    Function::Sigmoid,
    Function::Softplus,
    Function::Silu,
    Function::Gelu,
    Function::Exp,
    Function::Sin,
    Function::Cos,
    Function::Ln,
    Function::Power(2.0),
    Function::Power(-0.5),
    Function::Power(1.5),
    Function::Power(-3.0),
    Function::Power(0.3),
];

/// Roundings of the result of a function and its slope, with and without fused multiplication; f64 also bears those of the
/// reference.
fn roundings<T: Scalar>(f: Function, order: u32) -> [f64; 2] {
    match (f, order) {
        (Function::Relu | Function::LeakyRelu(_) | Function::Abs, _) => [1.0; 2],
        (_, 0) if T::LANES == 16 => [2.0, 3.0],
        (Function::Gelu, 0 | 1) => [6.0, 8.0],
        (_, 0 | 1) => [4.0, 6.0],
        _ => [64.0, 64.0],
    }
}

/// The smallest number with all its bits.
fn smallest_normal<T: Scalar>() -> f64 {
    if T::LANES == 16 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE }
}

fn functions<T: Scalar>() {
    for f in FUNCTIONS {
        let x = arguments::<T>(matches!(f, Function::Ln | Function::Power(_)));
        for order in 0..if cfg!(miri) { 3 } else { 6 } {
            let expected = reference::function(f, order, x.view());
            // Derivatives that are sums of terms of both signs are as good as the largest term.
            let size = match (f, order) {
                (_, 2..) | (Function::Silu | Function::Gelu, 1) | (Function::Sin | Function::Cos, _) => 1.0,
                // Where they are subnormal, so are the factors.
                _ => 128.0 * smallest_normal::<T>(),
            };
            agree(&format!("{f:?}, order {order}"), &expected, roundings::<T>(f, order), size, |kernel| {
                let mut y = Matrix::zeros(1, x.columns());
                kernel.function(f, order, x.view(), y.view_mut());
                y
            });
            let slopes = reference::function(f, order + 1, x.view());
            let g = numbers::<T>(1, x.columns(), 1);
            for accumulate in BOTH {
                let before =
                    if accumulate { numbers(1, x.columns(), 2) } else { Matrix::zeros(1, x.columns()) };
                let products = reference::tabulate(1, x.columns(), |_, j| {
                    g.row(0)[j].mul_add(slopes.row(0)[j], before.row(0)[j])
                });
                // 1 - y² and y - y² are as good as 1 and y.
                let roundings = roundings::<T>(f, order + 1).map(|roundings| 2.0 * roundings + 2.0);
                agree(&format!("{f:?}, adjoint of order {order}"), &products, roundings, 2.0, |kernel| {
                    let mut to = numbers(1, x.columns(), 2);
                    kernel.function_adjoint(
                        f,
                        order,
                        x.view(),
                        expected.view(),
                        g.view(),
                        to.view_mut(),
                        accumulate,
                    );
                    to
                });
            }
        }
    }
}

#[test]
fn functions_are_those_of_one_number() {
    functions::<f32>();
    functions::<f64>();
}

fn limits<T: Scalar>(large: f64) {
    let infinity = f64::INFINITY;
    for (f, x, y) in [
        (Function::Exp, infinity, infinity),
        (Function::Exp, -infinity, 0.0),
        (Function::Exp, large, infinity),
        (Function::Exp, -large, 0.0),
        (Function::Ln, 0.0, -infinity),
        (Function::Ln, infinity, infinity),
        (Function::Ln, -1.0, f64::NAN),
        (Function::Tanh, infinity, 1.0),
        (Function::Tanh, -infinity, -1.0),
        (Function::Sigmoid, infinity, 1.0),
        (Function::Sigmoid, -infinity, 0.0),
        (Function::Softplus, infinity, infinity),
        (Function::Softplus, -infinity, 0.0),
        (Function::Gelu, infinity, infinity),
        (Function::Gelu, -large, 0.0),
        (Function::Silu, -large, 0.0),
        (Function::Sin, infinity, f64::NAN),
        (Function::Sin, 1e8, 1e8_f64.sin()),
        (Function::Cos, -1e15, (T::from_f64(-1e15).to_f64()).cos()),
    ]
    .into_iter()
    .chain(FUNCTIONS.map(|f| (f, f64::NAN, f64::NAN)))
    {
        // max(NaN, 0) is 0, as a comparison has it.
        if f == Function::Relu {
            continue;
        }
        let x = Matrix::from_rows(1, 1, &[T::from_f64(x)]).unwrap();
        let expected = Matrix::from_rows(1, 1, &[T::from_f64(y)]).unwrap();
        agree(&format!("{f:?} of {}", x.row(0)[0]), &expected, [1.0; 2], 0.0, |kernel| {
            let mut y = Matrix::zeros(1, 1);
            kernel.function(f, 0, x.view(), y.view_mut());
            y
        });
    }
}

#[test]
fn functions_have_their_limits() {
    limits::<f32>(1e5);
    limits::<f64>(1e5);
}

fn tiny<T: Scalar>() {
    let smallest_normal = smallest_normal::<T>();
    // Logarithms of subnormal numbers, and powers that are.
    let x: Vec<T> = (0..20).map(|k| T::from_f64(1.3 * smallest_normal * f64::from(-k).exp2())).collect();
    let x = Matrix::from_rows(1, x.len(), &x).unwrap();
    let expected = reference::function(Function::Ln, 0, x.view());
    agree("ln of subnormal numbers", &expected, [2.0, 3.0], 0.0, |kernel| {
        let mut y = Matrix::zeros(1, x.columns());
        kernel.function(Function::Ln, 0, x.view(), y.view_mut());
        y
    });
    let expected = reference::function(Function::Exp, 0, expected.view());
    agree("subnormal powers", &expected, [2.0, 3.0], smallest_normal, |kernel| {
        let (mut y, mut power) = (Matrix::zeros(1, x.columns()), Matrix::zeros(1, x.columns()));
        kernel.function(Function::Ln, 0, x.view(), y.view_mut());
        kernel.function(
            Function::Exp,
            0,
            reference::function(Function::Ln, 0, x.view()).view(),
            power.view_mut(),
        );
        power
    });
}

#[test]
fn functions_know_subnormal_numbers() {
    tiny::<f32>();
    tiny::<f64>();
}

fn updates<T: Scalar>() {
    for &len in SIZES {
        let t = T::from_f64;
        let step = AdamStep {
            scale: t(0.5),
            penalty: t(0.01),
            betas: [t(0.9), t(0.999)],
            rests: [t(0.1), t(0.001)],
            rate: t(0.01),
            correction: t(0.3),
            epsilon: t(1e-8),
            decay: t(0.001),
        };
        let (p, g, m) = (numbers::<T>(1, len, 1), numbers::<T>(1, len, 2), numbers::<T>(1, len, 3));
        let v = reference::tabulate(1, len, |_, j| m.row(0)[j].abs());
        let expected = reference::tabulate(1, len, |_, j| {
            let [p, g, m, v] = [&p, &g, &m, &v].map(|x| x.row(0)[j].to_f64());
            let g = 0.5 * g + 0.01 * p;
            let (m, v) = (0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g);
            t(p - 0.001 * p - 0.01 * m / ((v / 0.3).sqrt() + 1e-8))
        });
        agree("adam", &expected, [4.0; 2], 1.0, |kernel| {
            let (mut p, mut m, mut v) = (p.clone(), m.clone(), v.clone());
            let (m, v) = (m.row_mut(0), v.row_mut(0));
            kernel.adam(step, p.row_mut(0), g.row(0), m, v);
            p
        });
    }
}

#[test]
fn adam_is_adam() {
    updates::<f32>();
    updates::<f64>();
}

/// A convolution against its loops, and its gradients: it is linear in the input and in the weights.
fn convolution<T: Scalar>(shape: &Conv2dShape) {
    let (input, output, [height, width]) = (shape.input(), shape.output(), shape.kernel());
    let samples = 2;
    let x = numbers::<T>(samples, input.columns(), 1);
    let w = numbers::<T>(shape.weights().0, shape.weights().1, 2);
    let g = numbers::<T>(samples, output.columns(), 3);
    let pixel = |sample: usize, channel: usize, row: usize, column: usize, a: usize, b: usize| {
        let [above, left] = match shape.padding() {
            Padding::Valid => [0, 0],
            _ => [(height - 1) / 2, (width - 1) / 2],
        };
        let (row, column) = (row + a + input.height - above, column + b + input.width - left);
        let inside = (input.height..2 * input.height).contains(&row)
            && (input.width..2 * input.width).contains(&column);
        let place = (channel * input.height + row % input.height) * input.width + column % input.width;
        if inside || shape.padding() == Padding::Circular { x.row(sample)[place] } else { T::ZERO }
    };
    let expected = reference::tabulate(samples, output.columns(), |sample, place| {
        let (channel, row, column) =
            (place / output.pixels(), place % output.pixels() / output.width, place % output.width);
        let mut sum = T::ZERO;
        for (weights, i) in (0..w.rows()).map(|i| (w.row(i), i)) {
            let (from, a, b) = (i / (height * width), i / width % height, i % width);
            sum = weights[channel].mul_add(pixel(sample, from, row, column, a, b), sum);
        }
        sum
    });
    let roundings = w.rows() as f64 + 1.0;
    let what = format!("{shape:?}");
    let dot = |a: &Matrix<T>, b: &Matrix<T>| -> f64 { (&a.to_array() * &b.to_array()).sum() };
    agree(&what, &expected, [0.0, roundings], roundings, |kernel| {
        let mut y = Matrix::zeros(samples, output.columns());
        kernel.conv2d(shape, x.view(), w.view(), y.view_mut(), Epilogue::Store, &mut Aligned::default());
        let (mut by_x, mut by_w) =
            (Matrix::zeros(samples, input.columns()), Matrix::zeros(w.rows(), w.columns()));
        kernel.conv2d_input_adjoint(
            shape,
            w.view(),
            g.view(),
            by_x.view_mut(),
            false,
            &mut Aligned::default(),
        );
        kernel.conv2d_weight_adjoint(
            shape,
            x.view(),
            g.view(),
            by_w.view_mut(),
            false,
            &mut Aligned::default(),
        );
        let tolerance = T::EPSILON.to_f64() * roundings * g.columns() as f64;
        for (what, sum) in [("input", dot(&by_x, &x)), ("weights", dot(&by_w, &w))] {
            assert!((sum - dot(&g, &y)).abs() <= tolerance, "gradient by the {what} of {shape:?}");
        }
        y
    });
}

#[test]
fn unchecked_reads_are_of_what_is_there() {
    product::<f32>(66, 1, 3);
    product::<f64>(3, 2, 9);
    product::<f64>(1, 0, 1);
    for (padding, [height, width], [channels, outputs]) in [
        (Padding::Circular, [3, 5], [2, 3]),
        (Padding::Zero, [1, 9], [1, 1]),
        (Padding::Valid, [4, 16], [1, 2]),
        (Padding::Circular, [2, 8], [1, 9]),
    ] {
        let image = ImageShape::new(channels, height, width);
        let size = if height == 1 { [1, 2] } else { [3, 3].map(|size: usize| size.min(height)) };
        let shape = Conv2dShape::new(image, outputs, size, padding).unwrap();
        if outputs > 1 {
            convolution::<f32>(&shape);
        } else {
            convolution::<f64>(&shape);
        }
    }
}
