//! What the demonstration shows, step by step.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use super::client::{Client, Prepared, Table};
use super::error::DemoError;
use super::hints::hints;
use super::sample::SAMPLES;
use super::server::{Place, Server};

/// How long the restarted server may take until it answers the old session.
const RESUME: Duration = Duration::from_secs(30);

/// Questions that the sample data answers.
const QUESTIONS: [(&str, &str); 3] = [
    (
        "Which airlines fly most from New York, and how late do they arrive?",
        "SELECT name AS airline, count(*) AS flights, round(avg(arr_delay), 1) AS minutes_late,
                round(100 * avg(CASE WHEN arr_delay > 15 THEN 1 ELSE 0 END), 1) AS percent_over_15
         FROM flights JOIN airlines USING (carrier)
         GROUP BY name ORDER BY flights DESC LIMIT 6",
    ),
    (
        "What does fog do to departures?",
        "SELECT CASE WHEN visib < 1 THEN 'under 1 mile' WHEN visib < 5 THEN '1 to 5 miles' ELSE '5 miles or more' END
                    AS visibility,
                count(*) AS flights, round(avg(dep_delay), 1) AS minutes_late,
                round(100 * avg(CASE WHEN dep_time IS NULL THEN 1 ELSE 0 END), 1) AS percent_cancelled
         FROM flights JOIN weather USING (origin, time_hour)
         GROUP BY visibility ORDER BY min(visib)",
    ),
    (
        "Where does each airport fly most, and in which planes?",
        "SELECT origin, airports.name AS destination, count(*) AS flights, round(avg(air_time)) AS minutes,
                mode(manufacturer) AS mostly_built_by
         FROM flights JOIN airports ON dest = faa LEFT JOIN planes USING (tailnum)
         GROUP BY origin, destination
         QUALIFY row_number() OVER (PARTITION BY origin ORDER BY count(*) DESC) <= 2
         ORDER BY origin, flights DESC",
    ),
];

/// A setting that changes what `/` means, and with it the type and the values of this statement.
const SETTING: &str = "SET integer_division = true";
const SETTING_QUERY: &str = "SELECT current_setting('integer_division') AS integer_division";
const STATEMENT: &str =
    "SELECT origin, sum(distance)::BIGINT / count(*) AS miles_a_flight FROM flights GROUP BY origin ORDER BY origin";

/// Shows it all, and cleans up whatever happens.
pub(super) async fn show(exit: bool) -> Result<(), DemoError> {
    let listen = |kind| signal(kind).map_err(DemoError::io("listen for signals"));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let directory = TempDir::with_prefix("pintail-demo-").map_err(DemoError::io("make a temporary directory"))?;
    let mut server = None;
    let result = tokio::select! {
        result = tell(&directory, &mut server, exit) => result,
        _ = interrupt.recv() => say("\nEnding.\n"),
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    };
    if let Some(server) = server {
        server.stop().await;
    }
    let removed = directory.close().map_err(DemoError::io("remove the temporary directory"));
    result.and(removed)
}

/// Starts the server into `server`, where the caller can end it at any moment.
async fn tell(directory: &TempDir, server: &mut Option<Server>, exit: bool) -> Result<(), DemoError> {
    let samples = directory.path().join("samples");
    DirBuilder::new().mode(0o700).create(&samples).map_err(DemoError::io("make a directory"))?;
    for sample in SAMPLES {
        sample.write(&samples).map_err(DemoError::io("write the sample data"))?;
    }
    let any = "127.0.0.1:0".to_owned();
    let mut place = Place { directory: directory.path().to_owned(), samples, listen: any.clone(), http: any };

    say("Starting a server on this machine, in a process of its own …\n")?;
    let begun = Instant::now();
    let running = server.insert(Server::start(&place).await?);
    say(&format!("  {} serves after {}.\n", running.ready.flight, time(begun.elapsed())))?;
    // The second server must be where the client expects the first.
    place.listen = running.ready.flight.trim_start_matches("grpc://").to_owned();
    place.http = running.ready.http.trim_start_matches("http://").to_owned();

    let mut client = Client::connect(&running.ready).await?;
    load(&mut client, &place).await?;
    for (question, sql) in QUESTIONS {
        say(&format!("\n{question}\n"))?;
        let begun = Instant::now();
        let table = client.query(sql).await?;
        show_table(&table, begun.elapsed())?;
    }

    survive(&mut client, server, &place).await?;

    let Some(running) = server else { return Ok(()) };
    if exit {
        return say("\nDone.\n");
    }
    say(&format!("\nThe server serves on; end it with Ctrl-C. Try it meanwhile:\n\n{}\n", hints(&running.ready)))?;
    Err(running.ended().await)
}

async fn load(client: &mut Client, place: &Place) -> Result<(), DemoError> {
    say("\nLoading the flights that left New York in 2013 …\n")?;
    for sample in SAMPLES {
        let begun = Instant::now();
        client.run(&sample.create(&place.samples)).await?;
        say(&format!("  table {:<9} {:>8}\n", sample.table, time(begun.elapsed())))?;
    }
    Ok(())
}

/// Gives the session a state, kills its server, starts it again, and checks that nothing of the state is lost.
async fn survive(client: &mut Client, server: &mut Option<Server>, place: &Place) -> Result<(), DemoError> {
    say(&format!("\nThis session now gets a setting and a prepared statement:\n  {SETTING}\n  PREPARE {STATEMENT}\n"))?;
    let unset = client.query(STATEMENT).await?.text()?;
    client.run(SETTING).await?;
    let mut prepared = client.prepare(STATEMENT).await?;
    let begun = Instant::now();
    let before = client.execute(&mut prepared).await?;
    show_table(&before, begun.elapsed())?;
    let before = before.text()?;
    let setting = client.query(SETTING_QUERY).await?.text()?;
    // Without this, the comparison below could not tell a lost setting from a kept one.
    ensure(before != unset, "the setting has no effect on the statement")?;
    let token = client.token().map(str::to_owned);

    let Some(running) = server else { return Ok(()) };
    let process = running.process().unwrap_or_default();
    say(&format!("\nkill -9 {process}, and start it again on the same data directory …\n"))?;
    let killed = Instant::now();
    running.kill().await?;
    *server = Some(Server::start(place).await?);
    let restarted = killed.elapsed();
    let after = answer_again(client, &mut prepared).await?;
    let away = killed.elapsed();
    show_table(&after, away.saturating_sub(restarted))?;

    ensure(client.token() == token.as_deref(), "the client had to change its token")?;
    ensure(after.text()? == before, "the prepared statement answers differently")?;
    ensure(client.query(SETTING_QUERY).await?.text()? == setting, "the setting is not what it was")?;
    say(&format!(
        "\nThe session was away for {}, of which the server took {} to start.\n  \
         same token             yes\n  same prepared handle   yes, and the same rows\n  same setting           yes\n",
        time(away),
        time(restarted),
    ))
}

/// Executes the statement until the connection is up again; what is not a matter of the connection fails at once.
async fn answer_again(client: &mut Client, prepared: &mut Prepared) -> Result<Table, DemoError> {
    let attempts = async {
        loop {
            match client.execute(prepared).await {
                Err(error) if error.is_of_connection() => tokio::time::sleep(Duration::from_millis(5)).await,
                result => return result,
            }
        }
    };
    let timed_out = DemoError::TimedOut { what: "resume the session", after: RESUME };
    tokio::time::timeout(RESUME, attempts).await.unwrap_or(Err(timed_out))
}

fn ensure(holds: bool, otherwise: &str) -> Result<(), DemoError> {
    if holds { Ok(()) } else { Err(DemoError::NotTheSame(otherwise.to_owned())) }
}

fn show_table(table: &Table, took: Duration) -> Result<(), DemoError> {
    say(&format!("{}\n{} rows in {}\n", table.text()?, table.rows(), time(took)))
}

/// Milliseconds as people read them.
fn time(took: Duration) -> String {
    match took.as_secs() {
        0 => format!("{:.1} ms", took.as_secs_f64() * 1000.0),
        _ => format!("{:.2} s", took.as_secs_f64()),
    }
}

/// Writes to standard output at once.
fn say(text: &str) -> Result<(), DemoError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(DemoError::io("write to standard output"))
}
