//! Matrices and parameters in model files.

use hepml_core::ndarray::{Array2, Ix2};
use hepml_core::{Error as CoreError, ModelFile, Tensor};

use crate::error::Result;
use crate::matrix::{Matrix, View};
use crate::parameters::Parameters;
use crate::scalar::Scalar;

/// Puts a matrix into a file, as numbers of its type.
///
/// # Errors
/// A name that is taken; a number that is not finite.
pub(crate) fn insert<T: Scalar>(file: &mut ModelFile, name: String, matrix: View<'_, T>) -> Result<()> {
    let numbers = matrix.to_array();
    let tensor = if T::NAME == f32::NAME {
        Tensor::F32(numbers.mapv(<f32 as Scalar>::from_f64).into_dyn())
    } else {
        Tensor::F64(numbers.into_dyn())
    };
    Ok(file.insert(name, tensor)?)
}

/// Takes a matrix out of a file.
///
/// # Errors
/// No matrix of that name; numbers of another type.
pub(crate) fn get<T: Scalar>(file: &ModelFile, name: &str) -> Result<Matrix<T>> {
    let numbers: Array2<f64> =
        if T::NAME == f32::NAME { file.f32::<Ix2>(name)?.mapv(f64::from) } else { file.f64::<Ix2>(name)? };
    Ok(Matrix::from_array(&numbers))
}

/// Puts parameters into a file, each as `prefix/` and its name.
///
/// # Errors
/// As [`insert`].
pub(crate) fn insert_parameters<T: Scalar>(
    file: &mut ModelFile,
    prefix: &str,
    parameters: &Parameters<T>,
) -> Result<()> {
    for id in parameters.ids() {
        insert(file, format!("{prefix}/{}", parameters.name(id)?), parameters.value(id)?)?;
    }
    Ok(())
}

/// Gives parameters the values that are in a file.
///
/// # Errors
/// A parameter that the file does not have, or in another shape or as numbers of another type.
pub(crate) fn read_parameters<T: Scalar>(
    file: &ModelFile,
    prefix: &str,
    parameters: &mut Parameters<T>,
) -> Result<()> {
    for id in parameters.ids() {
        let name = format!("{prefix}/{}", parameters.name(id)?);
        let matrix = get(file, &name)?;
        let (rows, columns) = parameters.value(id)?.shape();
        if matrix.shape() != (rows, columns) {
            let (got_rows, got_columns) = matrix.shape();
            let what = format!(
                "tensor {name:?}: expected shape [{rows}, {columns}], got [{got_rows}, {got_columns}]"
            );
            return Err(CoreError::Model(what).into());
        }
        parameters.set(id, &matrix)?;
    }
    Ok(())
}
