//! Going along: derivatives in a direction, recorded.

use super::op::Op;
use super::{Tape, Var};
use crate::error::{Error, Result};
use crate::kernel::{Binary, Function, Fused};
use crate::matrix::Matrix;
use crate::scalar::Scalar;

impl<T: Scalar> Tape<T> {
    /// The derivative of `y` when each `x` of `along` moves in its direction: sum_k v_k dy/dx_k, of the shape of y.
    ///
    /// It is recorded: it may be differentiated again, either way. The x may be any values (inputs, constants, parameters,
    /// results); what was computed from them counts as depending on them. Zeros if y does not depend on them.
    ///
    /// A loss of the derivatives of a network by its inputs, and its gradient by the parameters:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use hepml_core::{rand::SeedableRng, rand_chacha::ChaCha8Rng};
    /// use hepml_nn::{Function, Gradients, Inputs, Matrix, Mlp, Network, Parameters, Pass, StackConfig, Tape};
    ///
    /// let mut parameters = Parameters::<f64>::new();
    /// let hidden = StackConfig::new([8]).activation(Function::Tanh);
    /// let network = Mlp::new(&mut parameters, "mlp", 2, &hidden, 1, &mut ChaCha8Rng::seed_from_u64(1))?;
    /// let parameters = Arc::new(parameters);
    /// let mut tape = Tape::new();
    /// tape.begin(&parameters);
    /// let mut pass = Pass::evaluation(&mut tape);
    ///
    /// let x = Matrix::from_rows(3, 2, &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])?;
    /// let x = x.record(&mut pass, false)?;
    /// let y = network.forward(&mut pass, &x)?;
    /// // dy/dx_1 of each event, its derivative d²y/dx_1 dx_2, and the sum of the squares of that.
    /// let along_1 = pass.constant(Matrix::from_rows(3, 2, &[1.0, 0.0, 1.0, 0.0, 1.0, 0.0])?.view());
    /// let along_2 = pass.constant(Matrix::from_rows(3, 2, &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0])?.view());
    /// let slope = pass.tangent(y, &[(x, along_1)])?;
    /// let mixed = pass.tangent(slope, &[(x, along_2)])?;
    /// let square = pass.mul(mixed, mixed)?;
    /// let loss = pass.sum(square)?;
    /// let mut gradients = Gradients::zeros(&parameters);
    /// pass.backward(loss, &mut gradients)?;
    /// # assert!(pass.value(loss)?.scalar()? > 0.0);
    /// # Ok::<(), hepml_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// A direction of another shape than its x; an operation without a tangent.
    pub fn tangent(&mut self, y: Var, along: &[(Var, Var)]) -> Result<Var> {
        Ok(self.tangents(&[y], along)?[0])
    }

    /// [`tangent`](Self::tangent) of several values at once.
    ///
    /// # Errors
    /// As [`tangent`](Self::tangent).
    pub fn tangents(&mut self, of: &[Var], along: &[(Var, Var)]) -> Result<Vec<Var>> {
        for &y in of {
            self.check(y)?;
        }
        let last = of.iter().map(|y| y.index).max().unwrap_or(0);
        let mut tangents: Vec<Option<Var>> = vec![None; last + 1];
        let mut first = last + 1;
        for &(x, direction) in along {
            let (a, b) = (self.shape(x)?, self.shape(direction)?);
            if a != b {
                return Err(Error::Shapes { operation: "direction of a tangent", a, b });
            }
            if x.index <= last {
                tangents[x.index] = Some(match tangents[x.index] {
                    Some(before) => self.add(before, direction)?,
                    None => direction,
                });
                first = first.min(x.index);
            }
        }
        let needed = self.ancestors(of, last);
        for index in first..=last {
            if tangents[index].is_none() && needed[index] {
                tangents[index] = self.tangent_of(index, &tangents)?;
            }
        }
        of.iter().map(|y| tangents[y.index].map_or_else(|| self.zeros_like(*y), Ok)).collect()
    }

    /// Which values some others are computed from.
    fn ancestors(&self, of: &[Var], last: usize) -> Vec<bool> {
        let mut needed = vec![false; last + 1];
        for y in of {
            needed[y.index] = true;
        }
        for index in (0..=last).rev() {
            if needed[index] {
                self.ops[index].for_operands(|x| needed[x.index] = true);
            }
        }
        needed
    }

    /// The tangent of one operation from those of its operands.
    fn tangent_of(&mut self, index: usize, tangents: &[Option<Var>]) -> Result<Option<Var>> {
        let op = self.ops[index].clone();
        let mut varies = false;
        op.for_operands(|x| varies |= tangents[x.index].is_some());
        if !varies {
            return Ok(None);
        }
        let y = Var { index, recording: self.recording };
        let of = |x: Var| tangents[x.index];
        let (rows, columns) = self.shape(y)?;
        let tangent = match op {
            Op::Constant | Op::Input | Op::Parameter(_) => None,
            Op::Dense { x, weight, bias, activation } => {
                let mut sum = None;
                if let Some(dx) = of(x) {
                    sum = Some(self.matmul(dx, weight)?);
                }
                if let Some(dw) = of(weight) {
                    let term = self.matmul(x, dw)?;
                    sum = self.plus(sum, Some(term))?;
                }
                if let Some(db) = bias.and_then(of) {
                    let term = self.expand(db, rows, columns)?;
                    sum = self.plus(sum, Some(term))?;
                }
                self.times_slope(sum, activation, y)?
            }
            Op::Conv2d { x, weight, bias, shape, activation } => {
                let mut terms = Vec::with_capacity(2);
                if let Some(dx) = of(x) {
                    terms.push((dx, weight));
                }
                if let Some(dw) = of(weight) {
                    terms.push((x, dw));
                }
                let mut db = bias.and_then(of);
                if terms.is_empty() && db.is_some() {
                    let (inputs, outputs) = shape.weights();
                    terms.push((x, self.constant(Matrix::zeros(inputs, outputs).view())));
                }
                let mut sum = None;
                for (x, weight) in terms {
                    let term = self.conv2d(x, weight, db.take(), &shape, None)?;
                    sum = self.plus(sum, Some(term))?;
                }
                self.times_slope(sum, activation, y)?
            }
            Op::Binary { operation, a, b } => self.tangent_of_binary(operation, [a, b, y], [of(a), of(b)])?,
            Op::Function { function, order, x } => match of(x) {
                Some(dx) => {
                    let slope = self.derivative(function, order + 1, x)?;
                    Some(self.mul(slope, dx)?)
                }
                None => None,
            },
            Op::LogSumExp(x) => match of(x) {
                Some(dx) => {
                    let share = self.sub(x, y)?;
                    let share = self.apply(Function::Exp, share)?;
                    let product = self.mul(share, dx)?;
                    Some(self.row_sums(product)?)
                }
                None => None,
            },
            Op::SegmentSum { x, weights, segments } => {
                let by_x = match of(x) {
                    Some(dx) => Some(self.record(
                        Op::SegmentSum { x: dx, weights, segments: segments.clone() },
                        rows,
                        columns,
                    )?),
                    None => None,
                };
                let by_weights = match weights.and_then(of) {
                    Some(dw) => Some(self.segment_weighted_sum(x, dw, &segments)?),
                    None => None,
                };
                self.plus(by_x, by_weights)?
            }
            Op::Concat(parts) => {
                let mut moved = Vec::with_capacity(parts.len());
                for &part in &*parts {
                    moved.push(of(part).map_or_else(|| self.zeros_like(part), Ok)?);
                }
                Some(self.concat(&moved)?)
            }
            Op::Custom { op, inputs } => {
                let moved: Vec<Option<Var>> = inputs.iter().map(|x| of(*x)).collect();
                let tangent = op.tangent(self, &inputs, y, &moved)?;
                if self.shape(tangent)? != (rows, columns) {
                    let b = self.shape(tangent)?;
                    return Err(Error::Shapes {
                        operation: "tangent of a custom operation",
                        a: (rows, columns),
                        b,
                    });
                }
                Some(tangent)
            }
            // The linear ones: the same, of the tangent.
            Op::MeanPool { x, shape } => self.linear(of(x), rows, columns, |x| Op::MeanPool { x, shape })?,
            Op::Transpose(x) => self.linear(of(x), rows, columns, Op::Transpose)?,
            Op::Affine { x, scale, .. } => {
                self.linear(of(x), rows, columns, |x| Op::Affine { x, scale, shift: T::ZERO })?
            }
            Op::RowSums(x) => self.linear(of(x), rows, columns, Op::RowSums)?,
            Op::ColumnSums(x) => self.linear(of(x), rows, columns, Op::ColumnSums)?,
            Op::SegmentBroadcast { x, segments } => {
                self.linear(of(x), rows, columns, |x| Op::SegmentBroadcast { x, segments })?
            }
            Op::Gather { x, rows: from } => {
                self.linear(of(x), rows, columns, |x| Op::Gather { x, rows: from })?
            }
            Op::ScatterAdd { x, rows: to } => {
                self.linear(of(x), rows, columns, |x| Op::ScatterAdd { x, rows: to })?
            }
            Op::TakeFromRows { x, entries } => {
                self.linear(of(x), rows, columns, |x| Op::TakeFromRows { x, entries })?
            }
            Op::TakeFromColumns { x, entries } => {
                self.linear(of(x), rows, columns, |x| Op::TakeFromColumns { x, entries })?
            }
            Op::Columns { x, first } => self.linear(of(x), rows, columns, |x| Op::Columns { x, first })?,
            Op::Reshape(x) => self.linear(of(x), rows, columns, Op::Reshape)?,
        };
        Ok(tangent)
    }

    /// The tangent of what an activation is taken of, times the slope that the activation has where its value is y.
    fn times_slope(&mut self, tangent: Option<Var>, activation: Fused, y: Var) -> Result<Option<Var>> {
        let slope = match activation {
            Fused::Identity => return Ok(tangent),
            // The sign of the value is that of what it is the value of.
            Fused::Relu => Function::Relu,
            Fused::LeakyRelu(slope) => Function::LeakyRelu(slope),
        };
        let Some(tangent) = tangent else { return Ok(None) };
        let slope = self.derivative(slope, 1, y)?;
        self.mul(tangent, slope).map(Some)
    }

    fn linear(
        &mut self,
        dx: Option<Var>,
        rows: usize,
        columns: usize,
        op: impl FnOnce(Var) -> Op<T>,
    ) -> Result<Option<Var>> {
        dx.map(|dx| self.record(op(dx), rows, columns)).transpose()
    }

    fn tangent_of_binary(
        &mut self,
        operation: Binary,
        [a, b, y]: [Var; 3],
        [da, db]: [Option<Var>; 2],
    ) -> Result<Option<Var>> {
        let (rows, columns) = self.shape(y)?;
        let (by_a, by_b) = match operation {
            Binary::Add | Binary::Sub => {
                let by_a = da.map(|da| self.expand(da, rows, columns)).transpose()?;
                let by_b = db.map(|db| self.expand(db, rows, columns)).transpose()?;
                return match (operation, by_a, by_b) {
                    (Binary::Sub, Some(by_a), Some(by_b)) => self.sub(by_a, by_b).map(Some),
                    (Binary::Sub, None, Some(by_b)) => self.affine(by_b, -1.0, 0.0).map(Some),
                    (_, by_a, by_b) => self.plus(by_a, by_b),
                };
            }
            Binary::Mul => {
                (da.map(|da| self.mul(da, b)).transpose()?, db.map(|db| self.mul(a, db)).transpose()?)
            }
            Binary::Div => {
                let by_a = da.map(|da| self.div(da, b)).transpose()?;
                let by_b = match db {
                    Some(db) => {
                        let term = self.mul(y, db)?;
                        let term = self.div(term, b)?;
                        Some(self.affine(term, -1.0, 0.0)?)
                    }
                    None => None,
                };
                (by_a, by_b)
            }
            Binary::Max | Binary::Min => {
                // 1 where the first operand counts: where a - b >= 0 (or <= 0), the ties included.
                let difference = self.sub(a, b)?;
                let mut first = self.value(difference)?.to_matrix();
                for row in 0..rows {
                    for x in first.row_mut(row) {
                        let counts = if operation == Binary::Max { *x >= T::ZERO } else { *x <= T::ZERO };
                        *x = if counts { T::ONE } else { T::ZERO };
                    }
                }
                let first = self.constant(first.view());
                let second = self.affine(first, -1.0, 1.0)?;
                (
                    da.map(|da| self.mul(da, first)).transpose()?,
                    db.map(|db| self.mul(db, second)).transpose()?,
                )
            }
        };
        self.plus(by_a, by_b)
    }

    /// Zeros of the shape of a value.
    fn zeros_like(&mut self, x: Var) -> Result<Var> {
        let (rows, columns) = self.shape(x)?;
        Ok(self.constant(Matrix::zeros(rows, columns).view()))
    }

    /// The sum of what there is.
    fn plus(&mut self, a: Option<Var>, b: Option<Var>) -> Result<Option<Var>> {
        match (a, b) {
            (Some(a), Some(b)) => self.add(a, b).map(Some),
            (a, b) => Ok(a.or(b)),
        }
    }

    /// One row for all rows, one column for all columns.
    fn expand(&mut self, x: Var, rows: usize, columns: usize) -> Result<Var> {
        if self.shape(x)? == (rows, columns) {
            return Ok(x);
        }
        let zeros = self.constant(Matrix::zeros(rows, columns).view());
        self.add(x, zeros)
    }
}
