//! A dfdx module as a network.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use ::dfdx::nn::Module;
use ::dfdx::nn::tensor_collection::{
    RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorMut, ViewTensorRef,
};
use ::dfdx::shapes::{Const, Dtype, HasShape, Shape};
use ::dfdx::tensor::{Cpu, Gradients, NoneTape, OwnedTape, Tensor, TensorFromVec, Trace};
use ::dfdx::tensor_ops::{Backward, Device, SumTo};

use crate::error::{Error, Result};
use crate::matrix::{Matrix, View};
use crate::network::Network;
use crate::parameters::{ParameterId, Parameters};
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::{CustomOp, Var};

/// Rows of a dfdx tensor: as many as there are, of `N` numbers.
type Rows<const N: usize, E, T = NoneTape> = Tensor<(usize, Const<N>), E, Cpu, T>;

/// A dfdx module [rows, I] -> [rows, O] as a [`Network`]: its tensors are parameters here, and are trained here.
///
/// ```
/// use dfdx::prelude::*;
/// use hepml_nn::dfdx_guest::DfdxNetwork;
/// use hepml_nn::Parameters;
///
/// type Layers = (Linear<3, 8>, Tanh, Linear<8, 1>);
/// let module = Cpu::seed_from_u64(1).build_module::<Layers, f32>();
/// let mut parameters = Parameters::<f32>::new();
/// let network = DfdxNetwork::<_, f32, 3, 1>::new(&mut parameters, "guest", module)?;
/// assert_eq!(parameters.size(), 3 * 8 + 8 + 8 + 1);
/// # Ok::<(), hepml_nn::Error>(())
/// ```
pub struct DfdxNetwork<M, E, const I: usize, const O: usize> {
    module: Arc<M>,
    tensors: Vec<ParameterId>,
    number: PhantomData<E>,
}

impl<M, E, const I: usize, const O: usize> DfdxNetwork<M, E, I, O>
where
    M: TensorCollection<E, Cpu> + Clone,
    E: Dtype + Scalar,
    Cpu: Device<E>,
{
    /// The module, whose trainable tensors become the parameters `name/0`, `name/1`, ..., each a row, in the order of dfdx.
    ///
    /// # Errors
    /// Names that are taken; a number of the module that is not finite.
    pub fn new<T: Scalar>(parameters: &mut Parameters<T>, name: &str, module: M) -> Result<Self> {
        let mut read = Read(Vec::new());
        walk(&module, &mut read)?;
        let mut tensors = Vec::with_capacity(read.0.len());
        for (number, values) in read.0.iter().enumerate() {
            let mut row = Matrix::zeros(1, values.len());
            convert(row.row_mut(0), values);
            tensors.push(parameters.add(format!("{name}/{number}"), &row)?);
        }
        Ok(Self { module: Arc::new(module), tensors, number: PhantomData })
    }

    /// The module with the values of these parameters: after training, to go on with in dfdx.
    ///
    /// # Errors
    /// Parameters of another network.
    pub fn module<T: Scalar>(&self, parameters: &Parameters<T>) -> Result<M> {
        let values =
            self.tensors.iter().map(|id| parameters.value(*id)).collect::<Result<Vec<View<'_, T>>>>()?;
        filled(&self.module, &values)
    }
}

impl<T, M, E, const I: usize, const O: usize> Network<T> for DfdxNetwork<M, E, I, O>
where
    T: Scalar,
    E: Dtype + Scalar,
    Cpu: Device<E>,
    M: TensorCollection<E, Cpu>
        + Clone
        + Send
        + Sync
        + 'static
        + Module<Rows<I, E>, Output = Rows<O, E>>
        + Module<Rows<I, E, OwnedTape<E, Cpu>>, Output = Rows<O, E, OwnedTape<E, Cpu>>>,
{
    type Input = Matrix<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, input: &Var) -> Result<Var> {
        let mut operands = vec![*input];
        for &id in &self.tensors {
            operands.push(pass.parameter(id)?);
        }
        let op = Guest::<M, E, I, O> {
            module: self.module.clone(),
            gradients: Mutex::new(None),
            number: PhantomData,
        };
        pass.custom(Arc::new(op), &operands)
    }
}

/// One call of the module on a tape.
struct Guest<M, E, const I: usize, const O: usize> {
    module: Arc<M>,
    /// The gradients by all operands that belong to a gradient by the result: dfdx finds all of them at once, the tape asks
    /// for one after the other.
    gradients: Mutex<Option<Found<E>>>,
    number: PhantomData<E>,
}

/// A gradient by the result, and those by the operands that follow from it.
type Found<E> = (Vec<E>, Vec<Vec<E>>);

impl<M, E, const I: usize, const O: usize> fmt::Debug for Guest<M, E, I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a dfdx module of {I} inputs and {O} outputs")
    }
}

impl<M, E, const I: usize, const O: usize> Guest<M, E, I, O>
where
    E: Dtype + Scalar,
    Cpu: Device<E>,
    M: TensorCollection<E, Cpu>
        + Clone
        + Module<Rows<I, E, OwnedTape<E, Cpu>>, Output = Rows<O, E, OwnedTape<E, Cpu>>>,
{
    fn all_gradients<T: Scalar>(&self, inputs: &[View<'_, T>], gradient: &[E]) -> Result<Vec<Vec<E>>> {
        let module = filled(&*self.module, &inputs[1..])?;
        let device = Cpu::default();
        let rows = inputs[0].rows();
        let x: Rows<I, E> = device.tensor_from_vec(numbers(inputs[0]), (rows, Const::<I>));
        let factor: Rows<O, E> = device.tensor_from_vec(gradient.to_vec(), (rows, Const::<O>));
        let y = module.try_forward(x.leaky_trace()).map_err(|error| failed(&error))?;
        let found: Gradients<E, Cpu> = (y * factor).sum().backward();
        let mut collected = Collect { found, gradients: vec![] };
        collected.gradients.push(collected.found.get(&x).as_vec());
        walk(&module, &mut collected)?;
        Ok(collected.gradients)
    }
}

impl<T, M, E, const I: usize, const O: usize> CustomOp<T> for Guest<M, E, I, O>
where
    T: Scalar,
    E: Dtype + Scalar,
    Cpu: Device<E>,
    M: TensorCollection<E, Cpu>
        + Clone
        + Send
        + Sync
        + Module<Rows<I, E>, Output = Rows<O, E>>
        + Module<Rows<I, E, OwnedTape<E, Cpu>>, Output = Rows<O, E, OwnedTape<E, Cpu>>>,
{
    fn name(&self) -> &'static str {
        "a dfdx module"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        let (rows, columns) = inputs[0];
        if columns != I {
            return Err(Error::shape("columns for a dfdx module", I, columns));
        }
        Ok((rows, O))
    }

    fn value(&self, inputs: &[View<'_, T>], output: &mut Matrix<T>) -> Result<()> {
        let module = filled(&*self.module, &inputs[1..])?;
        let shape = (inputs[0].rows(), Const::<I>);
        let x: Rows<I, E> = Cpu::default().tensor_from_vec(numbers(inputs[0]), shape);
        let y = module.try_forward(x).map_err(|error| failed(&error))?.as_vec();
        for row in 0..output.rows() {
            convert(output.row_mut(row), &y[row * O..(row + 1) * O]);
        }
        Ok(())
    }

    fn adjoint(
        &self,
        which: usize,
        inputs: &[View<'_, T>],
        _output: View<'_, T>,
        gradient: View<'_, T>,
        to: &mut Matrix<T>,
    ) -> Result<()> {
        let gradient: Vec<E> = numbers(gradient);
        let mut cached = self.gradients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if cached.as_ref().is_none_or(|(of, _)| *of != gradient) {
            let all = self.all_gradients(inputs, &gradient)?;
            *cached = Some((gradient, all));
        }
        let (_, all) = cached.as_ref().expect("just filled");
        let columns = to.columns();
        for row in 0..to.rows() {
            convert(to.row_mut(row), &all[which][row * columns..(row + 1) * columns]);
        }
        Ok(())
    }
}

/// Number by number, through f64, which holds both types.
fn convert<A: Scalar, B: Scalar>(to: &mut [A], from: &[B]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = A::from_f64(from.to_f64());
    }
}

/// The numbers row by row.
fn numbers<T: Scalar, E: Scalar>(x: View<'_, T>) -> Vec<E> {
    (0..x.rows()).flat_map(|row| x.row(row)).map(|x| E::from_f64(x.to_f64())).collect()
}

/// An error of dfdx: memory that could not be had.
fn failed(error: &impl fmt::Debug) -> Error {
    hepml_core::Error::Model(format!("dfdx: {error:?}")).into()
}

fn walk<M, E, V>(module: &M, visitor: &mut V) -> Result<()>
where
    M: TensorCollection<E, Cpu>,
    E: Dtype,
    Cpu: Device<E>,
    V: TensorVisitor<E, Cpu, Viewer = ViewTensorRef, Err: fmt::Debug>,
{
    M::iter_tensors(&mut RecursiveWalker { m: module, f: visitor }).map_err(|error| failed(&error))?;
    Ok(())
}

/// The module with other values of its trainable tensors.
fn filled<M, E, T>(module: &M, values: &[View<'_, T>]) -> Result<M>
where
    M: TensorCollection<E, Cpu> + Clone,
    E: Dtype + Scalar,
    Cpu: Device<E>,
    T: Scalar,
{
    let mut module = module.clone();
    let values = values.iter().map(|value| numbers(*value)).collect();
    let mut fill = Fill { values, next: 0 };
    M::iter_tensors(&mut RecursiveWalker { m: &mut module, f: &mut fill }).map_err(|error| failed(&error))?;
    Ok(module)
}

/// Copies trainable tensors out.
struct Read<E>(Vec<Vec<E>>);

impl<E: Dtype> TensorVisitor<E, Cpu> for Read<E>
where
    Cpu: Device<E>,
{
    type Viewer = ViewTensorRef;
    type Err = ::dfdx::tensor::CpuError;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, Cpu>,
        tensor: &Tensor<S, E, Cpu>,
    ) -> Result<Option<Tensor<S, E, Cpu>>, Self::Err> {
        if options.do_gradient_update {
            self.0.push(tensor.as_vec());
        }
        Ok(None)
    }
}

/// Copies trainable tensors in.
struct Fill<E> {
    values: Vec<Vec<E>>,
    next: usize,
}

impl<E: Dtype> TensorVisitor<E, Cpu> for Fill<E>
where
    Cpu: Device<E>,
{
    type Viewer = ViewTensorMut;
    type Err = ::dfdx::tensor::CpuError;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, Cpu>,
        tensor: &mut Tensor<S, E, Cpu>,
    ) -> Result<Option<Tensor<S, E, Cpu>>, Self::Err> {
        if options.do_gradient_update {
            // A tensor of its own, not one that shares its id with the module's: gradients go by ids.
            *tensor = tensor.device().try_tensor_from_vec(self.values[self.next].clone(), *tensor.shape())?;
            self.next += 1;
        }
        Ok(None)
    }
}

/// Copies gradients of trainable tensors out; zeros where there is none.
struct Collect<E: Dtype> {
    found: Gradients<E, Cpu>,
    gradients: Vec<Vec<E>>,
}

impl<E: Dtype> TensorVisitor<E, Cpu> for Collect<E>
where
    Cpu: Device<E>,
{
    type Viewer = ViewTensorRef;
    type Err = ::dfdx::tensor::CpuError;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, Cpu>,
        tensor: &Tensor<S, E, Cpu>,
    ) -> Result<Option<Tensor<S, E, Cpu>>, Self::Err> {
        if options.do_gradient_update {
            self.found.try_alloc_for(tensor)?;
            self.gradients.push(self.found.get(tensor).as_vec());
        }
        Ok(None)
    }
}
