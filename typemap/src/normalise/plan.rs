//! Decides how arrays of an Arrow type become arrays of the wire type of their SQL type.

use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit, UnionMode};

use super::NormaliseError;
use super::check::Check;
use super::list::{FixedList, List, ListView};
use super::map::Map;
use super::node::{Kind, Node};
use super::number::{self, Number};
use super::temporal::{Spans, Times};
use super::union::Union;
use crate::wire::Infinity;
use crate::{MAX_DEPTH, SqlType, TypeError};

/// What is asked of values, besides that they fit their wire type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// What an infinite date or timestamp becomes.
    pub(crate) infinity: Infinity,
    /// Whether the values are on their way into a table, which holds nothing finer than microseconds in an interval,
    /// no time outside the day, and no key twice in a map.
    pub(crate) ingest: bool,
}

impl Node {
    /// Plans for arrays of type `source` whose values are of the SQL type `ty`, which `wire` carries.
    ///
    /// # Errors
    ///
    /// The values of such arrays are not those of the SQL type.
    pub(super) fn plan(
        source: &DataType,
        ty: &SqlType,
        wire: &DataType,
        rules: &Rules,
    ) -> Result<Node, NormaliseError> {
        plan(source, ty, wire, rules, 1)
    }
}

fn plan(source: &DataType, ty: &SqlType, wire: &DataType, rules: &Rules, level: usize) -> Result<Node, NormaliseError> {
    // Dictionaries and runs take levels of their own, which the SQL type does not count.
    if level > MAX_DEPTH * 2 {
        return Err(TypeError::TooDeep.into());
    }
    let ty = ty.without_alias();
    let kind = match source {
        DataType::Null if *wire != DataType::Null => Kind::Nulls,
        DataType::Dictionary(_, values) => Kind::Dictionary(Box::new(plan(values, ty, wire, rules, level + 1)?)),
        DataType::RunEndEncoded(_, values) => {
            Kind::RunEnds(Box::new(plan(values.data_type(), ty, wire, rules, level + 1)?))
        }
        _ => match nested(source, ty, wire, rules, level)? {
            Some(kind) => kind,
            None => scalar(source, ty, wire, rules)
                .ok_or_else(|| TypeError::Storage { storage: source.to_string(), ty: ty.to_string() })?,
        },
    };
    Ok(Node { kind, wire: wire.clone() })
}

/// The plan for a type without children, or none if the values are not of that type.
fn scalar(source: &DataType, ty: &SqlType, wire: &DataType, rules: &Rules) -> Option<Kind> {
    use DataType::*;
    match ty {
        SqlType::Boolean if *source == Int8 => Some(Kind::Bool8),
        SqlType::Float if *source == Float16 => Some(Kind::Cast),
        SqlType::Double if matches!(source, Float16 | Float32) => Some(Kind::Cast),
        SqlType::BigNum if source.is_integer() || source.is_decimal() => number(source, ty, wire),
        SqlType::TinyInt
        | SqlType::SmallInt
        | SqlType::Integer
        | SqlType::BigInt
        | SqlType::UTinyInt
        | SqlType::USmallInt
        | SqlType::UInteger
        | SqlType::UBigInt
        | SqlType::HugeInt
        | SqlType::UHugeInt
        | SqlType::Decimal { .. } => number(source, ty, wire),
        SqlType::Date => match source {
            Date32 => Some(Kind::Check(Check::Date(rules.infinity))),
            Date64 => Some(Kind::Times(Times::date(rules.infinity))),
            _ => None,
        },
        SqlType::Time | SqlType::TimeNs => time(source, wire, rules),
        SqlType::TimestampS
        | SqlType::TimestampMs
        | SqlType::Timestamp
        | SqlType::TimestampNs
        | SqlType::TimestampTz => timestamp(source, ty, wire, rules),
        SqlType::Interval => match source {
            Interval(IntervalUnit::MonthDayNano) if rules.ingest => Some(Kind::Check(Check::WholeMicros)),
            Interval(IntervalUnit::MonthDayNano) => Some(Kind::Same),
            Interval(unit) => Some(Kind::Spans(Spans::Interval(*unit))),
            Duration(unit) => Some(Kind::Spans(Spans::Duration { unit: *unit, whole_micros: rules.ingest })),
            _ => None,
        },
        _ if source == wire => Some(Kind::Same),
        _ => match (source, wire) {
            (LargeUtf8 | Utf8View, Utf8) => Some(Kind::Bytes),
            (LargeBinary | BinaryView | FixedSizeBinary(_), Binary) => Some(Kind::Bytes),
            _ => None,
        },
    }
}

fn number(source: &DataType, ty: &SqlType, wire: &DataType) -> Option<Kind> {
    if let Some(check) = Check::of_digits(source, ty, wire) {
        return Some(Kind::Check(check));
    }
    if source == wire {
        return Some(Kind::Same);
    }
    if number::is_widening(source, wire) {
        return Some(Kind::Cast);
    }
    Number::plan(source, ty, wire).map(|number| Kind::Number(Box::new(number)))
}

fn time(source: &DataType, wire: &DataType, rules: &Rules) -> Option<Kind> {
    let unit = match source {
        DataType::Time32(unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => *unit,
        DataType::Time64(unit @ (TimeUnit::Microsecond | TimeUnit::Nanosecond)) => *unit,
        _ => return None,
    };
    match wire {
        DataType::Time64(to) if *to == unit && rules.ingest => Some(Kind::Check(Check::TimeOfDay(unit))),
        DataType::Time64(to) if *to == unit => Some(Kind::Same),
        DataType::Time64(to) => Some(Kind::Times(Times::time_of_day(unit, *to, rules.ingest))),
        _ => None,
    }
}

fn timestamp(source: &DataType, ty: &SqlType, wire: &DataType, rules: &Rules) -> Option<Kind> {
    let (DataType::Timestamp(from, zone), DataType::Timestamp(to, _)) = (source, wire) else {
        return None;
    };
    // An instant has a zone and a wall clock has none; the one becomes the other only by a choice of zone.
    if zone.is_some() != (*ty == SqlType::TimestampTz) {
        return None;
    }
    Some(if from == to {
        Kind::Check(Check::Timestamp(*from, rules.infinity))
    } else {
        Kind::Times(Times::timestamp(*from, *to, rules.infinity))
    })
}

/// The plan for a type with children, or none if either type has no children of the kind.
fn nested(
    source: &DataType,
    ty: &SqlType,
    wire: &DataType,
    rules: &Rules,
    level: usize,
) -> Result<Option<Kind>, NormaliseError> {
    let child_by = |rules: &Rules, step: &str, source: &Field, ty: &SqlType, wire: &FieldRef| {
        plan(source.data_type(), ty, wire.data_type(), rules, level + 1).map_err(|error| error.inside(step))
    };
    let child = |step: &str, source: &Field, ty: &SqlType, wire: &FieldRef| child_by(rules, step, source, ty, wire);
    let kind = match (ty, source, wire) {
        (SqlType::List(item), DataType::List(from) | DataType::LargeList(from), DataType::List(to)) => {
            Kind::List(List { item: Box::new(child("[]", from, item, to)?) })
        }
        (SqlType::List(item), DataType::ListView(from) | DataType::LargeListView(from), DataType::List(to)) => {
            Kind::ListView(ListView { item: Box::new(child("[]", from, item, to)?) })
        }
        (SqlType::List(item), DataType::FixedSizeList(from, size), DataType::List(to)) => {
            Kind::FixedList(FixedList { item: Box::new(child("[]", from, item, to)?), size: count(*size) })
        }
        (SqlType::Array(item, _), DataType::FixedSizeList(from, size), DataType::FixedSizeList(to, wanted))
            if size == wanted =>
        {
            Kind::FixedList(FixedList { item: Box::new(child("[]", from, item, to)?), size: count(*size) })
        }
        (SqlType::Struct(types), DataType::Struct(from), DataType::Struct(to)) if from.len() == types.len() => {
            let fields = from.iter().zip(types).zip(to);
            let fields = fields.map(|((from, (_, ty)), to)| child(&format!(".{}", to.name()), from, ty, to));
            Kind::Struct(fields.collect::<Result<_, _>>()?)
        }
        (SqlType::Map(key, value), DataType::Map(from, _), DataType::Map(to, _)) => {
            let (Some((from_key, from_value)), Some((to_key, to_value))) = (entry(from), entry(to)) else {
                return Err(TypeError::MapEntries { found: from.data_type().to_string() }.into());
            };
            // A key can't be null, so an infinite one stays an error.
            let of_keys = Rules { infinity: Infinity::Error, ..*rules };
            let keys = child_by(&of_keys, ".key", from_key, key, to_key)?;
            let values = child(".value", from_value, value, to_value)?;
            if source == wire && keys.is_same() && values.is_same() && !rules.ingest {
                return Ok(Some(Kind::Same));
            }
            Kind::Map(Box::new(Map::plan(keys, values, key, rules.ingest)?))
        }
        (SqlType::Union(types), DataType::Union(from, mode), DataType::Union(to, _)) if from.len() == types.len() => {
            let members = from.iter().zip(types).zip(to.iter());
            let members =
                members.map(|(((_, from), (_, ty)), (_, to))| child(&format!(".{}", to.name()), from, ty, to));
            let ids = from.iter().map(|(id, _)| id).collect();
            Kind::Union(Union { members: members.collect::<Result<_, _>>()?, ids, dense: *mode == UnionMode::Dense })
        }
        _ => return Ok(None),
    };
    let same = source == wire
        && match &kind {
            Kind::List(list) => list.item.is_same(),
            Kind::FixedList(list) => list.item.is_same(),
            Kind::Struct(fields) => fields.iter().all(Node::is_same),
            Kind::Union(union) => union.members.iter().all(Node::is_same),
            _ => false,
        };
    Ok(Some(if same { Kind::Same } else { kind }))
}

fn count(size: i32) -> usize {
    usize::try_from(size).unwrap_or(0)
}

/// Key and value of the entries of a map.
fn entry(entries: &Field) -> Option<(&FieldRef, &FieldRef)> {
    match entries.data_type() {
        DataType::Struct(fields) => match fields.as_ref() {
            [key, value] => Some((key, value)),
            _ => None,
        },
        _ => None,
    }
}
