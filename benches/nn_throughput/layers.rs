//! Networks of dense layers whose first values are given.

use hepml::nn::{
    Function, Matrix, Network, ParameterId, Parameters, Pass, Result, Scalar, SetVars, Sets, Var,
};

use crate::Arguments;

/// Dense layers, weights and biases.
pub(crate) struct Layers(Vec<[ParameterId; 2]>);

impl Layers {
    /// The layers whose names begin so, as many as there are.
    pub(crate) fn read<T: Scalar>(
        arguments: &Arguments,
        name: &str,
        parameters: &mut Parameters<T>,
    ) -> crate::Result<Self> {
        let mut layers = Vec::new();
        while arguments.folder.join(format!("{name}{}_weight.npy", layers.len())).exists() {
            let [weight, bias] = ["weight", "bias"].map(|part| format!("{name}{}_{part}", layers.len()));
            let (w, b) = (arguments.matrix::<T>(&weight)?, arguments.matrix::<T>(&bias)?);
            layers.push([parameters.add(weight, &w)?, parameters.add(bias, &b)?]);
        }
        Ok(Self(layers))
    }

    fn forward<T: Scalar>(&self, pass: &mut Pass<'_, T>, mut x: Var, last: Option<Function>) -> Result<Var> {
        for (number, [weight, bias]) in self.0.iter().enumerate() {
            let activation = if number + 1 == self.0.len() { last } else { Some(Function::Relu) };
            let (weight, bias) = (pass.parameter(*weight)?, pass.parameter(*bias)?);
            x = pass.dense(x, weight, Some(bias), activation)?;
        }
        Ok(x)
    }
}

/// f(x).
pub(crate) struct Rows {
    pub(crate) f: Layers,
}

impl<T: Scalar> Network<T> for Rows {
    type Input = Matrix<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, x: &Var) -> Result<Var> {
        self.f.forward(pass, *x, None)
    }
}

/// f(sum_i phi(x_i)) (arXiv:1810.05165).
pub(crate) struct SetsOfRows {
    pub(crate) phi: Layers,
    pub(crate) f: Layers,
}

impl<T: Scalar> Network<T> for SetsOfRows {
    type Input = Sets<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, sets: &SetVars) -> Result<Var> {
        let latent = self.phi.forward(pass, sets.rows, Some(Function::Relu))?;
        let latent = pass.segment_sum(latent, &sets.segments)?;
        self.f.forward(pass, latent, None)
    }
}
