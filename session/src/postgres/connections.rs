//! The connections of one process, and how long a call waits for anything.
//!
//! A call takes an idle connection or makes one, sends its one statement, and puts the connection back. Whatever goes
//! wrong with a connection, a time limit included, ends it, and those that idle beside it, since they are likely as
//! dead: what the call left behind on the way can't be answered to the next one, and a network that was cut is noticed
//! by one call and not by each.
//!
//! That an idle connection has died (PostgreSQL was restarted) is found only by using it. A statement that may run twice
//! is simply sent again on a fresh connection, once. Before one that may not, a connection that idled for long is asked
//! whether it is alive, which costs a round trip; one that was used just now is not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Connection as _, Postgres};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::CALL_TIMEOUT;
use super::failure::{failed, is_broken, never_ran, not_connected};
use crate::{Result, StoreError};

/// Connections at most. Statements are look-ups of a millisecond; more connections would not make them faster, and
/// PostgreSQL's default leaves 97 for all nodes.
const CONNECTIONS: usize = 8;
/// A connection that was not used for this long is closed, so that a peak doesn't hold connections for ever.
const IDLE_LIFE: Duration = Duration::from_secs(120);
/// A connection that idled for longer is asked whether it is alive before a statement that must not run twice.
const TRUSTED: Duration = Duration::from_millis(500);

/// A statement with its values.
pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// Whether a statement may be sent again when its connection broke before the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It reads, or its second run changes nothing and answers like the first.
    Harmless,
    /// Its second run would answer otherwise than its first.
    Never,
}

/// The connections to one database.
pub(super) struct Connections {
    options: PgConnectOptions,
    place: String,
    idle: Mutex<Vec<Idle>>,
    /// Rises when idle connections are given up, so that those in use at that moment don't come back among them.
    generation: AtomicU64,
    slots: Semaphore,
}

struct Idle {
    connection: PgConnection,
    generation: u64,
    since: Instant,
}

impl Connections {
    pub(super) fn new(options: PgConnectOptions, place: String) -> Self {
        Self {
            options,
            place,
            idle: Mutex::default(),
            generation: AtomicU64::new(0),
            slots: Semaphore::new(CONNECTIONS),
        }
    }

    /// Where they lead.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// A new connection, which its user closes.
    pub(super) async fn connect(&self, deadline: Instant) -> Result<PgConnection> {
        match timeout_at(deadline, PgConnection::connect_with(&self.options)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(not_connected(&self.place, &error)),
            Err(_) => Err(self.silent("accepted no connection")),
        }
    }

    /// Lets a connection that was made elsewhere serve calls.
    pub(super) fn adopt(&self, connection: PgConnection) {
        self.put_back(connection, self.generation.load(Ordering::SeqCst));
    }

    fn put_back(&self, connection: PgConnection, generation: u64) {
        if generation == self.generation.load(Ordering::SeqCst) {
            self.idle.lock().push(Idle { connection, generation, since: Instant::now() });
        }
    }

    /// Runs one statement in one round trip (two when the connection meets it first).
    pub(super) async fn rows<'q>(&self, again: Again, statement: impl Fn() -> Statement<'q>) -> Result<Vec<PgRow>> {
        let deadline = Instant::now() + CALL_TIMEOUT;
        let Ok(Ok(_slot)) = timeout_at(deadline, self.slots.acquire()).await else {
            return Err(StoreError::Unavailable(format!(
                "PostgreSQL at {}: all {CONNECTIONS} connections of this process were in use for {} s",
                self.place,
                CALL_TIMEOUT.as_secs()
            )));
        };
        let mut is_retry = false;
        loop {
            let (mut connection, generation, is_fresh) = match self.idle(again, is_retry, deadline).await {
                Some((connection, generation)) => (connection, generation, false),
                None => {
                    let generation = self.generation.load(Ordering::SeqCst);
                    (self.connect(deadline).await?, generation, true)
                }
            };
            // The connection is this future's own until it is put back: a caller that gives up ends it.
            match timeout_at(deadline, statement().fetch_all(&mut connection)).await {
                Err(_) => {
                    self.give_up_idle();
                    return Err(self.silent("did not answer"));
                }
                Ok(Ok(rows)) => {
                    self.put_back(connection, generation);
                    return Ok(rows);
                }
                Ok(Err(error)) if is_broken(&error) => {
                    self.give_up_idle();
                    let may_run = again == Again::Harmless || never_ran(&error);
                    if is_fresh || is_retry || !may_run {
                        return Err(failed(&self.place, &error));
                    }
                    is_retry = true;
                }
                Ok(Err(error)) => {
                    self.put_back(connection, generation);
                    return Err(failed(&self.place, &error));
                }
            }
        }
    }

    /// Runs one statement that yields at most one row.
    pub(super) async fn row<'q>(&self, again: Again, statement: impl Fn() -> Statement<'q>) -> Result<Option<PgRow>> {
        Ok(self.rows(again, statement).await?.into_iter().next())
    }

    /// The connection that was used last, since the others may then grow old and be closed. None for a retry.
    async fn idle(&self, again: Again, is_retry: bool, deadline: Instant) -> Option<(PgConnection, u64)> {
        if is_retry {
            return None;
        }
        loop {
            let Idle { mut connection, generation, since } = {
                let mut idle = self.idle.lock();
                idle.retain(|idle| idle.since.elapsed() < IDLE_LIFE);
                idle.pop()?
            };
            if again == Again::Harmless || since.elapsed() < TRUSTED {
                return Some((connection, generation));
            }
            match timeout_at(deadline, connection.ping()).await {
                Ok(Ok(())) => return Some((connection, generation)),
                Ok(Err(_)) | Err(_) => self.give_up_idle(),
            }
        }
    }

    fn give_up_idle(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.idle.lock().clear();
    }

    fn silent(&self, what: &str) -> StoreError {
        StoreError::Unavailable(format!("PostgreSQL at {} {what} within {} s", self.place, CALL_TIMEOUT.as_secs()))
    }
}
