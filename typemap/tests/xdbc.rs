//! What drivers are told about types.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;

use typemap::SqlType;
use typemap::reference::types_table;
use typemap::wire::{WireOptions, table_field};
use typemap::xdbc::{TypeInfo, describe, jdbc_code, type_info};

/// The codes of Flight SQL's `XdbcDataType`; a client may refuse any other.
const CODES: [i32; 24] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 91, 92, 93, -1, -2, -3, -4, -5, -6, -7, -8, -9];

fn info(name: &str) -> TypeInfo {
    describe(&name.parse().unwrap())
}

#[test]
fn types_are_told_by_ascending_code_and_the_closest_first() {
    let infos = type_info();
    assert!(infos.is_sorted_by_key(|info| info.data_type));
    let first = |code: i32| infos.iter().find(|info| info.data_type == code).map(|info| info.type_name);
    for (code, name) in [
        (-7, "BOOLEAN"),
        (-6, "TINYINT"),
        (-5, "BIGINT"),
        (-3, "BLOB"),
        (-2, "UUID"),
        (3, "DECIMAL"),
        (4, "INTEGER"),
        (5, "SMALLINT"),
        (7, "FLOAT"),
        (8, "DOUBLE"),
        (10, "INTERVAL"),
        (12, "VARCHAR"),
        (91, "DATE"),
        (92, "TIME"),
        (93, "TIMESTAMP"),
    ] {
        assert_eq!(first(code), Some(name));
    }
}

#[test]
fn every_type_is_told_once_and_with_a_code_that_clients_know() {
    let infos = type_info();
    let names: HashSet<_> = infos.iter().map(|info| info.type_name).collect();
    assert_eq!(names.len(), infos.len());
    // Of the 40 kinds of types one is a mere name for another.
    assert_eq!(infos.len(), 39);
    for info in &infos {
        assert!(CODES.contains(&info.data_type) && CODES.contains(&info.sql_data_type), "{info:?}");
        assert_eq!(info.literal_prefix.is_some(), info.literal_suffix.is_some(), "{info:?}");
        assert_eq!(info.datetime_subcode.is_some(), info.sql_data_type == 9, "{info:?}");
        assert_eq!(info.num_prec_radix.is_some(), info.unsigned_attribute.is_some(), "{info:?}");
        assert!(info.minimum_scale <= info.maximum_scale, "{info:?}");
        assert_eq!((info.nullable, info.auto_increment == Some(true)), (1, false), "{info:?}");
    }
}

#[test]
fn a_name_that_takes_no_parameters_is_read_as_its_type() {
    for info in type_info().iter().filter(|info| info.create_params.is_empty() && info.type_name != "LIST") {
        let ty: SqlType = info.type_name.parse().unwrap();
        assert_eq!(&describe(&ty), info);
    }
}

#[test]
fn numbers_tell_their_digits() {
    let digits = |name: &str| {
        let info = info(name);
        (info.column_size, info.num_prec_radix, info.maximum_scale, info.unsigned_attribute)
    };
    assert_eq!(digits("TINYINT"), (Some(3), Some(10), Some(0), Some(false)));
    assert_eq!(digits("UBIGINT"), (Some(20), Some(10), Some(0), Some(true)));
    assert_eq!(digits("HUGEINT"), (Some(39), Some(10), Some(0), Some(false)));
    assert_eq!(digits("DECIMAL(4,1)"), (Some(38), Some(10), Some(38), Some(false)));
    assert_eq!(digits("DOUBLE"), (Some(53), Some(2), None, Some(false)));
    assert_eq!(digits("VARCHAR"), (Some(i32::MAX), None, None, None));
}

#[test]
fn codes_are_those_of_the_values_as_they_arrive() {
    for (name, code) in [
        ("BOOLEAN", -7),
        ("HUGEINT", 3),
        ("ENUM('a')", 12),
        ("BIT", 12),
        ("BIGNUM", 12),
        ("TIMETZ", 12),
        ("TIMESTAMPTZ", 93),
        ("UUID", -2),
        ("INTEGER[]", 0),
    ] {
        assert_eq!(jdbc_code(&name.parse().unwrap()), code, "{name}");
    }
    let alias = SqlType::Alias { name: "money".to_owned(), base: Box::new("DECIMAL(18,2)".parse().unwrap()) };
    assert_eq!(jdbc_code(&alias), 3);
    assert_eq!(info("TIMESTAMPTZ").datetime_subcode, Some(5));
}

#[test]
fn a_columns_metadata_says_what_the_table_says() {
    for info in type_info().iter().filter(|info| info.create_params.is_empty() && info.type_name != "LIST") {
        let ty: SqlType = info.type_name.parse().unwrap();
        let field = table_field("db", "main", "t", "c", &ty, true, &WireOptions::default()).unwrap();
        let flag = |key: &str| field.metadata()[&format!("ARROW:FLIGHT:SQL:{key}")] == "1";
        assert_eq!(flag("IS_CASE_SENSITIVE"), info.case_sensitive);
        assert_eq!(flag("IS_SEARCHABLE"), info.searchable > 0);
        assert_eq!(flag("IS_AUTO_INCREMENT"), info.auto_increment == Some(true));
    }
}

#[test]
fn the_reference_has_a_row_of_six_cells_for_every_type() {
    let table = types_table();
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(rows.len(), type_info().len());
    for row in &rows {
        assert_eq!(row.matches(" | ").count(), 5, "{row}");
    }
    let row = |name: &str| *rows.iter().find(|row| row.starts_with(&format!("| `{name}` |"))).unwrap();
    assert_eq!(
        row("INTEGER"),
        "| `INTEGER` | `INT`, `INT4`, `INT32`, `SIGNED`, `INTEGRAL` | Int32 |  | INTEGER 4 |  |"
    );
    assert!(row("HUGEINT").contains("| Decimal128(38,0) |  | HUGEINT 3 | 39 digits are error 22003"));
    assert!(row("JSON").contains("| Utf8 | `arrow.json` | JSON 12 |"));
    assert!(row("TIMESTAMP WITH TIME ZONE").contains("`TIMESTAMPTZ` | Timestamp(µs, \"UTC\") |"));
    assert!(row("VARCHAR").contains("`TEXT`") && row("BLOB").contains("`BYTEA`"));
}
