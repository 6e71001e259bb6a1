//! Random histories, played on the model and on a durable store side by side: whatever happens, both answer alike.
//!
//! Nodes come, renew, drain, restart and die; sessions are created, claimed, written under fences of any age, touched,
//! ended by operators, swept; time passes. A failure prints the history, shrunk to the shortest that still tells the stores apart.

#![cfg(any(feature = "sqlite", feature = "postgres"))]

use std::time::Duration;

use proptest::prelude::*;
use session::{
    Claim, EndedSession, Epoch, Fence, Incarnation, NodeLoad, NodeRecord, NodeRole, NodeState, Renewal, Result,
    SessionId, SessionRecord, Swept,
};
use uuid::Uuid;

use crate::scene::{IDLE, KEEP, LEASE, forget, new_session, options, prepared, registration, set};
use crate::{HOUR, Scene};

/// One step. Numbers pick a node, session or fence among those there are so far.
#[derive(Debug, Clone)]
enum Step {
    Start {
        home: u128,
        is_front: bool,
    },
    Register {
        node: usize,
    },
    Renew {
        node: usize,
        running: u64,
    },
    RequestDrain {
        home: u128,
    },
    RenewAll,
    Say {
        node: usize,
        state: NodeState,
    },
    Create {
        node: usize,
        short: bool,
    },
    Claim {
        session: usize,
        node: usize,
        epoch_off_by: i64,
    },
    Release {
        fence: usize,
    },
    Close {
        fence: usize,
    },
    End {
        session: usize,
    },
    Acknowledge {
        node: usize,
        session: usize,
    },
    Options {
        fence: usize,
        value: u8,
    },
    Journal {
        fence: usize,
        key: u8,
        value: Option<u8>,
    },
    Put {
        fence: usize,
        handle: u8,
        value: u8,
    },
    Delete {
        fence: usize,
        handle: u8,
    },
    Touch {
        node: usize,
    },
    Sweep {
        keep: bool,
    },
    /// Whole hours; one minute is added. With fewer than sixty steps no sum of them can come within a minute of a
    /// limit, so the moments that a durable store's clock moves by itself can't matter. If the nodes are kept, each of them that
    /// is alive renews in time.
    Pass {
        hours: u32,
        keep_nodes: bool,
    },
}

/// Histories stay below the number of steps for which [`Step::Pass`] keeps clear of the limits.
const LONGEST_HISTORY: usize = 55;

fn step() -> impl Strategy<Value = Step> {
    let pick = 0_usize..100;
    let state = prop_oneof![Just(NodeState::Live), Just(NodeState::Draining), Just(NodeState::Gone)];
    prop_oneof![
        3 => (0_u128..3, prop::bool::weighted(0.1)).prop_map(|(home, is_front)| Step::Start { home, is_front }),
        1 => pick.clone().prop_map(|node| Step::Register { node }),
        2 => (pick.clone(), any::<u64>()).prop_map(|(node, running)| Step::Renew { node, running }),
        1 => (0_u128..3).prop_map(|home| Step::RequestDrain { home }),
        4 => Just(Step::RenewAll),
        1 => (pick.clone(), state).prop_map(|(node, state)| Step::Say { node, state }),
        4 => (pick.clone(), any::<bool>()).prop_map(|(node, short)| Step::Create { node, short }),
        6 => (pick.clone(), pick.clone(), prop_oneof![6 => Just(0), 1 => Just(-1), 1 => Just(1)])
            .prop_map(|(session, node, epoch_off_by)| Step::Claim { session, node, epoch_off_by }),
        3 => pick.clone().prop_map(|fence| Step::Release { fence }),
        1 => pick.clone().prop_map(|fence| Step::Close { fence }),
        1 => pick.clone().prop_map(|session| Step::End { session }),
        1 => (pick.clone(), pick.clone()).prop_map(|(node, session)| Step::Acknowledge { node, session }),
        1 => (pick.clone(), any::<u8>()).prop_map(|(fence, value)| Step::Options { fence, value }),
        4 => (pick.clone(), 0_u8..3, any::<Option<u8>>())
            .prop_map(|(fence, key, value)| Step::Journal { fence, key, value }),
        2 => (pick.clone(), 0_u8..3, any::<u8>()).prop_map(|(fence, handle, value)| Step::Put { fence, handle, value }),
        1 => (pick.clone(), 0_u8..3).prop_map(|(fence, handle)| Step::Delete { fence, handle }),
        2 => pick.prop_map(|node| Step::Touch { node }),
        2 => any::<bool>().prop_map(|keep| Step::Sweep { keep }),
        5 => (prop_oneof![3 => Just(1), 4 => Just(4), 1 => Just(30), 1 => Just(110)], prop::bool::weighted(0.7))
            .prop_map(|(hours, keep_nodes)| Step::Pass { hours, keep_nodes }),
    ]
}

/// What the history has brought forth so far; the same for both stores.
#[derive(Default)]
struct Cast {
    nodes: Vec<session::NodeRegistration>,
    sessions: Vec<SessionId>,
    fences: Vec<Fence>,
}

impl Cast {
    fn node(&self, n: usize) -> Option<Incarnation> {
        Some(self.nodes.get(n.checked_rem(self.nodes.len())?)?.incarnation)
    }

    fn session(&self, n: usize) -> Option<&SessionId> {
        self.sessions.get(n.checked_rem(self.sessions.len())?)
    }

    /// The later a fence was won, the likelier it is picked: half of all picks are the latest.
    fn fence(&self, n: usize) -> Option<&Fence> {
        let latest = self.fences.len().checked_sub(1)?;
        self.fences.get(if n.is_multiple_of(2) { latest } else { n % self.fences.len() })
    }
}

#[derive(Debug, PartialEq)]
enum Answer {
    Done(Result<()>),
    Renewed(Result<Renewal>),
    Asked(Result<u64>),
    Ended(Result<(&'static str, Option<SessionSeen>)>),
    Session(Result<Option<SessionSeen>>),
    Claim(Result<(bool, Option<SessionSeen>)>),
    Swept(Result<Swept>),
    Skipped,
}

/// A record without what must differ: moments are taken relative to the creation, in hours.
#[derive(Debug, PartialEq)]
struct SessionSeen(String, [i64; 3]);

fn session_seen(record: &SessionRecord) -> SessionSeen {
    let hours = |moment: std::time::SystemTime| {
        let since = moment.duration_since(record.created_at).unwrap();
        i64::try_from((since + HOUR / 2).as_secs() / HOUR.as_secs()).unwrap()
    };
    let facts = format!(
        "{} {} {} {:?} {:?} {} {:?} {:?} expired {} lease over {}",
        record.id,
        record.principal,
        record.engine,
        record.state,
        record.owner,
        record.epoch,
        record.options,
        record.close_reason,
        record.expired,
        record.owner_lease_over
    );
    SessionSeen(facts, [record.last_used_at, record.idle_expires_at, record.absolute_expires_at].map(hours))
}

fn node_seen(node: &NodeRecord) -> String {
    let NodeRecord { incarnation, role, state, load, drain_requested, .. } = node;
    let minutes_left = (node.lease_left + HOUR / 120).as_secs() / 60;
    format!("{incarnation} {role} {state:?} {load:?} drain {drain_requested} left {minutes_left}")
}

async fn play(scene: &Scene, cast: &Cast, step: &Step, fresh: &session::NewSession) -> Answer {
    let Some(answer) = try_play(scene, cast, step, fresh).await else { return Answer::Skipped };
    answer
}

async fn try_play(scene: &Scene, cast: &Cast, step: &Step, fresh: &session::NewSession) -> Option<Answer> {
    Some(match step {
        Step::Start { .. } => Answer::Done(scene.register_node(cast.nodes.last()?).await),
        Step::Register { node } => {
            let node = cast.nodes.get(node.checked_rem(cast.nodes.len())?)?;
            Answer::Done(scene.register_node(node).await)
        }
        Step::Renew { node, running } => {
            let load = NodeLoad { running: *running, ..NodeLoad::default() };
            Answer::Renewed(scene.renew_node(cast.node(*node)?, LEASE, &load).await)
        }
        Step::RequestDrain { home } => Answer::Asked(scene.request_drain(&format!("n{home}")).await),
        Step::End { session } => {
            let ended = scene.end_session(cast.session(*session)?, "by an operator").await;
            Answer::Ended(ended.map(|ended| match ended {
                EndedSession::Ended(record) => ("ended", Some(session_seen(&record))),
                EndedSession::HadEnded(record) => ("had ended", Some(session_seen(&record))),
                EndedSession::Unknown => ("unknown", None),
            }))
        }
        Step::Acknowledge { node, session } => {
            let session = std::slice::from_ref(cast.session(*session)?);
            Answer::Done(scene.acknowledge_revoked(cast.node(*node)?, session).await)
        }
        Step::RenewAll => Answer::Done(renew_all(scene, cast).await),
        Step::Say { node, state } => Answer::Done(scene.set_node_state(cast.node(*node)?, *state).await),
        Step::Create { node, .. } => {
            let created = scene.create_session(fresh, cast.node(*node)?).await;
            Answer::Session(created.map(|record| Some(session_seen(&record))))
        }
        Step::Claim { session, node, epoch_off_by } => {
            let id = cast.session(*session)?;
            let epoch = scene.session(id).await.unwrap().map_or(1, |record| record.epoch.0) + epoch_off_by;
            let claim = scene.claim(id, Epoch(epoch), cast.node(*node)?).await;
            Answer::Claim(claim.map(|claim| match claim {
                Claim::Claimed(record) => (true, Some(session_seen(&record))),
                Claim::Lost(current) => (false, current.as_ref().map(session_seen)),
            }))
        }
        Step::Release { fence } => Answer::Done(scene.release(cast.fence(*fence)?).await),
        Step::Close { fence } => Answer::Done(scene.close(cast.fence(*fence)?, "by request").await),
        Step::Options { fence, value } => {
            Answer::Done(scene.set_options(cast.fence(*fence)?, &options(&[("o", &value.to_string())])).await)
        }
        Step::Journal { fence, key, value } => {
            let key = key.to_string();
            let entry = value.map_or_else(|| forget(&key), |value| set(&key, &value.to_string()));
            Answer::Done(scene.write_journal(cast.fence(*fence)?, &[entry]).await)
        }
        Step::Put { fence, handle, value } => {
            Answer::Done(scene.put_prepared(cast.fence(*fence)?, &prepared(&[*handle], &value.to_string())).await)
        }
        Step::Delete { fence, handle } => Answer::Done(scene.delete_prepared(cast.fence(*fence)?, &[*handle]).await),
        Step::Touch { node } => Answer::Done(scene.touch(&cast.sessions, cast.node(*node)?).await),
        Step::Sweep { keep } => Answer::Swept(scene.sweep(if *keep { KEEP } else { Duration::ZERO }).await),
        Step::Pass { hours, keep_nodes } => {
            let mut left = *hours;
            while *keep_nodes && left > 9 {
                scene.pass(HOUR * 9).await;
                // Of a node that is gone already nothing is expected; the last renewal is the one compared.
                let _ = renew_all(scene, cast).await;
                left -= 9;
            }
            scene.pass(HOUR * left + HOUR / 60).await;
            Answer::Done(if *keep_nodes { renew_all(scene, cast).await } else { Ok(()) })
        }
    })
}

async fn renew_all(scene: &Scene, cast: &Cast) -> Result<()> {
    let mut all = Ok(());
    for node in &cast.nodes {
        all = scene.renew(node.incarnation, LEASE).await.and(all);
    }
    all
}

/// Everything that can be read.
async fn everything(scene: &Scene, cast: &Cast) -> String {
    let nodes: Vec<_> = scene.nodes().await.unwrap().iter().map(node_seen).collect();
    let sessions: Vec<_> = scene.sessions().await.unwrap().iter().map(session_seen).collect();
    let mut carried = Vec::new();
    for id in &cast.sessions {
        carried.push(("revoked".to_owned(), scene.revocation_pending(id).await.unwrap().to_string()));
        let journal = scene.journal(id).await.unwrap();
        carried.extend(journal.into_iter().map(|entry| (entry.key, entry.statement.unwrap())));
        for handle in 0_u8..3 {
            let statement = scene.prepared(id, &[handle]).await.unwrap();
            carried.extend(statement.map(|statement| (format!("{handle}"), statement.sql)));
        }
    }
    format!("{nodes:#?}\n{sessions:#?}\n{carried:?}")
}

async fn compare(durable: Scene, history: Vec<Step>) -> std::result::Result<(), TestCaseError> {
    let model = Scene::on_the_model();
    let mut cast = Cast::default();
    let start = (0..3)
        .map(|home| Step::Start { home, is_front: false })
        .chain((0..2).map(|node| Step::Create { node, short: node > 0 }));
    for step in &start.chain(history).collect::<Vec<_>>() {
        let mut fresh = new_session();
        match step {
            Step::Start { home, is_front } => {
                let role = if *is_front { NodeRole::Front } else { NodeRole::Both };
                let node = registration(&format!("n{home}"), Uuid::from_u128(*home));
                cast.nodes.push(session::NodeRegistration { role, ..node });
            }
            Step::Create { short: true, .. } => fresh.max_age = IDLE / 2,
            _ => {}
        }
        let held_before = model.sessions().await.unwrap();
        let answers = (play(&model, &cast, step, &fresh).await, play(&durable, &cast, step, &fresh).await);
        prop_assert_eq!(&answers.0, &answers.1, "after {:?}", step);

        for record in model.sessions().await.unwrap() {
            let known = held_before.iter().any(|old| old.id == record.id && old.epoch == record.epoch);
            if let (false, Some(incarnation)) = (known, record.owner) {
                cast.fences.push(Fence { session: record.id.clone(), incarnation, epoch: record.epoch });
            }
            if !cast.sessions.contains(&record.id) {
                cast.sessions.push(record.id);
            }
        }
        prop_assert_eq!(everything(&model, &cast).await, everything(&durable, &cast).await, "after {:?}", step);
    }
    Ok(())
}

fn run(scene: impl Future<Output = Scene>, history: Vec<Step>) -> std::result::Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { compare(scene.await, history).await })
}

#[cfg(feature = "sqlite")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_as_the_model_does(history in prop::collection::vec(step(), 20..LONGEST_HISTORY)) {
        run(Scene::on_sqlite(), history)?;
    }
}

#[cfg(feature = "postgres")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn postgres_answers_as_the_model_does(history in prop::collection::vec(step(), 20..LONGEST_HISTORY)) {
        run(Scene::on_postgres(), history)?;
    }
}
