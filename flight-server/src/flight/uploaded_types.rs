//! Types that can be written into a schema, and that no array can have: what would be made of them panics.

use arrow::datatypes::{DataType, FieldRef, Fields, TimeUnit};

use super::command::malformed;
use crate::error::Result;

/// Checks the types of an upload's columns.
///
/// # Errors
/// `REQUEST_MALFORMED`, with the first column that has such a type.
pub(super) fn check(columns: &Fields) -> Result<()> {
    match columns.iter().find(|column| !is_possible(column.data_type())) {
        None => Ok(()),
        Some(column) => Err(malformed(format!(
            "the column {:?} of the upload has the type {}, which no array can have",
            column.name(),
            column.data_type()
        ))),
    }
}

fn is_possible(data_type: &DataType) -> bool {
    let item = |field: &FieldRef| is_possible(field.data_type());
    match data_type {
        DataType::RunEndEncoded(ends, values) => {
            ends.data_type().is_run_ends_type() && !ends.is_nullable() && item(values)
        }
        DataType::Dictionary(key, value) => key.is_dictionary_key_type() && is_possible(value),
        DataType::Time32(unit) => matches!(unit, TimeUnit::Second | TimeUnit::Millisecond),
        DataType::Time64(unit) => matches!(unit, TimeUnit::Microsecond | TimeUnit::Nanosecond),
        DataType::List(inner)
        | DataType::LargeList(inner)
        | DataType::ListView(inner)
        | DataType::LargeListView(inner)
        | DataType::FixedSizeList(inner, _)
        | DataType::Map(inner, _) => item(inner),
        DataType::Struct(members) => members.iter().all(item),
        DataType::Union(members, _) => members.iter().all(|(_, member)| item(member)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn types_that_no_array_can_have_are_refused_however_deep_they_stand() {
        let field = |data_type, nullable| Arc::new(Field::new("x", data_type, nullable));
        let runs = |ends, nullable| DataType::RunEndEncoded(field(ends, nullable), field(DataType::Int8, true));
        let dictionary = |key| DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8));
        let is_refused = |data_type| check(&vec![field(data_type, true)].into()).is_err();
        for data_type in [
            runs(DataType::UInt32, false),
            runs(DataType::Int32, true),
            dictionary(DataType::Utf8),
            DataType::Time32(TimeUnit::Nanosecond),
            DataType::Time64(TimeUnit::Second),
        ] {
            assert!(is_refused(data_type.clone()), "{data_type}");
            assert!(is_refused(DataType::List(field(data_type.clone(), true))), "a list of {data_type}");
            assert!(
                is_refused(DataType::Struct(vec![field(data_type.clone(), true)].into())),
                "a struct of {data_type}"
            );
        }
        for data_type in
            [runs(DataType::Int32, false), dictionary(DataType::UInt8), DataType::Time64(TimeUnit::Nanosecond)]
        {
            assert!(!is_refused(data_type.clone()), "{data_type}");
            assert!(!is_refused(DataType::List(field(data_type.clone(), true))), "a list of {data_type}");
        }
    }
}
