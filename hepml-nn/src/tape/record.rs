//! The operations of a tape.

use std::ops::Range;
use std::sync::Arc;

use super::op::Op;
use super::{CustomOp, Segments, Tape, Var, view};
use crate::error::{Error, Result};
use crate::kernel::{Binary, Epilogue, Function, Fused};
use crate::matrix::{Matrix, View};
use crate::parameters::ParameterId;
use crate::scalar::Scalar;

/// # Leaves
impl<T: Scalar> Tape<T> {
    /// A value that nothing is differentiated by: data, targets, masks.
    pub fn constant(&mut self, value: View<'_, T>) -> Var {
        self.leaf(Op::Constant, value)
    }

    /// A value that is differentiated by: its [`gradient`](Self::gradient) is there after `backward`.
    pub fn input(&mut self, value: View<'_, T>) -> Var {
        self.leaf(Op::Input, value)
    }

    /// A single constant number.
    pub fn number(&mut self, value: f64) -> Var {
        let var = self.node(Op::Constant, 1, 1);
        let matrix = &mut self.values[var.index];
        matrix.reset_zeros(1, 1);
        matrix.row_mut(0)[0] = T::from_f64(value);
        var
    }

    /// One of the parameters that the tape was begun with.
    ///
    /// # Errors
    /// An unknown parameter.
    pub fn parameter(&mut self, id: ParameterId) -> Result<Var> {
        self.parameters.value(id)?;
        Ok(self.node(Op::Parameter(id), 0, 0))
    }

    /// The same value, as a constant.
    ///
    /// # Errors
    /// A variable of another tape or recording (as for all operations).
    pub fn detach(&mut self, x: Var) -> Result<Var> {
        let (rows, columns) = self.shape(x)?;
        let var = self.node(Op::Constant, rows, columns);
        let (before, rest) = self.values.split_at_mut(var.index);
        let value = view(&self.ops, before, &self.parameters, x)?;
        rest[0].view_mut().padded().copy_from_slice(value.padded());
        Ok(var)
    }

    fn leaf(&mut self, op: Op<T>, value: View<'_, T>) -> Var {
        let var = self.node(op, value.rows(), value.columns());
        self.values[var.index].view_mut().padded().copy_from_slice(value.padded());
        var
    }
}

/// # Products
impl<T: Scalar> Tape<T> {
    /// f(x W + b) of x [n, inputs], W [inputs, outputs], b [1, outputs].
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn dense(
        &mut self,
        x: Var,
        weight: Var,
        bias: Option<Var>,
        activation: Option<Function>,
    ) -> Result<Var> {
        let (rows, inputs) = self.shape(x)?;
        let (weight_rows, outputs) = self.shape(weight)?;
        if inputs != weight_rows {
            return Err(Error::Shapes { operation: "dense", a: (rows, inputs), b: (weight_rows, outputs) });
        }
        if let Some(bias) = bias
            && self.shape(bias)? != (1, outputs)
        {
            return Err(Error::Shapes { operation: "bias", a: (1, outputs), b: self.shape(bias)? });
        }
        let (fused, rest) = fuse(activation, bias.is_some());
        let y = self.record(Op::Dense { x, weight, bias, activation: fused }, rows, outputs)?;
        rest.map_or(Ok(y), |function| self.apply(function, y))
    }

    /// The product A B of A [n, k] and B [k, m].
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn matmul(&mut self, a: Var, b: Var) -> Result<Var> {
        self.dense(a, b, None, None)
    }

    /// The transpose.
    ///
    /// # Errors
    /// As [`detach`](Self::detach).
    pub fn transpose(&mut self, x: Var) -> Result<Var> {
        let (rows, columns) = self.shape(x)?;
        self.record(Op::Transpose(x), columns, rows)
    }
}

/// # Number by number
///
/// An operand with one row holds for all rows of the other, one with one column for all columns.
impl<T: Scalar> Tape<T> {
    /// a + b.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn add(&mut self, a: Var, b: Var) -> Result<Var> {
        self.binary(Binary::Add, "sum", a, b)
    }

    /// a - b.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn sub(&mut self, a: Var, b: Var) -> Result<Var> {
        self.binary(Binary::Sub, "difference", a, b)
    }

    /// a b.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn mul(&mut self, a: Var, b: Var) -> Result<Var> {
        self.binary(Binary::Mul, "product", a, b)
    }

    /// a/b.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn div(&mut self, a: Var, b: Var) -> Result<Var> {
        self.binary(Binary::Div, "quotient", a, b)
    }

    /// The larger of two numbers; where they are equal, a counts.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn maximum(&mut self, a: Var, b: Var) -> Result<Var> {
        self.binary(Binary::Max, "maximum", a, b)
    }

    /// The smaller of two numbers; where they are equal, a counts.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn minimum(&mut self, a: Var, b: Var) -> Result<Var> {
        self.binary(Binary::Min, "minimum", a, b)
    }

    fn binary(&mut self, operation: Binary, name: &'static str, a: Var, b: Var) -> Result<Var> {
        let (shape_a, shape_b) = (self.shape(a)?, self.shape(b)?);
        let fit = |x: usize, y: usize| match (x, y) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        };
        match (fit(shape_a.0, shape_b.0), fit(shape_a.1, shape_b.1)) {
            (Some(rows), Some(columns)) => self.record(Op::Binary { operation, a, b }, rows, columns),
            _ => Err(Error::Shapes { operation: name, a: shape_a, b: shape_b }),
        }
    }

    /// scale x + shift.
    ///
    /// # Errors
    /// As [`detach`](Self::detach).
    pub fn affine(&mut self, x: Var, scale: f64, shift: f64) -> Result<Var> {
        let (rows, columns) = self.shape(x)?;
        let op = Op::Affine { x, scale: T::from_f64(scale), shift: T::from_f64(shift) };
        self.record(op, rows, columns)
    }

    /// A function of each number.
    ///
    /// # Errors
    /// As [`detach`](Self::detach).
    pub fn apply(&mut self, function: Function, x: Var) -> Result<Var> {
        self.derivative(function, 0, x)
    }

    /// The derivative of some order of a function of each number.
    ///
    /// # Errors
    /// As [`detach`](Self::detach).
    pub fn derivative(&mut self, function: Function, order: u32, x: Var) -> Result<Var> {
        let (rows, columns) = self.shape(x)?;
        self.record(Op::Function { function, order, x }, rows, columns)
    }
}

/// # Sums
impl<T: Scalar> Tape<T> {
    /// The sum of all numbers, [1, 1].
    ///
    /// # Errors
    /// As [`detach`](Self::detach).
    pub fn sum(&mut self, x: Var) -> Result<Var> {
        let columns = self.column_sums(x)?;
        if self.shape(columns)?.1 == 1 { Ok(columns) } else { self.row_sums(columns) }
    }

    /// The sum of each row, [rows, 1].
    ///
    /// # Errors
    /// As [`detach`](Self::detach).
    pub fn row_sums(&mut self, x: Var) -> Result<Var> {
        let (rows, _) = self.shape(x)?;
        self.record(Op::RowSums(x), rows, 1)
    }

    /// The sum of each column, [1, columns].
    ///
    /// # Errors
    /// As [`detach`](Self::detach).
    pub fn column_sums(&mut self, x: Var) -> Result<Var> {
        let (_, columns) = self.shape(x)?;
        self.record(Op::ColumnSums(x), 1, columns)
    }

    /// ln sum_j e^x_ij of each row, [rows, 1].
    ///
    /// # Errors
    /// No columns.
    pub fn log_sum_exp(&mut self, x: Var) -> Result<Var> {
        let (rows, columns) = self.shape(x)?;
        if columns == 0 {
            return Err(hepml_core::Error::Empty { what: "row of a log-sum-exp".into() }.into());
        }
        self.record(Op::LogSumExp(x), rows, 1)
    }

    /// x_ij - ln sum_k e^x_ik.
    ///
    /// # Errors
    /// No columns.
    pub fn log_softmax(&mut self, x: Var) -> Result<Var> {
        let norm = self.log_sum_exp(x)?;
        self.sub(x, norm)
    }

    /// e^x_ij / sum_k e^x_ik.
    ///
    /// # Errors
    /// No columns.
    pub fn softmax(&mut self, x: Var) -> Result<Var> {
        let x = self.log_softmax(x)?;
        self.apply(Function::Exp, x)
    }

    /// Each row less its mean, over the square root of its variance plus `epsilon` (arXiv:1607.06450, without gain and bias).
    ///
    /// # Errors
    /// No columns.
    pub fn layer_norm(&mut self, x: Var, epsilon: f64) -> Result<Var> {
        let (_, columns) = self.shape(x)?;
        if columns == 0 {
            return Err(hepml_core::Error::Empty { what: "row of a layer norm".into() }.into());
        }
        let share = 1.0 / columns as f64;
        let mean = self.row_sums(x)?;
        let mean = self.affine(mean, share, 0.0)?;
        let centred = self.sub(x, mean)?;
        let squares = self.mul(centred, centred)?;
        let variance = self.row_sums(squares)?;
        let variance = self.affine(variance, share, epsilon)?;
        let inverse = self.apply(Function::Power(-0.5), variance)?;
        self.mul(centred, inverse)
    }
}

/// # Sets
impl<T: Scalar> Tape<T> {
    /// The sum of each set's rows, [sets, columns]; 0 of an empty set.
    ///
    /// # Errors
    /// Other sets than those of the rows.
    pub fn segment_sum(&mut self, x: Var, segments: &Segments) -> Result<Var> {
        let columns = self.check_segments(x, segments)?;
        let op = Op::SegmentSum { x, weights: None, segments: segments.clone() };
        self.record(op, segments.count(), columns)
    }

    /// The sum of each set's rows, each times its weight [rows, 1].
    ///
    /// # Errors
    /// Other sets than those of the rows; other weights than one a row.
    pub fn segment_weighted_sum(&mut self, x: Var, weights: Var, segments: &Segments) -> Result<Var> {
        let columns = self.check_segments(x, segments)?;
        if self.shape(weights)? != (segments.rows(), 1) {
            let (a, b) = (self.shape(x)?, self.shape(weights)?);
            return Err(Error::Shapes { operation: "weights of a segment sum", a, b });
        }
        let op = Op::SegmentSum { x, weights: Some(weights), segments: segments.clone() };
        self.record(op, segments.count(), columns)
    }

    /// The mean of each set's rows; 0 of an empty set.
    ///
    /// # Errors
    /// Other sets than those of the rows.
    pub fn segment_mean(&mut self, x: Var, segments: &Segments) -> Result<Var> {
        let sum = self.segment_sum(x, segments)?;
        let mut inverse = Matrix::zeros(segments.count(), 1);
        for (set, ends) in segments.offsets().windows(2).enumerate() {
            inverse.row_mut(set)[0] = T::from_f64(1.0 / (ends[1] - ends[0]).max(1) as f64);
        }
        let inverse = self.constant(inverse.view());
        self.mul(sum, inverse)
    }

    /// The largest number of each column in each set, the first such row counting; 0 of an empty set.
    ///
    /// # Errors
    /// Other sets than those of the rows.
    pub fn segment_max(&mut self, x: Var, segments: &Segments) -> Result<Var> {
        let columns = self.check_segments(x, segments)?;
        self.check_room(segments.count(), columns)?;
        let mut entries = vec![0; segments.count() * columns];
        self.kernel.largest_of_segments(self.view(x)?, segments.offsets(), &mut entries);
        self.record(Op::TakeFromRows { x, entries: entries.into() }, segments.count(), columns)
    }

    /// Each set's row, for each of its members: [rows, columns] from [sets, columns].
    ///
    /// # Errors
    /// Another number of rows than of sets.
    pub fn segment_broadcast(&mut self, x: Var, segments: &Segments) -> Result<Var> {
        let (rows, columns) = self.shape(x)?;
        if rows != segments.count() {
            return Err(Error::shape("rows of a segment broadcast", segments.count(), rows));
        }
        self.record(Op::SegmentBroadcast { x, segments: segments.clone() }, segments.rows(), columns)
    }

    /// e^x_i / sum_k e^x_k over each set, column by column.
    ///
    /// # Errors
    /// Other sets than those of the rows.
    pub fn segment_softmax(&mut self, x: Var, segments: &Segments) -> Result<Var> {
        // The largest is only there against overflow; the result does not depend on it.
        let largest = self.segment_max(x, segments)?;
        let largest = self.detach(largest)?;
        let largest = self.segment_broadcast(largest, segments)?;
        let x = self.sub(x, largest)?;
        let numerator = self.apply(Function::Exp, x)?;
        let sum = self.segment_sum(numerator, segments)?;
        let sum = self.segment_broadcast(sum, segments)?;
        self.div(numerator, sum)
    }

    fn check_segments(&self, x: Var, segments: &Segments) -> Result<usize> {
        let (rows, columns) = self.shape(x)?;
        if rows != segments.rows() {
            return Err(Error::shape("rows of the sets", segments.rows(), rows));
        }
        Ok(columns)
    }
}

/// # Rearrangements
impl<T: Scalar> Tape<T> {
    /// Row `rows[i]` of x as row i.
    ///
    /// # Errors
    /// A row that is not there.
    pub fn gather(&mut self, x: Var, rows: impl Into<Arc<[u32]>>) -> Result<Var> {
        let rows = rows.into();
        let (len, columns) = self.shape(x)?;
        check_indices("row of a gather", &rows, len)?;
        let count = rows.len();
        self.record(Op::Gather { x, rows }, count, columns)
    }

    /// Row i of x added to row `rows[i]` of a result with `count` rows.
    ///
    /// # Errors
    /// A row that is not there; another number of indices than of rows.
    pub fn scatter_add(&mut self, x: Var, rows: impl Into<Arc<[u32]>>, count: usize) -> Result<Var> {
        let rows = rows.into();
        let (len, columns) = self.shape(x)?;
        check_indices("row of a scatter", &rows, count)?;
        if rows.len() != len {
            return Err(Error::shape("rows of a scatter", len, rows.len()));
        }
        self.record(Op::ScatterAdd { x, rows }, count, columns)
    }

    /// `x[i, columns[i]]` of each row, [rows, 1].
    ///
    /// # Errors
    /// A column that is not there; another number of indices than of rows.
    pub fn pick(&mut self, x: Var, columns: impl Into<Arc<[u32]>>) -> Result<Var> {
        let columns = columns.into();
        let (rows, len) = self.shape(x)?;
        check_indices("column of a pick", &columns, len)?;
        if columns.len() != rows {
            return Err(Error::shape("columns of a pick", rows, columns.len()));
        }
        self.record(Op::TakeFromColumns { x, entries: columns }, rows, 1)
    }

    /// Matrices with as many rows, side by side.
    ///
    /// # Errors
    /// No matrix; different numbers of rows.
    pub fn concat(&mut self, parts: &[Var]) -> Result<Var> {
        let Some(&first) = parts.first() else {
            return Err(hepml_core::Error::Empty { what: "list of matrices".into() }.into());
        };
        let (rows, mut columns) = self.shape(first)?;
        for &part in &parts[1..] {
            let shape = self.shape(part)?;
            if shape.0 != rows {
                return Err(Error::Shapes { operation: "concat", a: self.shape(first)?, b: shape });
            }
            columns += shape.1;
        }
        self.record(Op::Concat(parts.into()), rows, columns)
    }

    /// Some of the columns.
    ///
    /// # Errors
    /// Columns that are not there.
    pub fn columns(&mut self, x: Var, columns: Range<usize>) -> Result<Var> {
        let (rows, len) = self.shape(x)?;
        if columns.start > columns.end || columns.end > len {
            return Err(Error::shape("end of a range of columns, at most", len, columns.end));
        }
        self.record(Op::Columns { x, first: columns.start }, rows, columns.len())
    }

    /// The same numbers, row by row, in another shape.
    ///
    /// # Errors
    /// Another number of numbers.
    pub fn reshape(&mut self, x: Var, rows: usize, columns: usize) -> Result<Var> {
        let shape = self.shape(x)?;
        if Some(shape.0 * shape.1) != rows.checked_mul(columns) {
            return Err(Error::Shapes { operation: "reshape", a: shape, b: (rows, columns) });
        }
        self.record(Op::Reshape(x), rows, columns)
    }

    /// An operation of one's own.
    ///
    /// # Errors
    /// Operands that it does not take.
    pub fn custom(&mut self, op: Arc<dyn CustomOp<T>>, inputs: &[Var]) -> Result<Var> {
        let shapes = inputs.iter().map(|x| self.shape(*x)).collect::<Result<Vec<_>>>()?;
        let (rows, columns) = op.shape(&shapes)?;
        self.record(Op::Custom { op, inputs: inputs.into() }, rows, columns)
    }
}

/// # Recording
impl<T: Scalar> Tape<T> {
    /// Appends an operation, whose operands have been checked, and computes it.
    pub(super) fn record(&mut self, op: Op<T>, rows: usize, columns: usize) -> Result<Var> {
        let mut foreign = false;
        op.for_operands(|x| foreign |= x.recording != self.recording);
        if foreign {
            return Err(Error::ForeignVariable);
        }
        self.check_room(rows, columns)?;
        let var = self.node(op, rows, columns);
        self.compute(var)?;
        Ok(var)
    }

    fn node(&mut self, op: Op<T>, rows: usize, columns: usize) -> Var {
        let index = self.ops.len();
        if index == self.values.len() {
            self.values.push(Matrix::default());
            self.adjoints.push(Matrix::default());
            self.wanted.push(false);
            self.reached.push(false);
            self.masked.push(false);
        }
        let mut wanted = matches!(op, Op::Input | Op::Parameter(_));
        op.for_operands(|x| wanted |= self.wanted[x.index]);
        self.wanted[index] = wanted;
        self.reached[index] = false;
        self.values[index].reset(rows, columns);
        self.numbers = self.numbers.saturating_add(rows.saturating_mul(columns));
        self.ops.push(op);
        Var { index, recording: self.recording }
    }

    fn compute(&mut self, var: Var) -> Result<()> {
        let kernel = self.kernel;
        let (before, rest) = self.values.split_at_mut(var.index);
        let output = &mut rest[0];
        let get = |x: Var| view(&self.ops, before, &self.parameters, x);
        match &self.ops[var.index] {
            Op::Constant | Op::Input | Op::Parameter(_) => {}
            Op::Dense { x, weight, bias, activation } => {
                let epilogue = match bias {
                    Some(bias) => Epilogue::Bias(get(*bias)?.padded(), *activation),
                    None => Epilogue::Store,
                };
                kernel.gemm(output.view_mut(), get(*x)?, false, get(*weight)?, epilogue, None);
            }
            Op::Conv2d { x, weight, bias, shape, activation } => {
                let epilogue = match bias {
                    Some(bias) => Epilogue::Bias(get(*bias)?.padded(), *activation),
                    None => Epilogue::Store,
                };
                let (x, weight) = (get(*x)?, get(*weight)?);
                kernel.conv2d(shape, x, weight, output.view_mut(), epilogue, &mut self.planes);
            }
            Op::MeanPool { x, shape } => kernel.mean_pool(shape, get(*x)?, output.view_mut()),
            Op::Transpose(x) => kernel.transpose(get(*x)?, output.view_mut()),
            Op::Binary { operation, a, b } => {
                kernel.binary(*operation, get(*a)?, get(*b)?, output.view_mut());
            }
            Op::Affine { x, scale, shift } => kernel.affine(get(*x)?, *scale, *shift, output.view_mut()),
            Op::Function { function, order, x } => {
                kernel.function(*function, *order, get(*x)?, output.view_mut());
            }
            Op::RowSums(x) => kernel.row_sums(get(*x)?, output.view_mut()),
            Op::ColumnSums(x) => kernel.column_sums(get(*x)?, output.view_mut(), false),
            Op::LogSumExp(x) => kernel.log_sum_exp(get(*x)?, output.view_mut()),
            Op::SegmentSum { x, weights, segments } => {
                let weights = weights.map(get).transpose()?;
                kernel.segment_sum(get(*x)?, weights, segments.offsets(), output.view_mut());
            }
            Op::SegmentBroadcast { x, segments } => {
                kernel.segment_broadcast(get(*x)?, None, segments.offsets(), output.view_mut(), false, None);
            }
            Op::Gather { x, rows } => kernel.gather(get(*x)?, rows, output.view_mut(), false),
            Op::ScatterAdd { x, rows } => kernel.scatter_add(get(*x)?, rows, output.view_mut(), false),
            Op::TakeFromRows { x, entries } => kernel.take_from_rows(get(*x)?, entries, output.view_mut()),
            Op::TakeFromColumns { x, entries } => {
                kernel.take_from_columns(get(*x)?, entries, output.view_mut());
            }
            Op::Concat(parts) => {
                let mut first = 0;
                for part in &**parts {
                    let part = get(*part)?;
                    kernel.copy_columns(part, 0, output.view_mut(), first, part.columns(), false);
                    first += part.columns();
                }
                output.view_mut().clear_pads();
            }
            Op::Columns { x, first } => {
                let columns = output.columns();
                kernel.copy_columns(get(*x)?, *first, output.view_mut(), 0, columns, false);
                output.view_mut().clear_pads();
            }
            Op::Reshape(x) => kernel.reshape(get(*x)?, output.view_mut(), false),
            Op::Custom { op, inputs } => {
                let inputs = inputs.iter().map(|x| get(*x)).collect::<Result<Vec<_>>>()?;
                output.view_mut().padded().fill(T::ZERO);
                op.value(&inputs, output)?;
            }
        }
        Ok(())
    }
}

/// The part of an activation that the kernels take as they store a result, and the part that is left.
pub(super) fn fuse(activation: Option<Function>, biased: bool) -> (Fused, Option<Function>) {
    match activation {
        // An epilogue holds for a bias only; and the sign of x is that of the value for positive slopes only.
        Some(Function::Relu) if biased => (Fused::Relu, None),
        Some(Function::LeakyRelu(slope)) if biased && slope > 0.0 => (Fused::LeakyRelu(slope), None),
        other => (Fused::Identity, other),
    }
}

fn check_indices(what: &'static str, indices: &[u32], len: usize) -> Result<()> {
    match indices.iter().find(|index| **index as usize >= len) {
        None => Ok(()),
        Some(&index) => {
            Err(hepml_core::Error::IndexOutOfBounds { what: what.into(), index: index as usize, len }.into())
        }
    }
}
