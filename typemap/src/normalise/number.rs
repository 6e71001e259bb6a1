//! Exact numbers: integers and decimals of every width, checked value by value.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, Decimal128Array, Decimal256Array, PrimitiveArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type, i256,
};

use super::live::map_values;
use super::node::typed;
use crate::SqlType;
use crate::value::{ValueError, hugeint_to_decimal128};

/// Numbers of one type on their way to another.
#[derive(Debug)]
pub(super) struct Number {
    ty: SqlType,
    /// Digits after the point in the source; negative means zeros before it.
    scale: i8,
    shift: Shift,
    target: Target,
}

/// What the unscaled integer has to be multiplied with or divided by, as a power of ten.
#[derive(Debug, Clone, Copy)]
enum Shift {
    Up(u32),
    Down(u32),
}

/// Where the numbers go.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// Into integers of at most 128 bits between these two.
    Narrow { least: i128, most: i128 },
    /// Into integers of 256 bits.
    Wide,
    /// Into decimal digits.
    Digits,
}

impl Number {
    /// The plan for numbers of the type `source`, or none if they are no exact numbers.
    pub(super) fn plan(source: &DataType, ty: &SqlType, wire: &DataType) -> Option<Number> {
        let scale = match source {
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => *scale,
            source if source.is_integer() => 0,
            _ => return None,
        };
        let (target, wire_scale) = match wire {
            DataType::Decimal128(precision, scale) => {
                let most = 10_i128.pow(u32::from(*precision)) - 1;
                (Target::Narrow { least: -most, most }, *scale)
            }
            DataType::Decimal256(_, scale) => (Target::Wide, *scale),
            DataType::Utf8 => (Target::Digits, 0),
            wire => {
                let (least, most) = bounds(wire)?;
                (Target::Narrow { least, most }, 0)
            }
        };
        let by = i16::from(wire_scale) - i16::from(scale);
        let power = u32::from(by.unsigned_abs());
        let shift = if by >= 0 { Shift::Up(power) } else { Shift::Down(power) };
        Some(Number { ty: ty.clone(), scale, shift, target })
    }

    pub(super) fn convert(
        &self,
        array: &ArrayRef,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<ArrayRef, ValueError> {
        macro_rules! from {
            ($ty:ty) => {
                self.of_narrow(typed::<PrimitiveArray<$ty>>(array)?, live, wire)
            };
        }
        match array.data_type() {
            DataType::Int8 => from!(Int8Type),
            DataType::Int16 => from!(Int16Type),
            DataType::Int32 => from!(Int32Type),
            DataType::Int64 => from!(Int64Type),
            DataType::UInt8 => from!(UInt8Type),
            DataType::UInt16 => from!(UInt16Type),
            DataType::UInt32 => from!(UInt32Type),
            DataType::UInt64 => from!(UInt64Type),
            DataType::Decimal32(..) => from!(Decimal32Type),
            DataType::Decimal64(..) => from!(Decimal64Type),
            DataType::Decimal128(..) => from!(Decimal128Type),
            _ => self.of_wide(typed(array)?, live, wire),
        }
    }

    fn of_narrow<S: ArrowPrimitiveType>(
        &self,
        array: &PrimitiveArray<S>,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<ArrayRef, ValueError>
    where
        S::Native: Into<i128>,
    {
        match self.target {
            Target::Narrow { least, most } => {
                let (shift, limit) = (self.shift, least..=most);
                let convert = |v: S::Native| {
                    let v = v.into();
                    // The plainest case, alone in the loop: nothing to shift and nothing to refuse.
                    match shift {
                        Shift::Up(0) if limit.contains(&v) => Ok(v),
                        _ => self.shifted(v).and_then(|shifted| match shifted {
                            shifted if limit.contains(&shifted) => Ok(shifted),
                            _ => Err(too_many_digits(v, self.scale, &self.ty)),
                        }),
                    }
                };
                let decimals = map_values::<S, Decimal128Type>(array, live, &unlabelled(wire), convert)?;
                narrowed(decimals, wire)
            }
            Target::Wide | Target::Digits => {
                self.wide(map_values::<S, Decimal256Type>(array, live, &wide(wire), |v| {
                    self.shifted_wide(i256::from_i128(v.into()))
                })?)
            }
        }
    }

    fn of_wide(
        &self,
        array: &Decimal256Array,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<ArrayRef, ValueError> {
        match self.target {
            Target::Narrow { least, most } => {
                let convert = |v: i256| match self.shifted_wide(v)?.to_i128() {
                    Some(shifted) if (least..=most).contains(&shifted) => Ok(shifted),
                    _ => Err(out_of_range(v, self.scale, &self.ty)),
                };
                narrowed(map_values::<_, Decimal128Type>(array, live, &unlabelled(wire), convert)?, wire)
            }
            Target::Wide | Target::Digits => {
                self.wide(map_values::<_, Decimal256Type>(array, live, &wide(wire), |v| self.shifted_wide(v))?)
            }
        }
    }

    fn wide(&self, decimals: Decimal256Array) -> Result<ArrayRef, ValueError> {
        Ok(match self.target {
            Target::Digits => Arc::new(decimals.iter().map(|v| v.map(|v| v.to_string())).collect::<StringArray>()),
            _ => Arc::new(decimals),
        })
    }

    fn shifted(&self, v: i128) -> Result<i128, ValueError> {
        match self.shift {
            Shift::Up(0) => Ok(v),
            Shift::Up(power) => match 10_i128.checked_pow(power).and_then(|factor| v.checked_mul(factor)) {
                Some(shifted) => Ok(shifted),
                None if v == 0 => Ok(0),
                None => Err(too_many_digits(v, self.scale, &self.ty)),
            },
            Shift::Down(power) => match 10_i128.checked_pow(power) {
                Some(factor) if v % factor == 0 => Ok(v / factor),
                None if v == 0 => Ok(0),
                _ => Err(too_fine(i256::from_i128(v), self.scale, &self.ty)),
            },
        }
    }

    /// As [`shifted`](Number::shifted), in 256 bits; for wide integers, checked to be in their range.
    fn shifted_wide(&self, v: i256) -> Result<i256, ValueError> {
        let ten = i256::from_i128(10);
        let shifted = match self.shift {
            Shift::Up(0) => v,
            Shift::Up(power) => match ten.checked_pow(power).and_then(|factor| v.checked_mul(factor)) {
                Some(shifted) => shifted,
                None if v == i256::ZERO => v,
                None => return Err(out_of_range(v, self.scale, &self.ty)),
            },
            Shift::Down(power) => match ten.checked_pow(power) {
                Some(factor) if v.checked_rem(factor) == Some(i256::ZERO) => v.checked_div(factor).unwrap_or(v),
                None if v == i256::ZERO => v,
                _ => return Err(too_fine(v, self.scale, &self.ty)),
            },
        };
        match self.target {
            Target::Wide if !fits_wide(shifted, &self.ty) => Err(out_of_range(v, self.scale, &self.ty)),
            _ => Ok(shifted),
        }
    }
}

/// Whether Arrow's kernel widens every integer of the one type to the other.
pub(super) fn is_widening(source: &DataType, wire: &DataType) -> bool {
    match (bounds(source), bounds(wire)) {
        (Some((least, most)), Some((wire_least, wire_most))) => wire_least <= least && most <= wire_most,
        _ => false,
    }
}

/// Whether `v` is in the range of the wide integer type `ty`.
pub(super) fn fits_wide(v: i256, ty: &SqlType) -> bool {
    match ty {
        SqlType::UHugeInt => !v.is_negative() && v.to_parts().1 == 0,
        _ => v.to_i128().is_some(),
    }
}

/// The error for a number beyond its type.
#[cold]
pub(super) fn out_of_range(v: i256, scale: i8, ty: &SqlType) -> ValueError {
    match v.to_i128() {
        Some(v) => too_many_digits(v, scale, ty),
        None => ValueError::NumberOutOfRange { value: written(v, scale), ty: ty.to_string() },
    }
}

/// The error for a number of at most 128 bits beyond its type.
#[cold]
pub(super) fn too_many_digits(v: i128, scale: i8, ty: &SqlType) -> ValueError {
    match hugeint_to_decimal128(v) {
        Err(error) if *ty == SqlType::HugeInt && scale == 0 => error,
        _ => ValueError::NumberOutOfRange { value: written(i256::from_i128(v), scale), ty: ty.to_string() },
    }
}

#[cold]
fn too_fine(v: i256, scale: i8, ty: &SqlType) -> ValueError {
    ValueError::NumberTooFine { value: written(v, scale), ty: ty.to_string() }
}

fn written(v: i256, scale: i8) -> String {
    if scale == 0 { v.to_string() } else { format!("{v}e{}", -i16::from(scale)) }
}

/// The least and the greatest integer of an Arrow type of integers.
fn bounds(integer: &DataType) -> Option<(i128, i128)> {
    Some(match integer {
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::Int64 => (i64::MIN.into(), i64::MAX.into()),
        DataType::UInt8 => (0, u8::MAX.into()),
        DataType::UInt16 => (0, u16::MAX.into()),
        DataType::UInt32 => (0, u32::MAX.into()),
        DataType::UInt64 => (0, u64::MAX.into()),
        _ => return None,
    })
}

/// The type of the decimals that numbers are checked in: that of the wire if it has one.
fn unlabelled(wire: &DataType) -> DataType {
    match wire {
        DataType::Decimal128(..) => wire.clone(),
        _ => DataType::Decimal128(38, 0),
    }
}

fn wide(wire: &DataType) -> DataType {
    match wire {
        DataType::Decimal256(..) => wire.clone(),
        _ => DataType::Decimal256(76, 0),
    }
}

/// The checked numbers in the type of the wire, in whose range they are.
fn narrowed(decimals: Decimal128Array, wire: &DataType) -> Result<ArrayRef, ValueError> {
    macro_rules! to {
        ($ty:ty) => {{
            // In range already, or in a dead slot.
            let integers = map_values::<_, $ty>(&decimals, None, wire, |v| Ok(v.try_into().unwrap_or_default()))?;
            Arc::new(integers)
        }};
    }
    Ok(match wire {
        DataType::Int8 => to!(Int8Type),
        DataType::Int16 => to!(Int16Type),
        DataType::Int32 => to!(Int32Type),
        DataType::Int64 => to!(Int64Type),
        DataType::UInt8 => to!(UInt8Type),
        DataType::UInt16 => to!(UInt16Type),
        DataType::UInt32 => to!(UInt32Type),
        DataType::UInt64 => to!(UInt64Type),
        _ => Arc::new(decimals),
    })
}
