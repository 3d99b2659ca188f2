//! Tables: one row an event, one column a variable.

use hepml::core::{Table, check_finite};

use crate::arguments::{Input, Output, with_room};
use crate::boundary::guard;
use crate::handle::{self, Handle, NewHandle};
use crate::status::{Failure, Result, hepml_status};

/// A table of finite numbers, one row an event.
#[allow(missing_debug_implementations)]
pub struct hepml_table {
    _private: [u8; 0],
}

impl Handle for hepml_table {
    type Object = Table;
    const NAME: &'static str = "table";
}

/// How many numbers there are. Rows without columns take no memory, so that there could be any number of them: they are refused.
fn count(rows: usize, columns: usize) -> Result<usize> {
    if rows > 0 && columns == 0 {
        let message = format!("table: {rows} rows have no columns");
        return Err(Failure::new(hepml_status::Empty, message));
    }
    rows.checked_mul(columns).ok_or_else(|| too_large(rows, columns))
}

fn too_large(rows: usize, columns: usize) -> Failure {
    let message = format!("table: {rows} rows of {columns} columns are more than any memory holds");
    Failure::new(hepml_status::Shape, message)
}

/// The table of `numbers`, row after row, if all are finite.
fn checked(rows: usize, columns: usize, numbers: Vec<f64>) -> Result<Table> {
    let table = Table::from_shape_vec((rows, columns), numbers).map_err(|_| too_large(rows, columns))?;
    check_finite("table", &table)?;
    Ok(table)
}

/// A table of rows: data[i * columns + j] is column j of event i. Rows without columns are HEPML_STATUS_EMPTY.
///
/// # Safety
/// `data` may be read for `rows * columns` numbers, `table` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_table_from_rows(
    data: *const f64,
    rows: usize,
    columns: usize,
    table: *mut *mut hepml_table,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let new = unsafe { NewHandle::new(table) }?;
        let count = count(rows, columns)?;
        // SAFETY: as the caller promises.
        let data = unsafe { Input::new("data", data, count) }?;
        new.put(checked(rows, columns, data.to_vec("table")?)?)
    })
}

/// A table of columns, as frameworks keep them: columns[j][i] is column j of event i. Rows without columns are HEPML_STATUS_EMPTY.
///
/// # Safety
/// `columns` may be read for `column_count` pointers, each of these for `rows` numbers; `table` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_table_from_columns(
    columns: *const *const f64,
    column_count: usize,
    rows: usize,
    table: *mut *mut hepml_table,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let new = unsafe { NewHandle::new(table) }?;
        let count = count(rows, column_count)?;
        // SAFETY: as the caller promises.
        let pointers = unsafe { Input::new("columns", columns, column_count) }?;
        let mut inputs = with_room("table", column_count)?;
        for (index, pointer) in pointers.iter().enumerate() {
            // SAFETY: as the caller promises.
            inputs.push(unsafe { Input::new(format_args!("columns[{index}]"), pointer, rows) }?);
        }
        let mut numbers = with_room("table", count)?;
        for row in 0..rows {
            numbers.extend(inputs.iter().map(|column| column.get(row)));
        }
        new.put(checked(rows, column_count, numbers)?)
    })
}

/// How many rows and columns a table has.
///
/// # Safety
/// `rows` and `columns` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_table_shape(
    table: *const hepml_table,
    rows: *mut usize,
    columns: *mut usize,
) -> hepml_status {
    guard(|| {
        let table = handle::get("table", table)?;
        // SAFETY: as the caller promises.
        let (rows, columns) = unsafe { (Output::new("rows", rows)?, Output::new("columns", columns)?) };
        rows.write(table.nrows());
        columns.write(table.ncols());
        Ok(())
    })
}

/// Frees a table.
///
/// # Safety
/// `table` may be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_table_free(table: *mut *mut hepml_table) -> hepml_status {
    // SAFETY: as the caller promises.
    unsafe { handle::free(table) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::{null, null_mut};

    #[test]
    fn rows_without_columns_are_refused_at_once() {
        for rows in [1, 1 << 40, usize::MAX] {
            let mut table = null_mut();
            // SAFETY: nothing is read, and the pointer is to a local variable.
            let statuses = unsafe {
                [
                    hepml_table_from_rows(null(), rows, 0, &raw mut table),
                    hepml_table_from_columns(null(), 0, rows, &raw mut table),
                ]
            };
            assert_eq!(statuses, [hepml_status::Empty; 2]);
            assert!(table.is_null());
        }
        let (mut table, mut shape) = (null_mut(), [7; 2]);
        let [rows, columns] = shape.each_mut().map(std::ptr::from_mut);
        // SAFETY: nothing is read, and the pointers are to local variables.
        let statuses = unsafe {
            [
                hepml_table_from_rows(null(), 0, 3, &raw mut table),
                hepml_table_shape(table, rows, columns),
                hepml_table_free(&raw mut table),
            ]
        };
        assert_eq!((statuses, shape), ([hepml_status::Ok; 3], [0, 3]));
    }
}
