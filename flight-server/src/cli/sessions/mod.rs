//! `pintail sessions`: the sessions of the store, whichever node has them.
//!
//! The commands work on the store itself, whether servers run on it or not.

mod error;
mod why;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Arg, ArgMatches, Command};
use session::{EndedSession, NodeRecord, SessionId, SessionRecord, SessionState, SessionStore};

use self::error::SessionsError;
use super::moment::moment;
use super::rows::{Cell, RowFormat, Rows};
use super::{store, wait_for};
use crate::config::{Config, arguments_of};

/// How often the store is asked whether a node has dropped a session that was ended.
const INTERVAL: Duration = Duration::from_millis(50);

/// The subcommands.
pub(super) fn command() -> Command {
    // What tells which store is meant, the same as for `serve`.
    let place = || arguments_of(&["config", "data-dir", "store", "node-lease"]);
    let id =
        || Arg::new("id").value_name("ID").required(true).help("The session's id, as `pintail sessions ls` shows it");
    let ls = Command::new("ls")
        .about("Lists the sessions, with the nodes that have them")
        .arg(RowFormat::argument())
        .args(place());
    let show = Command::new("show").about("Shows one session").arg(id()).arg(RowFormat::argument()).args(place());
    let why = Command::new("why")
        .about("Tells what of a session would be there after its node died, and what would not")
        .arg(id())
        .arg(RowFormat::argument())
        .args(place());
    let kill = Command::new("kill")
        .about("Ends a session on whichever node has it; when this returns, no statement of it starts any more")
        .arg(id())
        .args(place());
    Command::new("sessions")
        .about("The sessions, whichever node has them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([ls, show, why, kill])
}

/// Runs the subcommand that was chosen.
pub(super) fn run(chosen: &ArgMatches) -> ExitCode {
    wait_for(dispatch(chosen), SessionsError::exit_code)
}

async fn dispatch(chosen: &ArgMatches) -> Result<(), SessionsError> {
    let Some((what, flags)) = chosen.subcommand() else { return Ok(()) };
    let config = Config::load(flags)?;
    let id = match flags.try_get_one::<String>("id").ok().flatten() {
        Some(text) => Some(text.parse::<SessionId>().map_err(|_| SessionsError::NoId(text.clone()))?),
        None => None,
    };
    let store = store::open_existing(&config).await?;
    let out = &mut io::stdout().lock();
    match (what, id) {
        ("show", Some(id)) => show(&*store, &id).await?.write(RowFormat::chosen(flags), out),
        ("why", Some(id)) => why::rows(&*store, &find(&*store, &id).await?).await?.write(RowFormat::chosen(flags), out),
        ("kill", Some(id)) => return kill(&config, &*store, &id).await,
        _ => list(&*store).await?.write(RowFormat::chosen(flags), out),
    }
    .map_err(SessionsError::Output)
}

async fn find(store: &dyn SessionStore, id: &SessionId) -> Result<SessionRecord, SessionsError> {
    store.session(id).await?.ok_or_else(|| SessionsError::Unknown(id.clone()))
}

async fn list(store: &dyn SessionStore) -> Result<Rows<8>, SessionsError> {
    let nodes = store.nodes().await?;
    let sessions = store.sessions().await?;
    let rows = sessions.iter().map(|session| {
        [
            Cell::Text(session.id.to_string()),
            Cell::Text(session.principal.to_string()),
            Cell::Text(session.engine.clone()),
            Cell::Text(state(session).to_owned()),
            owner(session, &nodes),
            number(session.epoch.0),
            Cell::Text(moment(session.created_at)),
            Cell::Text(moment(session.last_used_at)),
        ]
    });
    let names = ["id", "user", "engine", "state", "node", "epoch", "created", "last_used"];
    Ok(Rows { names, rows: rows.collect() })
}

async fn show(store: &dyn SessionStore, id: &SessionId) -> Result<Rows<2>, SessionsError> {
    let session = find(store, id).await?;
    let nodes = store.nodes().await?;
    let text = |text: &str| Cell::Text(text.to_owned());
    let mut rows = vec![
        [text("id"), text(&session.id.to_string())],
        [text("user"), text(&session.principal.to_string())],
        [text("engine"), text(&session.engine)],
        [text("state"), text(state(&session))],
        [text("node"), owner(&session, &nodes)],
        [text("epoch"), number(session.epoch.0)],
        [text("created"), text(&moment(session.created_at))],
        [text("last_used"), text(&moment(session.last_used_at))],
        [text("idle_expires"), text(&moment(session.idle_expires_at))],
        [text("absolute_expires"), text(&moment(session.absolute_expires_at))],
        [text("close_reason"), session.close_reason.clone().into()],
        [text("journal_entries"), Cell::Number(store.journal(id).await?.len())],
    ];
    rows.extend(session.options.iter().map(|(name, value)| [text(&format!("option {name}")), text(value)]));
    Ok(Rows { names: ["name", "value"], rows })
}

async fn kill(config: &Config, store: &dyn SessionStore, id: &SessionId) -> Result<(), SessionsError> {
    match store.end_session(id, "an operator ended it").await? {
        EndedSession::Unknown => return Err(SessionsError::Unknown(id.clone())),
        EndedSession::HadEnded(session) => {
            talk(&format!("session {id} had ended already: it is {}", state(&session)));
            return Ok(());
        }
        EndedSession::Ended(_) => {}
    }
    // A node that is alive drops it with its next renewal, and one that is not has lost it with its lease.
    let until = Instant::now() + config.node_lease * 2 + Duration::from_secs(1);
    while store.revocation_pending(id).await? {
        if Instant::now() > until {
            return Err(SessionsError::StillHeld(id.clone()));
        }
        tokio::time::sleep(INTERVAL).await;
    }
    talk(&format!("session {id} ended"));
    Ok(())
}

/// Where it is in its life, as it would be found to be.
fn state(session: &SessionRecord) -> &'static str {
    match session.state {
        SessionState::Closed => "closed",
        SessionState::Active | SessionState::Released | SessionState::Expired if session.expired => "expired",
        SessionState::Expired => "expired",
        SessionState::Active if session.owner_lease_over => "orphaned",
        SessionState::Active => "active",
        SessionState::Released => "released",
    }
}

/// The name of the node that has it, or had it last.
fn owner(session: &SessionRecord, nodes: &[NodeRecord]) -> Cell {
    let owner = session.owner.and_then(|owner| nodes.iter().find(|node| node.incarnation == owner));
    owner.map(|node| node.name.clone()).into()
}

fn number(number: i64) -> Cell {
    usize::try_from(number).map_or(Cell::Nothing, Cell::Number)
}

/// Says something that is no data.
fn talk(text: &str) {
    // When standard error is closed, nobody wants to know.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use session::{Epoch, Principal, Token, TokenKey};

    use super::*;

    #[test]
    fn a_session_whose_node_died_is_orphaned_until_somebody_takes_it() {
        let token = Token::generate().ok();
        let record = token.map(|token| SessionRecord {
            id: token.id().clone(),
            token_hash: TokenKey::derive(b"secret").hash(&token),
            principal: Principal("ada".to_owned()),
            engine: "duckdb".to_owned(),
            state: SessionState::Active,
            owner: None,
            epoch: Epoch::FIRST,
            options: std::collections::BTreeMap::new(),
            close_reason: None,
            created_at: SystemTime::UNIX_EPOCH,
            last_used_at: SystemTime::UNIX_EPOCH,
            idle_expires_at: SystemTime::UNIX_EPOCH,
            absolute_expires_at: SystemTime::UNIX_EPOCH,
            expired: false,
            owner_lease_over: false,
        });
        let with = |change: fn(&mut SessionRecord)| {
            record.clone().map(|mut record| {
                change(&mut record);
                state(&record)
            })
        };
        assert_eq!(with(|_| {}), Some("active"));
        assert_eq!(with(|record| record.owner_lease_over = true), Some("orphaned"));
        assert_eq!(with(|record| record.expired = true), Some("expired"), "also before the janitor says so");
        assert_eq!(with(|record| record.state = SessionState::Released), Some("released"));
        assert_eq!(with(|record| (record.state, record.expired) = (SessionState::Closed, true)), Some("closed"));
    }
}
