//! What many calls at the same moment must not undo.

use std::collections::BTreeMap;

use session::{Claim, Epoch, NodeState, SessionId, SessionState};
use uuid::Uuid;

use crate::scene::{IDLE, KEEP, LEASE, new_session, registration, set};
use crate::{HOUR, Scene};

pub async fn each_session_of_a_dead_node_gets_one_owner(scene: Scene) {
    let dead = scene.node("dead").await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(scene.held_by(dead).await.session);
    }
    let mut heirs = Vec::new();
    for n in 0..6 {
        heirs.push(scene.node(&format!("n{n}")).await);
    }
    scene.pass_and_keep(LEASE + HOUR, &heirs).await;
    let claims: Vec<_> = heirs
        .iter()
        .map(|&me| {
            let (store, ids) = (scene.clone(), ids.clone());
            tokio::spawn(async move {
                let mut won = Vec::new();
                for id in ids {
                    if let Claim::Claimed(record) = store.claim(&id, Epoch::FIRST, me).await.unwrap() {
                        assert_eq!((record.owner, record.epoch), (Some(me), Epoch(2)));
                        won.push((id, me));
                    }
                }
                won
            })
        })
        .collect();
    let mut owners = BTreeMap::new();
    for claim in claims {
        for (id, owner) in claim.await.unwrap() {
            assert_eq!(owners.insert(id, owner), None);
        }
    }
    assert_eq!(owners.len(), ids.len());
    for (id, owner) in owners {
        assert_eq!(scene.read(&id).await.owner, Some(owner));
    }
}

pub async fn a_session_is_claimed_or_expires_and_never_both(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let mut sessions: Vec<SessionId> = Vec::new();
    for n in 0..40 {
        let mut new = new_session();
        if n % 2 == 0 {
            new.max_age = IDLE / 10;
        }
        scene.create_session(&new, a).await.unwrap();
        sessions.push(new.id);
    }
    scene.pass_and_keep(IDLE / 2, &[b]).await;
    let sweeps: Vec<_> = (0..4)
        .map(|_| {
            let store = scene.clone();
            tokio::spawn(async move { store.sweep(KEEP).await.unwrap().expired })
        })
        .collect();
    let mut claimed = Vec::new();
    for id in &sessions {
        if let Claim::Claimed(record) = scene.claim(id, Epoch::FIRST, b).await.unwrap() {
            claimed.push(record.id);
        }
    }
    let mut expired = Vec::new();
    for sweep in sweeps {
        expired.extend(sweep.await.unwrap().into_iter().map(|session| session.id));
    }
    expired.extend(scene.sweep(KEEP).await.unwrap().expired.into_iter().map(|session| session.id));
    let (old, young): (Vec<_>, Vec<_>) = sessions.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let ids = |of: Vec<(usize, &SessionId)>| of.into_iter().map(|(_, id)| id.clone()).collect::<Vec<_>>();
    assert_eq!(claimed, ids(young));
    let mut old = ids(old);
    old.sort();
    expired.sort();
    assert_eq!(expired, old, "each is reported once");
}

pub async fn writers_renewals_claims_and_sweeps_do_not_disturb_each_other(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let mut tasks = Vec::new();
    for n in 0..4 {
        let (store, held) = (scene.clone(), scene.held_by(a).await);
        tasks.push(tokio::spawn(async move {
            for i in 0..25 {
                store.write_journal(&held, &[set(&i.to_string(), &n.to_string())]).await.unwrap();
                store.touch(std::slice::from_ref(&held.session), a).await.unwrap();
                let claim = store.claim(&held.session, held.epoch, b).await.unwrap();
                assert!(matches!(claim, Claim::Lost(Some(record)) if record.owner == Some(a)));
            }
            assert_eq!(store.journal(&held.session).await.unwrap().len(), 25);
        }));
    }
    for node in [a, b] {
        let store = scene.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..25 {
                store.renew_node(node, LEASE, &session::NodeLoad::default()).await.unwrap();
                store.sweep(KEEP).await.unwrap();
                store.request_drain("c").await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

pub async fn of_registrations_of_one_home_at_once_the_last_is_alive(scene: Scene) {
    let home = Uuid::new_v4();
    let registrations: Vec<_> = (0..8)
        .map(|_| {
            let (store, node) = (scene.clone(), registration("a", home));
            tokio::spawn(async move { store.register_node(&node).await.unwrap() })
        })
        .collect();
    for registration in registrations {
        registration.await.unwrap();
    }
    let nodes = scene.nodes().await.unwrap();
    let alive = nodes.iter().filter(|node| node.state == NodeState::Live && !node.lease_left.is_zero()).count();
    assert_eq!((nodes.len(), alive), (8, 1));
}

pub async fn a_name_is_put_by_one_of_many_at_once(scene: Scene) {
    let puts: Vec<_> = (0..8)
        .map(|n| {
            let store = scene.clone();
            tokio::spawn(async move {
                let dataset = session::NewDataset {
                    name: if n % 2 == 0 { "d" } else { "D" }.to_owned(),
                    url: format!("file:///{n}"),
                    format: "csv".to_owned(),
                    secret: None,
                    replace: false,
                };
                store.put_dataset(&dataset).await.is_ok()
            })
        })
        .collect();
    let mut done = 0;
    for put in puts {
        done += usize::from(put.await.unwrap());
    }
    assert_eq!((done, scene.datasets().await.unwrap().len()), (1, 1));
    assert_eq!(scene.dataset_version().await.unwrap().version, 1);
}

pub async fn releases_of_one_session_at_once_succeed_once(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    let releases: Vec<_> = (0..8)
        .map(|_| {
            let (store, held) = (scene.clone(), held.clone());
            tokio::spawn(async move { store.release(&held).await.is_ok() })
        })
        .collect();
    let mut done = 0;
    for release in releases {
        done += usize::from(release.await.unwrap());
    }
    assert_eq!(done, 1);
    assert_eq!(scene.read(&held.session).await.state, SessionState::Released);
}
