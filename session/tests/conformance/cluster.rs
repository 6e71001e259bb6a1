//! The PostgreSQL server that all cases share, and one schema on it for each.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use server::Postgres;

#[allow(dead_code, reason = "cases need a server that runs, and nothing of how it can fail")]
#[path = "../../../tests/harness/postgres.rs"]
mod server;

static SERVER: OnceLock<Postgres> = OnceLock::new();

/// A schema, and how far its clock is ahead.
pub struct Schema {
    name: String,
    ahead: Mutex<Duration>,
}

impl Schema {
    /// One that no other case has.
    pub fn fresh() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { name: format!("case_{number}"), ahead: Mutex::default() }
    }

    pub fn url(&self) -> String {
        format!("{}?schema={}", SERVER.get_or_init(Postgres::start).url(), self.name)
    }

    /// Moves the one function by which the store knows the time.
    pub async fn pass(&self, by: Duration) {
        let ahead = {
            let mut ahead = self.ahead.lock().unwrap();
            *ahead += by;
            ahead.as_secs_f64()
        };
        let mut db = PgConnection::connect(&SERVER.get_or_init(Postgres::start).url()).await.unwrap();
        let sql = format!(
            "CREATE OR REPLACE FUNCTION {}.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
             $$ SELECT clock_timestamp() + make_interval(secs => {ahead}) $$",
            self.name
        );
        sqlx::raw_sql(&sql).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    }
}
