//! Our networks inside a dfdx model.

use std::ops::DerefMut;
use std::sync::Arc;

use ::dfdx::nn::tensor_collection::{ModuleVisitor, TensorCollection, TensorOptions};
use ::dfdx::nn::{BuildOnDevice, Module, NonMutableModule};
use ::dfdx::shapes::{Const, Dtype, HasShape, Rank1};
use ::dfdx::tensor::{Cpu, CpuError, PutTape, SplitTape, Storage, Tape as DfdxTape, Tensor, TensorFromVec};
use ::dfdx::tensor_ops::Device;
use hepml_core::rand::SeedableRng;
use hepml_core::rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::network::Network;
use crate::parameters::{Gradients, Parameters};
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::Tape;

/// What a [`HostedNetwork`] computes: a type that says how to build it, for dfdx builds models from types alone.
pub trait Hosted: 'static {
    /// The network, of f32 and of f64.
    type Network: Network<f32, Input = Matrix<f32>> + Network<f64, Input = Matrix<f64>> + 'static;

    /// Builds it, with first values of its parameters.
    ///
    /// # Errors
    /// A network that cannot be built.
    fn build<T: Scalar>(
        parameters: &mut Parameters<T>,
        rng: &mut dyn hepml_core::rand::Rng,
    ) -> Result<Self::Network>;
}

/// A network of ours as a dfdx module [rows, I] -> [rows, O] with P numbers to learn, trained by dfdx's optimisers.
///
/// `P` is [`Parameters::size`]; building a module with another number is an error.
pub struct HostedNetwork<H: Hosted, const I: usize, const O: usize, const P: usize, E: Dtype, D: Storage<E>> {
    /// The network, and the names and shapes of its parameters; none if it cannot be built.
    built: Option<Arc<(H::Network, Parameters<f64>)>>,
    /// All parameters, one after another, row by row.
    pub numbers: Tensor<Rank1<P>, E, D>,
}

impl<H: Hosted, const I: usize, const O: usize, const P: usize, E: Dtype, D: Storage<E>> Clone
    for HostedNetwork<H, I, O, P, E, D>
{
    fn clone(&self) -> Self {
        Self { built: self.built.clone(), numbers: self.numbers.clone() }
    }
}

impl<H: Hosted, const I: usize, const O: usize, const P: usize, E, D> TensorCollection<E, D>
    for HostedNetwork<H, I, O, P, E, D>
where
    E: Dtype + Scalar,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = HostedNetwork<H, I, O, P, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> std::result::Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let options = TensorOptions::reset_with(|numbers: &mut Tensor<Rank1<P>, E, D>| {
            let seed = numbers.device().random_u64();
            // A network that cannot be built, or of another size, leaves zeros here and is an error where it computes.
            if let Some((_, parameters)) = built::<H, E>(seed)
                && parameters.size() == P
            {
                numbers.copy_from(&flat(&parameters));
            }
            Ok(())
        });
        visitor.visit_fields(
            (Self::tensor("numbers", |s| &s.numbers, |s| &mut s.numbers, options),),
            |(numbers,)| HostedNetwork { built: built::<H, f64>(0).map(Arc::new), numbers },
        )
    }
}

/// The network, with first values of its parameters; none if it cannot be built.
fn built<H: Hosted, E: Scalar>(seed: u64) -> Option<(H::Network, Parameters<E>)> {
    let mut parameters = Parameters::new();
    let network = H::build(&mut parameters, &mut ChaCha8Rng::seed_from_u64(seed)).ok()?;
    Some((network, parameters))
}

/// All parameters, one after another, row by row.
fn flat<E: Scalar>(parameters: &Parameters<E>) -> Vec<E> {
    let mut numbers = Vec::with_capacity(parameters.size());
    for id in parameters.ids() {
        let value = parameters.value(id).expect("one of these parameters");
        (0..value.rows()).for_each(|row| numbers.extend_from_slice(value.row(row)));
    }
    numbers
}

/// The parameters that these numbers are.
fn unflat<E: Scalar>(layout: &Parameters<f64>, numbers: &[E]) -> Result<Parameters<E>> {
    let mut parameters = Parameters::new();
    let mut numbers = numbers.iter();
    for id in layout.ids() {
        let (rows, columns) = layout.value(id)?.shape();
        let mut matrix = Matrix::zeros(rows, columns);
        for row in 0..rows {
            for (to, from) in matrix.row_mut(row).iter_mut().zip(&mut numbers) {
                *to = *from;
            }
        }
        parameters.add(layout.name(id)?, &matrix)?;
    }
    Ok(parameters)
}

impl<H: Hosted, const I: usize, const O: usize, const P: usize, E> BuildOnDevice<Cpu, E>
    for HostedNetwork<H, I, O, P, E, Cpu>
where
    E: Dtype + Scalar,
    Cpu: Device<E>,
{
    type Built = Self;
}

impl<H: Hosted, const I: usize, const O: usize, const P: usize, E: Dtype, D: Storage<E>> NonMutableModule
    for HostedNetwork<H, I, O, P, E, D>
{
}

impl<H, const I: usize, const O: usize, const P: usize, E, T> Module<Tensor<(usize, Const<I>), E, Cpu, T>>
    for HostedNetwork<H, I, O, P, E, Cpu>
where
    H: Hosted<Network: Network<E, Input = Matrix<E>>>,
    E: Dtype + Scalar,
    Cpu: Device<E> + Storage<E, Vec: DerefMut<Target = Vec<E>>>,
    T: DfdxTape<E, Cpu>,
{
    type Output = Tensor<(usize, Const<O>), E, Cpu, T>;
    /// Whatever goes wrong is a number of something that does not fit: dfdx composes modules of its own error only.
    type Error = CpuError;

    fn try_forward(
        &self,
        x: Tensor<(usize, Const<I>), E, Cpu, T>,
    ) -> std::result::Result<Self::Output, CpuError> {
        let (x, mut tape) = x.split_tape();
        let rows = x.shape().0;
        let y = self
            .compute(&x.as_vec(), &self.numbers.as_vec(), None)
            .map_err(|_| CpuError::WrongNumElements)?;
        let y = x.device().try_tensor_from_vec(y.value, (rows, Const::<O>))?;
        if T::OWNS_TAPE {
            let (this, x, y) = (self.clone(), x, y.clone());
            tape.add_backward_op(move |gradients| {
                gradients.try_alloc_for(&y)?;
                let gradient = gradients.get(&y).as_vec();
                let found = this
                    .compute(&x.as_vec(), &this.numbers.as_vec(), Some(&gradient))
                    .map_err(|_| CpuError::WrongNumElements)?;
                for (to, from) in gradients.get_or_alloc_mut(&x)?.iter_mut().zip(&found.by_x) {
                    *to += *from;
                }
                for (to, from) in gradients.get_or_alloc_mut(&this.numbers)?.iter_mut().zip(&found.by_numbers)
                {
                    *to += *from;
                }
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }
}

/// A value, and gradients if they were asked for.
struct Computed<E> {
    value: Vec<E>,
    by_x: Vec<E>,
    by_numbers: Vec<E>,
}

impl<H, const I: usize, const O: usize, const P: usize, E> HostedNetwork<H, I, O, P, E, Cpu>
where
    H: Hosted<Network: Network<E, Input = Matrix<E>>>,
    E: Dtype + Scalar,
    Cpu: Device<E>,
{
    /// The outputs, and the gradients of their product with `gradient`.
    fn compute(&self, x: &[E], numbers: &[E], gradient: Option<&[E]>) -> Result<Computed<E>> {
        let misfit = || Error::shape("numbers of a hosted network", P, 0);
        let built = self.built.as_ref().ok_or_else(misfit)?;
        let (network, layout) = &**built;
        if layout.size() != P {
            return Err(Error::shape("numbers of a hosted network", P, layout.size()));
        }
        let parameters = Arc::new(unflat(layout, numbers)?);
        let rows = x.len() / I.max(1);
        let mut tape = Tape::new();
        tape.begin(&parameters);
        let mut pass = Pass::evaluation(&mut tape);
        let x = pass.input(Matrix::from_rows(rows, I, x)?.view());
        let y = network.forward(&mut pass, &x)?;
        if pass.shape(y)? != (rows, O) {
            return Err(Error::Shapes { operation: "hosted network", a: (rows, O), b: pass.shape(y)? });
        }
        let view = pass.value(y)?;
        let value = (0..rows).flat_map(|row| view.row(row)).copied().collect();
        let (mut by_x, mut by_numbers) = (Vec::new(), Vec::new());
        if let Some(gradient) = gradient {
            let factor = pass.constant(Matrix::from_rows(rows, O, gradient)?.view());
            let product = pass.mul(y, factor)?;
            let loss = pass.sum(product)?;
            let mut gradients = Gradients::zeros(&parameters);
            pass.backward(loss, &mut gradients)?;
            for id in parameters.ids() {
                let gradient = gradients.value(&parameters, id)?;
                (0..gradient.rows()).for_each(|row| by_numbers.extend_from_slice(gradient.row(row)));
            }
            if let Some(gradient) = pass.gradient(x)? {
                (0..rows).for_each(|row| by_x.extend_from_slice(gradient.row(row)));
            }
        }
        Ok(Computed { value, by_x, by_numbers })
    }
}
