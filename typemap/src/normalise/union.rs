//! Unions, dense or sparse, with whatever numbers for their members.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array, UnionArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;

use super::NormaliseError;
use super::encoded::unpack;
use super::live::where_true;
use super::node::{Node, refused, typed};
use crate::ValueError;

/// Unions, by the plans of their members.
#[derive(Debug)]
pub(super) struct Union {
    pub(super) members: Vec<Node>,
    /// The number each member has in the source; on the wire they are numbered from zero.
    pub(super) ids: Vec<i8>,
    pub(super) dense: bool,
}

impl Union {
    pub(super) fn convert(
        &self,
        array: &ArrayRef,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<Option<ArrayRef>, NormaliseError> {
        let DataType::Union(fields, _) = wire else {
            return Err(ValueError::Array { problem: format!("a union cannot become {wire}") }.into());
        };
        let union = typed::<UnionArray>(array)?;
        let mut untouched = true;
        let mut children = Vec::with_capacity(self.members.len());
        for ((node, id), (_, field)) in self.members.iter().zip(&self.ids).zip(fields.iter()) {
            let converted =
                if self.dense { self.spread(node, *id, union, live) } else { chosen(node, *id, union, live) };
            let converted = converted.map_err(|error| error.inside(&format!(".{}", field.name())))?;
            untouched &= converted.is_none();
            children.push(converted.unwrap_or_else(|| union.child(*id).clone()));
        }
        if untouched && array.data_type() == wire {
            return Ok(None);
        }
        // At most 128 members, so that the numbers fit.
        let number = |id: &i8| self.ids.iter().position(|known| known == id).map_or(0, |position| position as i8);
        let mut numbers = [0_i8; 256];
        for id in &self.ids {
            if let Some(slot) = numbers.get_mut(usize::from(id.to_ne_bytes()[0])) {
                *slot = number(id);
            }
        }
        let renumbered = |id: &i8| numbers.get(usize::from(id.to_ne_bytes()[0])).copied().unwrap_or(0);
        let ids = union.type_ids().iter().map(renumbered).collect();
        let rebuilt = UnionArray::try_new(fields.clone(), ids, None, children).map_err(refused)?;
        Ok(Some(Arc::new(rebuilt)))
    }

    /// A member of a dense union, with a slot for every row: null where the row is of another member.
    fn spread(
        &self,
        node: &Node,
        id: i8,
        union: &UnionArray,
        live: Option<&NullBuffer>,
    ) -> Result<Option<ArrayRef>, NormaliseError> {
        let offsets = union.offsets().map_or(&[][..], |offsets| offsets.as_ref());
        let rows = union.type_ids().iter().zip(offsets);
        let keys: UInt32Array = rows.map(|(row, offset)| (*row == id).then_some(offset.unsigned_abs())).collect();
        unpack(node, union.child(id), &keys, live).map(Some)
    }
}

/// A member of a sparse union, of which only the rows that chose it count.
fn chosen(
    node: &Node,
    id: i8,
    union: &UnionArray,
    live: Option<&NullBuffer>,
) -> Result<Option<ArrayRef>, NormaliseError> {
    if !node.is_fallible() {
        return node.convert(union.child(id), None);
    }
    let ids = union.type_ids();
    let chosen = |row: usize| ids.get(row) == Some(&id) && live.is_none_or(|live| live.is_valid(row));
    node.convert(union.child(id), Some(&where_true(ids.len(), chosen)))
}
