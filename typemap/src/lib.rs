//! One meaning for every SQL type.
//!
//! A type has three faces: its SQL name (`DECIMAL(18,3)[]`), its Arrow field on the wire, and the rules by which a
//! value of it is written there. This crate keeps the three together, so that the same query has the same schema
//! whichever engine answered it:
//!
//! - [`SqlType`] is the type; it is parsed from and printed as the name DuckDB gives it.
//! - [`wire`] says which Arrow field carries a type to the client, and with which metadata.
//! - [`arrow_to_sql`] says which SQL type an Arrow field from a client, or from an engine that thinks in Arrow, means.
//! - [`normalise`] brings an engine's batches to the wire schema, and [`ingest`] a client's to wire layout.
//! - [`xdbc`] says what drivers ask about a type.
//! - [`value`] holds the value rules that are easy to get wrong: wide integers, infinities, packed times, digit strings.
//!
//! It never guesses: a type or a value that has no faithful counterpart is an error that says so.
//!
//! The crate knows no engine, no gRPC and no session.
//!
//! ```
//! use typemap::SqlType;
//! use typemap::wire::{WireOptions, wire_field};
//!
//! let ty: SqlType = "struct(id int8, tags text[])".parse()?;
//! assert_eq!(ty.to_string(), "STRUCT(id BIGINT, tags VARCHAR[])");
//!
//! let field = wire_field("row", &ty, true, &WireOptions::default())?;
//! assert_eq!(field.metadata()["ARROW:FLIGHT:SQL:TYPE_NAME"], "STRUCT(id BIGINT, tags VARCHAR[])");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod arrow_to_sql;
mod crs;
mod error;
pub mod ingest;
mod keyword;
pub mod metadata;
pub mod normalise;
mod parse;
mod print;
pub mod reference;
mod sql_type;
mod token;
mod type_name;
pub mod value;
pub mod wire;
pub mod xdbc;

pub use error::TypeError;
pub use parse::ParseError;
pub use sql_type::{MAX_ARRAY_SIZE, MAX_DECIMAL_PRECISION, MAX_DEPTH, SqlType};
pub use value::ValueError;
