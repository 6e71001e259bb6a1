//! The statements of `tests/slt/*.slt`, through Flight SQL, on both engines: equal rows and equal schemas.
//!
//! The expected text is DuckDB's: `UPDATE_SLT=1` writes it anew, for review as a diff. Its first line of each result
//! is the schema. What DataFusion does otherwise is skipped there, with the reason on the line before:
//!
//! ```text
//! # difference: DataFusion has no type for it
//! skipif datafusion
//! query I
//! ```
//!
//! A skipped statement is run nevertheless: when it does what DuckDB does, the difference is gone and the test fails.
//! `docs/engines.md` lists these differences; `UPDATE_DOCS=1` writes it.

mod columns;
mod differences;
mod session;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use columns::{Kind, same_lines, unchanged};
use pintail_tests::Server;
use session::FlightSession;
use sqllogictest::{
    Condition, DB, ExpectedError, MakeConnection, Record, RecordOutput, Runner, StatementExpect, TestErrorKind,
    parse_file, strict_column_validator, update_record_with_output,
};

/// Servers at a time: each statement is small, and most time goes into starting them.
const AT_A_TIME: usize = 2;

/// The engine whose results are the expected ones.
const REFERENCE: &str = "duckdb";
const OTHER: &str = "datafusion";

/// All files, in order.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("slt");
    let entries = std::fs::read_dir(folder).expect("the files");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    assert!(!files.is_empty(), "there are statements to run");
    files
}

/// What came of a file's statements.
#[derive(Default)]
struct Outcome {
    /// What is wrong.
    wrong: Vec<String>,
    /// How many statements did what is written down.
    ran: usize,
    /// What those of the differences said that failed.
    refusals: Vec<String>,
}

/// Runs one file in a server and a session of its own.
fn run(file: &Path, engine: &'static str, update: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(Server::start(&["--engine", engine]));
    let connect = || {
        let session = FlightSession::connect(runtime.handle().clone(), &server, engine);
        async move { Ok::<_, session::Failure>(session) }
    };
    let mut runner = Runner::new(connect);
    runner.with_normalizer(unchanged);
    runner.with_validator(same_lines);
    runner.with_column_validator(strict_column_validator);
    let outcome = if update {
        rewrite(&mut runner, file);
        Outcome::default()
    } else {
        run_records(&mut runner, file, engine)
    };
    runner.shutdown();
    drop(runner);
    // What a statement does wrong is the client's doing, and logged as such: no warning is to be expected. A difference
    // may be that the engine can't tell whose doing it was; and where more is wrong, the statements tell more.
    let mut expected: Vec<_> = outcome.refusals.iter().map(String::as_str).collect();
    expected.extend((!outcome.wrong.is_empty()).then_some(""));
    runtime.block_on(server.finish_expecting(&expected));
    outcome
}

/// Writes the file anew with what its statements do now; of an error, its SQLSTATE.
fn rewrite<M>(runner: &mut Runner<FlightSession, M>, file: &Path)
where
    M: MakeConnection<Conn = FlightSession>,
{
    let mut text = String::new();
    for record in parse_file::<Kind>(file).unwrap_or_else(|error| panic!("{error}")) {
        let output = futures::executor::block_on(runner.apply_record(record.clone()));
        let state = match &output {
            RecordOutput::Statement { error: Some(error), .. } => {
                error.downcast_ref().and_then(FlightSession::error_sql_state)
            }
            _ => None,
        };
        let record = match (record, state) {
            (Record::Injected(_), _) => continue,
            (Record::Statement { loc, conditions, connection, sql, retry, .. }, Some(state)) => {
                let expected = StatementExpect::Error(ExpectedError::SqlState(state));
                Record::Statement { loc, conditions, connection, sql, expected, retry }
            }
            (record, _) => {
                let rewritten =
                    update_record_with_output(&record, &output, "", same_lines, unchanged, strict_column_validator);
                rewritten.unwrap_or(record)
            }
        };
        text.push_str(&format!("{record}\n"));
    }
    std::fs::write(file, format!("{}\n", text.trim_end())).expect("the file is written");
}

fn run_records<M>(runner: &mut Runner<FlightSession, M>, file: &Path, engine: &str) -> Outcome
where
    M: MakeConnection<Conn = FlightSession>,
{
    let mut outcome = Outcome::default();
    for mut record in parse_file::<Kind>(file).unwrap_or_else(|error| panic!("{error}")) {
        let Some((sql, conditions)) = statement(&mut record) else { continue };
        let (sql, skipped) = (sql.to_owned(), conditions.iter().any(|condition| skips(condition, engine)));
        if skipped && conditions.iter().all(|condition| matches!(condition, Condition::SkipIf { .. })) {
            // A difference: the statement must not do here what it does there.
            conditions.clear();
            match runner.run(record) {
                Ok(_) => {
                    let file = file.display();
                    outcome
                        .wrong
                        .push(format!("{file}: no difference is left on {engine}; remove its `skipif`:\n{sql}"));
                }
                Err(error) => outcome.refusals.extend(refusal(&error.kind())),
            }
            continue;
        }
        outcome.ran += usize::from(!skipped);
        outcome.wrong.extend(runner.run(record).err().map(|error| error.to_string()));
    }
    outcome
}

/// What the server said of a statement that failed, as its log has it.
fn refusal(kind: &TestErrorKind) -> Option<String> {
    let (TestErrorKind::Fail { err, .. } | TestErrorKind::ErrorMismatch { err, .. }) = kind else { return None };
    let message = err.to_string();
    // The state stands before it for drivers that hand on nothing else.
    let message = message.split_once("] ").map_or(message.as_str(), |(_, message)| message);
    Some(serde_json::Value::from(message).to_string())
}

/// The SQL and the conditions of a record that has some.
fn statement(record: &mut Record<Kind>) -> Option<(&str, &mut Vec<Condition>)> {
    match record {
        Record::Statement { sql, conditions, .. } | Record::Query { sql, conditions, .. } => {
            Some((sql.as_str(), conditions))
        }
        Record::Comment(_) | Record::Newline | Record::Condition(_) => None,
        other => panic!("these files hold statements and queries only, not {other:?}"),
    }
}

fn skips(condition: &Condition, engine: &str) -> bool {
    match condition {
        Condition::SkipIf { label } => label == engine,
        Condition::OnlyIf { label } => label != engine,
    }
}

/// Runs all files on an engine, some at a time, and fails with everything that is wrong.
fn run_all(engine: &'static str, update: bool) -> usize {
    let files = files();
    let (next, statements) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let wrong: Vec<_> = files.iter().map(|_| Mutex::new(Vec::new())).collect();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                let take = || next.fetch_add(1, Ordering::Relaxed);
                while let Some((number, file)) = files.iter().enumerate().nth(take()) {
                    let outcome = run(file, engine, update);
                    statements.fetch_add(outcome.ran, Ordering::Relaxed);
                    *wrong[number].lock().unwrap() = outcome.wrong;
                }
            });
        }
    });
    let wrong: Vec<_> = wrong.into_iter().flat_map(|errors| errors.into_inner().unwrap()).collect();
    assert!(wrong.is_empty(), "{} of the statements on {engine} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    statements.into_inner()
}

#[test]
fn every_statement_does_on_duckdb_what_is_written_down() {
    if std::env::var_os("UPDATE_SLT").is_some() {
        run_all(REFERENCE, true);
    }
    let ran = run_all(REFERENCE, false);
    assert!(ran >= 150, "only {ran} statements ran");
}

#[test]
fn every_statement_does_the_same_on_datafusion_but_for_the_listed_differences() {
    let ran = run_all(OTHER, false);
    assert!(ran >= 150, "only {ran} statements ran");
}

#[test]
fn the_page_lists_every_difference_with_its_reason() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/engines.md");
    let page = differences::page(&files(), OTHER);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, page, "docs/engines.md is out of date; run this test with UPDATE_DOCS=1");
}
