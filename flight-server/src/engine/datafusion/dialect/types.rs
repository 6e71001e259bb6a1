//! The names of types in CAST, `::` and CREATE TABLE: DuckDB's, each the Arrow type it goes over the wire as.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, DataType as SqlType, ExactNumberInfo, TimezoneInfo};

use super::kind::{INTERVAL, TIMESTAMP, hugeint_field};

/// The name of the field that an explicit cast goes to. DataFusion's own casts have none.
pub(super) const EXPLICIT: &str = "type";

/// Plans the types that DataFusion does not know, or knows as another.
#[derive(Debug)]
pub(super) struct DuckDbTypes;

impl TypePlanner for DuckDbTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let data_type = match sql_type {
            SqlType::Boolean | SqlType::Bool => DataType::Boolean,
            SqlType::TinyInt(_) => DataType::Int8,
            SqlType::SmallInt(_) | SqlType::Int2(_) => DataType::Int16,
            SqlType::Int(_) | SqlType::Integer(_) | SqlType::Int4(_) => DataType::Int32,
            SqlType::BigInt(_) => DataType::Int64,
            SqlType::Real | SqlType::Float(_) | SqlType::Float4 | SqlType::Float32 => DataType::Float32,
            SqlType::Double(_) | SqlType::DoublePrecision | SqlType::Float8 => DataType::Float64,
            SqlType::Date => DataType::Date32,
            SqlType::Bytea => DataType::Binary,
            SqlType::HugeInt => return Ok(Some(hugeint_field(EXPLICIT, true))),
            SqlType::Timestamp(None | Some(6), zone) => match zone {
                TimezoneInfo::Tz | TimezoneInfo::WithTimeZone => utc(),
                TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => TIMESTAMP,
            },
            SqlType::Datetime(None) | SqlType::TimestampNtz(None) => TIMESTAMP,
            SqlType::Timestamp(Some(3), TimezoneInfo::None) => DataType::Timestamp(TimeUnit::Millisecond, None),
            SqlType::Timestamp(Some(0), TimezoneInfo::None) => DataType::Timestamp(TimeUnit::Second, None),
            SqlType::Timestamp(Some(9), TimezoneInfo::None) => DataType::Timestamp(TimeUnit::Nanosecond, None),
            SqlType::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                DataType::Time64(TimeUnit::Microsecond)
            }
            SqlType::Interval { fields: None, precision: None } => INTERVAL,
            SqlType::UTinyInt | SqlType::UInt8 => DataType::UInt8,
            SqlType::USmallInt | SqlType::UInt16 => DataType::UInt16,
            SqlType::UnsignedInteger | SqlType::UInt32 => DataType::UInt32,
            SqlType::UBigInt | SqlType::UInt64 => DataType::UInt64,
            SqlType::Int16 => DataType::Int16,
            SqlType::Int32 | SqlType::SignedInteger | SqlType::Signed => DataType::Int32,
            SqlType::Int64 => DataType::Int64,
            // In DuckDB INT1 and INT8 count bytes.
            SqlType::Int8(_) => DataType::Int64,
            SqlType::Float64 => DataType::Float64,
            SqlType::Blob(None) | SqlType::Bytes(None) | SqlType::Varbinary(None) | SqlType::Binary(None) => {
                DataType::Binary
            }
            SqlType::Character(_) | SqlType::CharacterVarying(_) | SqlType::CharVarying(_) | SqlType::Nvarchar(_) => {
                DataType::Utf8
            }
            SqlType::Varchar(_) | SqlType::Char(_) | SqlType::Text | SqlType::String(_) => DataType::Utf8,
            // DuckDB's decimal without digits.
            SqlType::Decimal(ExactNumberInfo::None)
            | SqlType::Numeric(ExactNumberInfo::None)
            | SqlType::Dec(ExactNumberInfo::None) => DataType::Decimal128(18, 3),
            SqlType::Decimal(digits) | SqlType::Numeric(digits) | SqlType::Dec(digits) => decimal(digits)?,
            SqlType::Array(ArrayElemTypeDef::SquareBracket(item, size)) => {
                let Some(item) = self.plan_type_field(item)? else { return Ok(None) };
                let item = Arc::new(item.as_ref().clone().with_name("item"));
                match size.map(i32::try_from) {
                    None => DataType::List(item),
                    Some(Ok(size)) => DataType::FixedSizeList(item, size),
                    Some(Err(_)) => return plan_err!("{sql_type} has more items than an array can"),
                }
            }
            SqlType::Custom(name, arguments) if arguments.is_empty() => {
                match by_name(&name.to_string().to_ascii_uppercase()) {
                    Some(data_type) => data_type,
                    None => return Ok(None),
                }
            }
            SqlType::UHugeInt | SqlType::Uuid | SqlType::JSON | SqlType::Bit(_) | SqlType::Enum(..) => {
                return plan_err!(
                    "The engine datafusion has no type {sql_type}; cast to VARCHAR, or use a session of the engine \
                     duckdb (session option pintail.engine)"
                );
            }
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(Field::new(EXPLICIT, data_type, true))))
    }
}

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Names that the parser hands on as they are written.
fn by_name(name: &str) -> Option<DataType> {
    Some(match name {
        "UINTEGER" | "UINT32" => DataType::UInt32,
        "UTINYINT" | "UINT8" => DataType::UInt8,
        "USMALLINT" | "UINT16" => DataType::UInt16,
        "UBIGINT" | "UINT64" => DataType::UInt64,
        "INT1" => DataType::Int8,
        "SHORT" => DataType::Int16,
        "LONG" => DataType::Int64,
        "BPCHAR" => DataType::Utf8,
        "LOGICAL" => DataType::Boolean,
        "TIMESTAMP_S" => DataType::Timestamp(TimeUnit::Second, None),
        "TIMESTAMP_MS" => DataType::Timestamp(TimeUnit::Millisecond, None),
        "TIMESTAMP_US" => TIMESTAMP,
        "TIMESTAMP_NS" => DataType::Timestamp(TimeUnit::Nanosecond, None),
        "TIME_NS" => DataType::Time64(TimeUnit::Nanosecond),
        _ => return None,
    })
}

fn decimal(digits: &ExactNumberInfo) -> Result<DataType> {
    let (precision, scale) = match digits {
        ExactNumberInfo::None => (18, 3),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision @ 1..=38), Ok(scale @ 0..)) if scale.unsigned_abs() <= precision => {
            Ok(DataType::Decimal128(precision, scale))
        }
        _ => plan_err!(
            "DECIMAL({precision},{scale}) is no type: there can be 1 to 38 digits, and no more of them after the point"
        ),
    }
}
