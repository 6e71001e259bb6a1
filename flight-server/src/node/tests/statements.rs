//! Statements and transactions of a session.

use ::session::SessionStore as _;
use futures::StreamExt as _;

use super::*;
use crate::engine::{Request, Statement, TransactionStatus};
use crate::node::{Kept, WriteOutcome};

async fn run(caller: &Caller, sql: &str) -> Result<()> {
    caller.session.execute(Statement::new(sql)).await.map(drop)
}

#[tokio::test]
async fn a_statement_runs_until_its_rows_are_dropped() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    node.idle().await;
    let mut outcome = caller.session.execute(Statement::new("SELECT 1")).await.unwrap();
    assert_eq!(node.running_statements(), 1);
    assert_eq!(outcome.rows.batches.next().await.unwrap().unwrap().num_rows(), 3);
    let second = caller.session.execute(Statement::new("SELECT 2")).await.unwrap();
    assert_eq!(node.running_statements(), 2, "open results do not hold other statements up");
    let mut idle = Box::pin(node.idle());
    assert!(futures::poll!(&mut idle).is_pending());
    drop((outcome, second));
    idle.await;
    assert_eq!(code(run(&caller, "NONSENSE").await), ErrorCode::StatementFailed);
    assert_eq!(node.running_statements(), 0);
}

#[tokio::test]
async fn state_is_in_the_journal_before_the_answer_is_given() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    run(&caller, "SET x=5").await.unwrap();
    let journal = cluster.store.journal(caller.session.id()).await.unwrap();
    assert_eq!(journal.len(), 1);
    assert_eq!(journal[0].statement.as_deref(), Some("SET x=5"));
}

#[tokio::test]
async fn state_that_could_not_be_written_goes_before_the_next_statement() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    cluster.store.set_down(true);
    assert!(run(&caller, "SELECT 1").await.is_ok(), "what changes no state needs no store");
    assert_eq!(code(run(&caller, "SET x=5").await), ErrorCode::StateUnsaved);
    assert_eq!(code(run(&caller, "INSERT 1").await), ErrorCode::StoreUnavailable, "it would rest on what may be lost");
    cluster.store.set_down(false);
    run(&caller, "SELECT 1").await.unwrap();
    assert_eq!(cluster.store.journal(caller.session.id()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_statement_that_was_applied_is_never_told_to_be_sent_again() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    cluster.store.set_down(true);
    let unsaved = run(&caller, "INSERT 1; SET x=5").await.unwrap_err();
    assert_eq!((unsaved.code, unsaved.sqlstate.0), (ErrorCode::StateUnsaved, "08007"));
    assert!(unsaved.message.contains("was applied") && unsaved.message.contains("writes it before"), "{unsaved}");
    // What comes after it has not begun.
    assert_eq!(code(run(&caller, "INSERT 2").await), ErrorCode::StoreUnavailable);
}

#[tokio::test]
async fn closing_a_session_interrupts_what_runs_in_it_and_says_why() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    let other = call(&node, &token).await.unwrap();
    let hanging = tokio::spawn(async move { run(&other, "HANG").await });
    until(|| node.running_statements() == 1).await;
    node.close_session(&caller).await.unwrap();
    assert_eq!(code(hanging.await.unwrap()), ErrorCode::SessionClosed);
    node.idle().await;
}

#[tokio::test]
async fn a_write_that_comes_while_somebody_asks_what_became_of_it_is_told_to_run() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    let request = Request { id: Uuid::from_u128(7), digest: "7".to_owned(), is_own: false };
    assert_eq!(caller.session.write_outcome(request.id).await.unwrap(), WriteOutcome::Aborted);

    // The engine is at something else when it is asked, and then at the write for good.
    cluster.engine.control().tells_receipts.send_replace(false);
    let mut asked = Box::pin(caller.session.write_outcome(request.id));
    assert!(futures::poll!(&mut asked).is_pending());
    let other = call(&node, &token).await.unwrap();
    let write = Statement { request: Some(request), ..Statement::new("HANG") };
    let writing = tokio::spawn(async move { other.session.execute(write).await.map(drop) });
    assert_eq!(asked.await.unwrap(), WriteOutcome::Running);
    cluster.engine.control().tells_receipts.send_replace(true);
    node.close_session(&caller).await.unwrap();
    assert_eq!(code(writing.await.unwrap()), ErrorCode::SessionClosed);
}

#[tokio::test]
async fn begin_joins_a_transaction_however_it_was_opened() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    let session = &caller.session;
    run(&caller, "BEGIN").await.unwrap();
    let id = session.begin().await.unwrap();
    assert_eq!(session.begin().await.unwrap(), id);
    assert_eq!(id.as_bytes().len(), 24);
    assert_eq!(id.as_bytes()[..8], 1i64.to_be_bytes());
    session.check_transaction(id.as_bytes()).unwrap();
    run(&caller, "INSERT 1").await.unwrap();
    session.check_transaction(id.as_bytes()).unwrap();
    session.commit(id.as_bytes(), None).await.unwrap();
    assert_eq!(session.engine().transaction(), TransactionStatus::Autocommit);
    let next = session.begin().await.unwrap();
    assert_ne!(next, id);
    session.rollback(id.as_bytes()).await.unwrap();
    session.check_transaction(next.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_transaction_ended_by_sql_text_is_over_under_its_id_too() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    let session = &caller.session;
    for sql in ["COMMIT", "ROLLBACK", "COMMIT; BEGIN"] {
        let id = session.begin().await.unwrap();
        run(&caller, sql).await.unwrap();
        assert_eq!(code(session.check_transaction(id.as_bytes())), ErrorCode::TransactionUnknown, "{sql}");
        assert_eq!(code(session.commit(id.as_bytes(), None).await), ErrorCode::TransactionUnknown, "{sql}");
        session.rollback(id.as_bytes()).await.unwrap();
    }
    assert_eq!(session.engine().transaction(), TransactionStatus::Open, "a rollback of another id ends nothing");
}

#[tokio::test]
async fn an_id_that_is_none_is_unknown_to_commit_and_nothing_to_rollback() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    let session = &caller.session;
    let open = session.begin().await.unwrap();
    for id in [&b""[..], b"short", &[0xff; 24], &[0; 25]] {
        assert_eq!(code(session.commit(id, None).await), ErrorCode::TransactionUnknown);
        session.rollback(id).await.unwrap();
    }
    session.check_transaction(open.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_kept_result_can_be_had_again_until_its_session_ends() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    let (other, _) = connect(&node).await;
    let id = caller.session.keep(Kept::Deferred(Statement::new("SELECT 1")));
    for _ in 0..2 {
        assert!(
            matches!(&*caller.session.kept(&id).unwrap(), Kept::Deferred(statement) if &*statement.sql == "SELECT 1")
        );
    }
    assert_eq!(code(other.session.kept(&id)), ErrorCode::ResultGone, "it is of one session");
    node.close_session(&caller).await.unwrap();
    assert_eq!(code(caller.session.kept(&id)), ErrorCode::ResultGone);
}
