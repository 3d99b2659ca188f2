//! Going back: gradients of one number by everything it depends on.

use super::op::Op;
use super::{Tape, Var, view};
use crate::error::{Error, Result};
use crate::kernel::{Epilogue, Fused, Kernel};
use crate::matrix::{Matrix, View, ViewMut};
use crate::parameters::{Gradients, Parameters};
use crate::scalar::Scalar;

impl<T: Scalar> Tape<T> {
    /// Adds the gradients of `loss` [1, 1] by the parameters to `gradients`; those by inputs are
    /// then what [`gradient`](Self::gradient) returns.
    ///
    /// # Errors
    /// A loss that is not one number; gradients of other parameters.
    pub fn backward(&mut self, loss: Var, gradients: &mut Gradients<T>) -> Result<()> {
        let shape = self.shape(loss)?;
        if shape != (1, 1) {
            return Err(Error::Shapes { operation: "loss", a: (1, 1), b: shape });
        }
        if gradients.values().len() != self.parameters.values().len() {
            let (expected, got) = (self.parameters.values().len(), gradients.values().len());
            return Err(Error::shape("gradients", expected, got));
        }
        self.reached[..self.ops.len()].fill(false);
        self.adjoints[loss.index].reset_zeros(1, 1);
        self.adjoints[loss.index].row_mut(0)[0] = T::ONE;
        self.reached[loss.index] = true;
        self.masked[loss.index] = false;
        for index in (0..=loss.index).rev() {
            if self.reached[index] && self.wanted[index] {
                self.step_back(index, gradients)?;
            }
        }
        Ok(())
    }

    /// From the adjoint of one value to those of its operands.
    fn step_back(&mut self, index: usize, gradients: &mut Gradients<T>) -> Result<()> {
        let kernel = self.kernel;
        let (before, rest) = self.adjoints.split_at_mut(index);
        let adjoint = &mut rest[0];
        let (ops, values, parameters) = (&self.ops, &self.values, &*self.parameters);
        let get = |x: Var| view(ops, values, parameters, x);
        let y = values[index].view();
        let mut sinks = Sinks {
            ops,
            wanted: &self.wanted,
            reached: &mut self.reached,
            masked: &mut self.masked,
            adjoints: before,
            parameters,
            gradients,
        };
        match &ops[index] {
            Op::Constant | Op::Input => {}
            // The loss is a parameter itself.
            Op::Parameter(id) => {
                let mut to = sinks.gradients.value_mut(parameters, *id)?;
                kernel.add_scaled(to.padded(), T::ONE, adjoint.view().padded());
            }
            Op::Dense { x, weight, bias, activation } => {
                if *activation != Fused::Identity && !sinks.masked[index] {
                    kernel.fused_adjoint(*activation, y, adjoint.view_mut());
                }
                let g = adjoint.view();
                let value = get(*x)?;
                if let Some((to, accumulate, mask)) = sinks.masked_to(*x, value)? {
                    let epilogue = if accumulate { Epilogue::Accumulate } else { Epilogue::Store };
                    let transpose = if let Op::Parameter(id) = ops[weight.index] {
                        parameters.transpose(id)?
                    } else {
                        let weight = get(*weight)?;
                        self.scratch.reset(weight.columns(), weight.rows());
                        kernel.transpose(weight, self.scratch.view_mut());
                        self.scratch.view()
                    };
                    kernel.gemm(to, g, false, transpose, epilogue, mask);
                }
                if let Some((to, accumulate)) = sinks.to(*weight, get(*weight)?)? {
                    let epilogue = if accumulate { Epilogue::Accumulate } else { Epilogue::Store };
                    kernel.gemm(to, value, true, g, epilogue, None);
                }
                if let Some(bias) = bias
                    && let Some((to, accumulate)) = sinks.to(*bias, get(*bias)?)?
                {
                    kernel.column_sums(g, to, accumulate);
                }
            }
            Op::Conv2d { x, weight, bias, shape, activation } => {
                if *activation != Fused::Identity {
                    kernel.fused_adjoint(*activation, y, adjoint.view_mut());
                }
                let (g, planes) = (adjoint.view(), &mut self.planes);
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    kernel.conv2d_input_adjoint(shape, get(*weight)?, g, to, accumulate, planes);
                }
                if let Some((to, accumulate)) = sinks.to(*weight, get(*weight)?)? {
                    kernel.conv2d_weight_adjoint(shape, get(*x)?, g, to, accumulate, planes);
                }
                if let Some(bias) = bias
                    && let Some((to, accumulate)) = sinks.to(*bias, get(*bias)?)?
                {
                    kernel.conv2d_bias_adjoint(shape, g, to, accumulate);
                }
            }
            Op::MeanPool { x, shape } => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    kernel.mean_pool_adjoint(shape, adjoint.view(), to, accumulate);
                }
            }
            Op::Transpose(x) => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    self.scratch.reset(to.shape().0, to.shape().1);
                    kernel.transpose(adjoint.view(), self.scratch.view_mut());
                    put(kernel, to, self.scratch.view(), accumulate);
                }
            }
            Op::Binary { operation, a, b } => {
                for (operand, second) in [(*a, false), (*b, true)] {
                    if let Some((to, accumulate)) = sinks.to(operand, get(operand)?)? {
                        let (a, b) = (get(*a)?, get(*b)?);
                        kernel.binary_adjoint(*operation, second, a, b, y, adjoint.view(), to, accumulate);
                    }
                }
            }
            Op::Affine { x, scale, .. } => {
                if let Some((mut to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    if !accumulate {
                        to.padded().fill(T::ZERO);
                    }
                    kernel.add_scaled(to.padded(), *scale, adjoint.view().padded());
                }
            }
            Op::Function { function, order, x } => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    kernel.function_adjoint(*function, *order, get(*x)?, y, adjoint.view(), to, accumulate);
                }
            }
            Op::RowSums(x) => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    kernel.spread_rows(adjoint.view(), to, accumulate);
                }
            }
            Op::ColumnSums(x) => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    let all = [0, to.shape().0];
                    kernel.segment_broadcast(adjoint.view(), None, &all, to, accumulate, None);
                }
            }
            Op::LogSumExp(x) => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    kernel.log_sum_exp_adjoint(get(*x)?, y, adjoint.view(), to, accumulate);
                }
            }
            Op::SegmentSum { x, weights, segments } => {
                let g = adjoint.view();
                if let Some((to, accumulate, mask)) = sinks.masked_to(*x, get(*x)?)? {
                    let weights = weights.map(get).transpose()?;
                    kernel.segment_broadcast(g, weights, segments.offsets(), to, accumulate, mask);
                }
                if let Some(weights) = weights
                    && let Some((to, accumulate)) = sinks.to(*weights, get(*weights)?)?
                {
                    kernel.segment_dot(get(*x)?, g, segments.offsets(), to, accumulate);
                }
            }
            Op::SegmentBroadcast { x, segments } => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    self.scratch.reset(to.shape().0, to.shape().1);
                    kernel.segment_sum(adjoint.view(), None, segments.offsets(), self.scratch.view_mut());
                    put(kernel, to, self.scratch.view(), accumulate);
                }
            }
            Op::Gather { x, rows } => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    kernel.scatter_add(adjoint.view(), rows, to, accumulate);
                }
            }
            Op::ScatterAdd { x, rows } => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    kernel.gather(adjoint.view(), rows, to, accumulate);
                }
            }
            Op::TakeFromRows { x, entries } => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    kernel.take_from_rows_adjoint(adjoint.view(), entries, to, accumulate);
                }
            }
            Op::TakeFromColumns { x, entries } => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    kernel.take_from_columns_adjoint(adjoint.view(), entries, to, accumulate);
                }
            }
            Op::Concat(parts) => {
                let mut first = 0;
                for part in &**parts {
                    let value = get(*part)?;
                    if let Some((mut to, accumulate)) = sinks.to(*part, value)? {
                        let columns = value.columns();
                        kernel.copy_columns(adjoint.view(), first, to.reborrow(), 0, columns, accumulate);
                        to.clear_pads();
                    }
                    first += value.columns();
                }
            }
            Op::Columns { x, first } => {
                if let Some((mut to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    if !accumulate {
                        to.padded().fill(T::ZERO);
                    }
                    kernel.copy_columns(adjoint.view(), 0, to, *first, y.columns(), true);
                }
            }
            Op::Reshape(x) => {
                if let Some((to, accumulate)) = sinks.to(*x, get(*x)?)? {
                    kernel.reshape(adjoint.view(), to, accumulate);
                }
            }
            Op::Custom { op, inputs } => {
                let operands = inputs.iter().map(|x| get(*x)).collect::<Result<Vec<_>>>()?;
                for (which, &input) in inputs.iter().enumerate() {
                    if let Some((to, accumulate)) = sinks.to(input, operands[which])? {
                        self.scratch.reset_zeros(to.shape().0, to.shape().1);
                        op.adjoint(which, &operands, y, adjoint.view(), &mut self.scratch)?;
                        put(kernel, to, self.scratch.view(), accumulate);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Stores or adds.
fn put<T: Scalar>(kernel: Kernel, mut to: ViewMut<'_, T>, from: View<'_, T>, accumulate: bool) {
    if accumulate {
        kernel.add_scaled(to.padded(), T::ONE, from.padded());
    } else {
        to.padded().copy_from_slice(from.padded());
    }
}

/// Where the adjoints of operands go.
struct Sinks<'a, T: Scalar> {
    ops: &'a [Op<T>],
    wanted: &'a [bool],
    reached: &'a mut [bool],
    masked: &'a mut [bool],
    adjoints: &'a mut [Matrix<T>],
    parameters: &'a Parameters<T>,
    gradients: &'a mut Gradients<T>,
}

impl<T: Scalar> Sinks<'_, T> {
    /// Where the adjoint of an operand of that value goes, and whether to add to what is there; none if nobody asks for it.
    fn to(&mut self, x: Var, value: View<'_, T>) -> Result<Option<(ViewMut<'_, T>, bool)>> {
        self.reach(x, value, false)
    }

    /// The same, and a mask for the sum: the value, if it is a rectified one. Who writes the adjoint has it in the cache.
    fn masked_to<'v>(&mut self, x: Var, value: View<'v, T>) -> Result<Option<MaskedSink<'_, 'v, T>>> {
        let rectified = matches!(self.ops[x.index], Op::Dense { activation: Fused::Relu, .. });
        let to = self.reach(x, value, rectified)?;
        Ok(to.map(|(to, accumulate)| (to, accumulate, rectified.then_some(value))))
    }

    fn reach(&mut self, x: Var, value: View<'_, T>, masked: bool) -> Result<Option<(ViewMut<'_, T>, bool)>> {
        if !self.wanted[x.index] {
            return Ok(None);
        }
        if let Op::Parameter(id) = self.ops[x.index] {
            return Ok(Some((self.gradients.value_mut(self.parameters, id)?, true)));
        }
        let accumulate = std::mem::replace(&mut self.reached[x.index], true);
        self.masked[x.index] = masked;
        let adjoint = &mut self.adjoints[x.index];
        if !accumulate {
            adjoint.reset(value.rows(), value.columns());
        }
        Ok(Some((adjoint.view_mut(), accumulate)))
    }
}

/// Where an adjoint goes, whether to add to what is there, and what to mask the sum with.
type MaskedSink<'a, 'v, T> = (ViewMut<'a, T>, bool, Option<View<'v, T>>);
