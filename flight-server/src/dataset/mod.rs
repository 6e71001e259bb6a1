//! Datasets: names over files at an object store URL, which every engine shows as the same table.

mod definition;
mod source;

pub use definition::{Definition, Format};
pub use source::Source;
