//! What the demonstration shows, step by step.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

use super::client::{Client, Table};
use super::error::DemoError;
use super::hints::hints;
use super::nodes::Nodes;
use super::sample::SAMPLES;

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

/// What the session gets that would end with any other server's process.
const STATE: [&str; 3] = [
    "SET integer_division = true",
    "CREATE TEMP TABLE late AS
         SELECT carrier, flight, dest, arr_delay FROM flights WHERE arr_delay > 300",
    "CREATE TEMP VIEW worst AS SELECT * FROM late ORDER BY arr_delay DESC LIMIT 3",
];
/// What all of it has a part in.
const ALL_OF_IT: &str =
    "SELECT carrier, flight, dest, arr_delay / 60 AS hours_late FROM worst ORDER BY hours_late DESC, flight";

/// A result that takes a moment to be sent.
const ROWS: i64 = 20_000_000;
const LARGE: &str = "SELECT i, sqrt(i) AS root, 'row ' || i AS text FROM range(20000000) t(i)";

const INSERT: &str = "INSERT INTO late VALUES ('PT', 1, 'JFK', 999)";
const INSERTED: &str = "SELECT count(*) AS inserted FROM late WHERE carrier = 'PT'";

/// Shows it all, and cleans up whatever happens.
pub(super) async fn show(exit: bool) -> Result<(), DemoError> {
    let listen = |kind| signal(kind).map_err(DemoError::io("listen for signals"));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let directory = TempDir::with_prefix("pintail-demo-").map_err(DemoError::io("make a temporary directory"))?;
    let mut nodes = Nodes::default();
    let result = tokio::select! {
        result = tell(&directory, &mut nodes, exit) => result,
        _ = interrupt.recv() => say("\nEnding.\n"),
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    };
    nodes.stop().await;
    let removed = directory.close().map_err(DemoError::io("remove the temporary directory"));
    result.and(removed)
}

async fn tell(directory: &TempDir, nodes: &mut Nodes, exit: bool) -> Result<(), DemoError> {
    for sample in SAMPLES {
        sample.write(directory.path()).map_err(DemoError::io("write the sample data"))?;
    }
    say("Starting three servers on this machine, peers of each other …\n")?;
    let begun = Instant::now();
    nodes.start(directory.path()).await?;
    for ready in nodes.all() {
        say(&format!("  node {} serves at {}\n", nodes.name_of(&ready.flight), ready.flight))?;
    }
    say(&format!("  after {}.\n", time(begun.elapsed())))?;

    let client = Client::connect(nodes.all()).await?;
    say("\nThe flights that left New York in 2013 are datasets, the same on every node.\n")?;
    for (question, sql) in QUESTIONS {
        say(&format!("\n{question}\n"))?;
        let begun = Instant::now();
        let table = client.query(sql).await?;
        show_table(&table, begun.elapsed())?;
    }
    survive(&client, nodes).await?;

    nodes.revive().await?;
    if exit {
        return say("\nDone.\n");
    }
    let Some(ready) = nodes.all().next() else { return Ok(()) };
    say(&format!("\nAll three serve on; end them with Ctrl-C. Try it meanwhile:\n\n{}\n", hints(ready)))?;
    Err(nodes.ended().await)
}

/// Gives the session a state, kills the node that it is on, twice, and checks that nothing is lost, and nothing done twice.
async fn survive(client: &Client, nodes: &mut Nodes) -> Result<(), DemoError> {
    say("\nThe session now gets a setting, a temporary table and a temporary view:\n")?;
    for sql in STATE {
        client.query(sql).await?;
        say(&format!("  {sql}\n"))?;
    }
    let before = client.query(ALL_OF_IT).await?.text()?;

    let first = client.server();
    say(&format!(
        "\nIt reads {ROWS} rows from node {}, which is killed in the middle of it …\n",
        nodes.name_of(&first)
    ))?;
    let resumed = client.read_through_a_kill(LARGE, ROWS, nodes).await?;
    let second = client.server();
    say(&format!(
        "  kill -9 {}\n  resumed at batch {} on node {} after {}, {} rows repeated, {} lost\n",
        resumed.process,
        resumed.batch,
        nodes.name_of(&second),
        time(resumed.after),
        resumed.repeated,
        resumed.lost,
    ))?;
    ensure((resumed.repeated, resumed.lost) == (0, 0), "rows came twice, or not at all")?;
    ensure(second != first, "the node that was killed has the session")?;

    let begun = Instant::now();
    let after = client.query(ALL_OF_IT).await?;
    say("\nThe setting, the table and the view are on that node now:\n")?;
    show_table(&after, begun.elapsed())?;
    ensure(after.text()? == before, "the session answers differently")?;

    let request = Uuid::new_v4().to_string();
    say(&format!(
        "\nA write carries an id of its own, so that it can be sent again when its answer is lost:\n  {INSERT}\n"
    ))?;
    let Some(node) = nodes.all().find(|ready| ready.flight == second).cloned() else { return Ok(()) };
    let changed = client.insert(&node, INSERT, &request).await?;
    say(&format!("  node {}: {changed} row\n", nodes.name_of(&second)))?;
    say(&format!("  kill -9 {}\n", nodes.kill(&second).await?))?;
    let Some(third) = nodes.other_than(&second).cloned() else { return Ok(()) };
    let begun = Instant::now();
    let again = client.insert(&third, INSERT, &request).await?;
    say(&format!("  node {}: {again} row, after {}\n", nodes.name_of(&third.flight), time(begun.elapsed())))?;
    ensure(changed == 1 && again == 1, "the INSERT was answered otherwise the second time")?;
    let inserted = client.query(INSERTED).await?;
    show_table(&inserted, Duration::ZERO)?;
    ensure(inserted.text()?.contains("| 1 "), "the INSERT was not applied exactly once")?;
    say("It was applied once.\n")
}

fn ensure(holds: bool, otherwise: &str) -> Result<(), DemoError> {
    if holds { Ok(()) } else { Err(DemoError::NotTheSame(otherwise.to_owned())) }
}

fn show_table(table: &Table, took: Duration) -> Result<(), DemoError> {
    say(&format!("{}\n", table.text()?))?;
    if took.is_zero() { Ok(()) } else { say(&format!("{} rows in {}\n", table.rows(), time(took))) }
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
