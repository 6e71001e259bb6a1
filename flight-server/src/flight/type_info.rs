//! What drivers ask about the SQL types, from the one table that `typemap` has of them.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode};
use typemap::xdbc::{TypeInfo, type_info};

use crate::error::{Error, Result};

/// The schema of the answer.
pub(super) fn schema() -> SchemaRef {
    XdbcTypeInfoDataBuilder::new().schema()
}

/// All types, or those with this code alone.
///
/// # Errors
/// When the table holds what the protocol has no name for.
pub(super) fn answer(code: Option<i32>) -> Result<RecordBatch> {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    for info in type_info() {
        builder.append(described(&info)?);
    }
    builder.build().and_then(|types| types.record_batch(code)).map_err(Error::internal)
}

fn described(info: &TypeInfo) -> Result<XdbcTypeInfo> {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let code = |code| XdbcDataType::try_from(code).map_err(Error::internal);
    Ok(XdbcTypeInfo {
        type_name: info.type_name.to_owned(),
        data_type: code(info.data_type)?,
        column_size: info.column_size,
        literal_prefix: text(info.literal_prefix),
        literal_suffix: text(info.literal_suffix),
        create_params: (!info.create_params.is_empty())
            .then(|| info.create_params.iter().map(|name| (*name).to_owned()).collect()),
        nullable: Nullable::try_from(info.nullable).map_err(Error::internal)?,
        case_sensitive: info.case_sensitive,
        searchable: Searchable::try_from(info.searchable).map_err(Error::internal)?,
        unsigned_attribute: info.unsigned_attribute,
        fixed_prec_scale: info.fixed_prec_scale,
        auto_increment: info.auto_increment,
        local_type_name: text(info.local_type_name),
        minimum_scale: info.minimum_scale,
        maximum_scale: info.maximum_scale,
        sql_data_type: code(info.sql_data_type)?,
        datetime_subcode: info
            .datetime_subcode
            .map(|code| XdbcDatetimeSubcode::try_from(code).map_err(Error::internal))
            .transpose()?,
        num_prec_radix: info.num_prec_radix,
        interval_precision: info.interval_precision,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;

    #[test]
    fn every_type_has_names_and_codes_that_the_protocol_knows() {
        let all = answer(None).unwrap();
        assert_eq!(all.num_rows(), type_info().len());
        assert_eq!(all.schema(), schema());
        let codes = all.column(1).as_primitive::<Int32Type>();
        assert!(codes.values().is_sorted(), "ordered by code, as the protocol asks");
    }

    #[test]
    fn one_code_gives_its_types_alone() {
        let integers = answer(Some(XdbcDataType::XdbcInteger as i32)).unwrap();
        let names: Vec<_> = integers.column(0).as_string::<i32>().iter().flatten().collect();
        assert!(names.contains(&"INTEGER"), "{names:?}");
        assert_eq!(answer(Some(12345)).unwrap().num_rows(), 0);
    }
}
