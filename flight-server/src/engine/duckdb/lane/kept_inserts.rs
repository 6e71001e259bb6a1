//! INSERTs of rows of parameters that are kept as they were planned, until they are executed again.
//!
//! A prepared statement is executed many times, mostly with one row of values, and comes with its text each time. For the INSERT of one
//! row, parsing it, planning it for the types of its parameters, and planning it again with its values was 30 % of the server's processor
//! time; without it 8 connections made 1.23 times as many (5 rounds).
//!
//! Only plain values are inserted, also by defaults: what else may stand there DuckDB computes when it plans, functions of the time among
//! it. An UPDATE or DELETE, which looks for rows, it plans anew for each value, and a COPY decides then how to replace its file.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use typemap::wire::WireOptions;

use super::Lane;
use crate::engine::Plan;
use crate::engine::duckdb::bind::ParameterRows;
use crate::engine::duckdb::ffi::{Connection, Prepared, Reach};
use crate::engine::duckdb::statement;

/// How many a session keeps: those that it has executed last. Each takes about 20 KB.
const MOST: usize = 8;
/// The longest text of one, in bytes.
const LONGEST: usize = 8 << 10;
/// The most that its values may take, in bytes: DuckDB lets go of the last ones only when it is given others.
const LARGEST: usize = 64 << 10;

/// What a session keeps.
#[derive(Default)]
pub(super) struct KeptInserts(VecDeque<(Place, Prepared)>);

/// Where an INSERT is kept.
pub(super) struct Place {
    sql: String,
    /// What the catalogs were like when it was planned.
    catalogs: NonZeroU64,
    /// What it was told to be, by how rows were written then.
    plan: Option<(WireOptions, Plan)>,
}

impl Place {
    /// What the INSERT is, if that was asked for before, with rows that are written as they are now.
    pub(super) fn plan(&self, options: &WireOptions) -> Option<&Plan> {
        self.plan.as_ref().filter(|(then, _)| then == options).map(|(_, plan)| plan)
    }

    pub(super) fn set_plan(&mut self, options: &WireOptions, plan: &Plan) {
        self.plan = Some((*options, plan.clone()));
    }
}

impl KeptInserts {
    /// Takes out the INSERT of this text, if it is still as it was planned.
    fn take(&mut self, sql: &str, catalogs: NonZeroU64) -> Option<(Place, Prepared)> {
        let index = self.0.iter().position(|(place, _)| place.sql == sql)?;
        self.0.remove(index).filter(|(place, _)| place.catalogs == catalogs)
    }

    /// Keeps an INSERT, which was executed to its end or not at all.
    pub(super) fn put(&mut self, place: Place, prepared: Prepared) {
        prepared.clear_bindings();
        self.0.truncate(MOST - 1);
        self.0.push_front((place, prepared));
    }

    /// Forgets all: what they were planned with may have changed.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

impl Lane {
    /// Where to keep the INSERT that a text is, which is planned next, and the INSERT itself if it is kept already. There is no place
    /// for other statements, or where changes of the catalogs can't be told, as with a lake.
    pub(super) fn kept_insert(&mut self, sql: &str, reach: &Reach) -> (Option<Place>, Option<Prepared>) {
        if !statement::is_insert(reach.ty) || reach.is_wrapped || sql.len() > LONGEST || self.instance.lake.is_some() {
            return (None, None);
        }
        // Before the plan, so that it is not older than what it says.
        let Some(catalogs) = self.connection.as_ref().and_then(Connection::catalog_state) else { return (None, None) };
        match self.inserts.take(sql, catalogs) {
            Some((place, prepared)) => (Some(place), Some(prepared)),
            None => (Some(Place { sql: sql.to_owned(), catalogs, plan: None }), None),
        }
    }
}

/// Whether an INSERT that gets these values is to be kept.
pub(super) fn is_worth_keeping(parameters: &ParameterRows) -> bool {
    !parameters.is_empty() && parameters.bytes() <= LARGEST
}
