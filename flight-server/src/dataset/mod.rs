//! Datasets: names over files at an object store URL, which every engine shows as the same table.
//!
//! | module | what it does |
//! |---|---|
//! | `definition` | what a dataset is said to be |
//! | `location` | URLs that may be stored and shown |
//! | `source` | the files of a dataset, as engines read them |
//! | `place` | which files of a store a URL means |
//! | `pattern` | `*`, `?` and `**` in paths |
//! | `store` | object stores and their credentials |
//! | `files` | listings: one a refresh interval |
//! | `view` | what engines see of the store |
//! | `attempt` | trying again |
//! | `failure` | why something can't be read, in words of our own |

mod attempt;
mod definition;
mod failure;
mod files;
mod location;
pub(crate) mod pattern;
mod place;
mod source;
mod store;
mod view;

pub(crate) use attempt::attempt;
pub use definition::{Definition, Format};
pub(crate) use failure::Reason;
pub use source::{Source, SourceOptions};
pub(crate) use store::open_place;
