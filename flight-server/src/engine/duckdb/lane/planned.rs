//! A read that was planned for its schema, and is kept for the execution that follows.
//!
//! A client asks for a result's schema before its rows. Planning each of the 22 queries of TPC-H once takes 4 % of the time that
//! they take; without this it was done three times, because DuckDB plans a prepared statement that reads files once more.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use typemap::wire::WireOptions;

use super::{Executed, Form, Lane, no_statement};
use crate::engine::duckdb::bind::ParameterRows;
use crate::engine::duckdb::ffi::Prepared;
use crate::engine::duckdb::interrupt::Run;
use crate::engine::duckdb::plan::{plan_of, plan_of_several};
use crate::engine::duckdb::{errors, statement};
use crate::engine::{Plan, Statement, StatementKind, TransactionStatus};
use crate::error::{Result, SqlState};
use crate::failpoint::failpoint;

/// How old a plan may be. It may know what DuckDB does not look at again: which files there are, and the time.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// The plan of what the session was asked last.
pub(super) struct Planned {
    sql: String,
    options: WireOptions,
    plan: Plan,
    prepared: Prepared,
    /// What the catalogs were like.
    catalogs: NonZeroU64,
    at: Instant,
}

impl Lane {
    /// What a statement is, without executing it.
    pub(in crate::engine::duckdb) fn plan(&mut self, sql: &str, options: &WireOptions, run: &Run) -> Result<Plan> {
        if let Some(planned) = self.take_planned(sql, options, run)? {
            // Prepared statements are planned when they are made, and when their schema is asked for.
            return Ok(self.planned.insert(planned).plan.clone());
        }
        let instance = Arc::clone(&self.instance);
        let connection = self.connection(run)?;
        // Before the plan, so that it is not older than what it says. What a lake's tables are planned with ends with the
        // transaction, and its catalog is asked over the network.
        let catalogs = if instance.lake.is_none() { connection.catalog_state() } else { None };
        let mut extracted = connection.extract(sql)?;
        match extracted.count() {
            0 => Err(no_statement()),
            1 => {
                let reach = extracted.reach(0)?;
                statement::check_allowed(&reach, sql, &instance.writable)?;
                let (place, kept) = self.kept_insert(sql, &reach);
                let known = place.as_ref().and_then(|place| place.plan(options)).cloned();
                let place = match (place, kept, known) {
                    (Some(place), Some(kept), Some(plan)) => {
                        self.inserts.put(place, kept);
                        return Ok(plan);
                    }
                    (place, ..) => place,
                };
                let prepared = run.interruptible(|| extracted.prepare(0))?;
                let plan = plan_of(&prepared, sql, options)?;
                if let Some(mut place) = place.filter(|_| prepared.parameter_count() > 0 && prepared.inserts_alike()) {
                    place.set_plan(options, &plan);
                    self.inserts.put(place, prepared);
                    return Ok(plan);
                }
                let is_read = plan.kind == StatementKind::Read && !reach.commits;
                if is_read
                    && plan.parameters.fields().is_empty()
                    && let Some(catalogs) = catalogs
                {
                    prepared.keep_plan();
                    let (sql, plan, at) = (sql.to_owned(), plan.clone(), Instant::now());
                    self.planned = Some(Planned { sql, options: *options, plan, prepared, catalogs, at });
                }
                Ok(plan)
            }
            _ => plan_of_several(&mut extracted, sql, options, &instance.writable, run),
        }
    }

    /// Executes a statement whose plan is the last thing that was asked for, if it still is as it was planned. A plan is executed
    /// once.
    pub(super) fn execute_planned(&mut self, statement: &Statement, form: Form, run: &Run) -> Result<Option<Executed>> {
        if !statement.parameters.is_empty() || statement.request.is_some() {
            return Ok(None);
        }
        let Some(planned) = self.take_planned(&statement.sql, &form.options, run)? else { return Ok(None) };
        if run.is_cancelled() {
            return Err(errors::cancelled());
        }
        if self.spool.is_some() {
            self.tables.touched.by(&planned.prepared, StatementKind::Read);
        }
        failpoint!("statement.before", crate::failpoint::error());
        let alone = self.status.get() == TransactionStatus::Autocommit;
        match self.read(planned.prepared, ParameterRows::new(&[])?, form, run) {
            // Other transactions were in its way; it is tried again from its text.
            Err(error) if alone && error.sqlstate == SqlState("40001") => Ok(None),
            executed => executed.map(Some),
        }
    }

    /// The plan that is kept, if it is that of `sql`, and nothing has changed.
    fn take_planned(&mut self, sql: &str, options: &WireOptions, run: &Run) -> Result<Option<Planned>> {
        let is_it =
            |planned: &Planned| planned.sql == sql && planned.options == *options && planned.at.elapsed() < KEPT_FOR;
        let Some(planned) = self.planned.take().filter(is_it) else { return Ok(None) };
        let catalogs = self.connection(run)?.catalog_state();
        Ok((catalogs == Some(planned.catalogs) && planned.prepared.is_current()).then_some(planned))
    }
}
