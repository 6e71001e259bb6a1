//! The metadata keys a field carries.

/// The exact SQL type.
pub const TYPE_NAME: &str = "ARROW:FLIGHT:SQL:TYPE_NAME";
/// Digits in all, of exact numbers beyond 64 bits.
pub const PRECISION: &str = "ARROW:FLIGHT:SQL:PRECISION";
/// Digits after the point, wherever [`PRECISION`] is given.
pub const SCALE: &str = "ARROW:FLIGHT:SQL:SCALE";
/// Catalog of the table a column belongs to.
pub const CATALOG_NAME: &str = "ARROW:FLIGHT:SQL:CATALOG_NAME";
/// Schema of the table a column belongs to, under the key that client libraries read.
pub const SCHEMA_NAME: &str = "ARROW:FLIGHT:SQL:SCHEMA_NAME";
/// Schema of the table a column belongs to, under the key that the Flight SQL specification names.
pub const DB_SCHEMA_NAME: &str = "ARROW:FLIGHT:SQL:DB_SCHEMA_NAME";
/// Table a column belongs to.
pub const TABLE_NAME: &str = "ARROW:FLIGHT:SQL:TABLE_NAME";
/// `1` if the column numbers itself.
pub const IS_AUTO_INCREMENT: &str = "ARROW:FLIGHT:SQL:IS_AUTO_INCREMENT";
/// `1` if values that differ only in case differ.
pub const IS_CASE_SENSITIVE: &str = "ARROW:FLIGHT:SQL:IS_CASE_SENSITIVE";
/// `1` if the column cannot be written.
pub const IS_READ_ONLY: &str = "ARROW:FLIGHT:SQL:IS_READ_ONLY";
/// `1` if the column may stand in a WHERE clause.
pub const IS_SEARCHABLE: &str = "ARROW:FLIGHT:SQL:IS_SEARCHABLE";
/// What its author says of the column; of a table's column only, since clients show that of a result's as its name.
pub const REMARKS: &str = "ARROW:FLIGHT:SQL:REMARKS";

/// Name of an Arrow extension type.
pub const EXTENSION_NAME: &str = "ARROW:extension:name";
/// Parameters of an Arrow extension type.
pub const EXTENSION_METADATA: &str = "ARROW:extension:metadata";

/// Extension type of JSON documents.
pub const JSON_EXTENSION: &str = "arrow.json";
/// Extension type of UUIDs.
pub const UUID_EXTENSION: &str = "arrow.uuid";
/// Extension type of booleans that take a byte each.
pub const BOOL8_EXTENSION: &str = "arrow.bool8";
/// Extension type of geometries in well-known binary.
pub const WKB_EXTENSION: &str = "geoarrow.wkb";
/// The older name of [`WKB_EXTENSION`]; read, never sent.
pub const OGC_WKB_EXTENSION: &str = "ogc.wkb";
