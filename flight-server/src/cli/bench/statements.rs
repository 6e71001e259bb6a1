//! How long statements take, and how many there are in a second.

use std::time::{Duration, Instant};

use super::error::BenchError;
use super::figures::{Figures, Times};
use super::target::Target;

/// How many statements are run before any counts.
const WARM: usize = 20;

/// The times of a statement on one connection, and of a call that takes no work.
pub(super) async fn latency(target: &Target, sql: &str, duration: Duration) -> Result<Figures, BenchError> {
    let mut client = target.connect(0).await?;
    let (mut statements, mut calls) = (Times::none()?, Times::none()?);
    for _ in 0..WARM {
        client.query(sql).await?;
        client.nothing().await?;
    }
    let end = Instant::now() + duration;
    while Instant::now() < end {
        let begun = Instant::now();
        client.query(sql).await?;
        statements.add(begun.elapsed());
        let begun = Instant::now();
        client.nothing().await?;
        calls.add(begun.elapsed());
    }
    client.close().await;
    let mut figures = Figures::default();
    figures.add("statements", statements.count() as f64, "");
    figures.add_times("statement", &statements);
    figures.add_times("call that does nothing", &calls);
    Ok(figures)
}

/// How many statements so many connections run in a second.
pub(super) async fn throughput(
    target: &Target,
    sql: &str,
    duration: Duration,
    connections: usize,
) -> Result<Figures, BenchError> {
    let mut clients = Vec::with_capacity(connections);
    for number in 0..connections {
        let mut client = target.connect(number).await?;
        client.query(sql).await?;
        clients.push(client);
    }
    let begun = Instant::now();
    let end = begun + duration;
    let running = clients.into_iter().map(|mut client| async move {
        let mut times = Times::none()?;
        while Instant::now() < end {
            let begun = Instant::now();
            client.query(sql).await?;
            times.add(begun.elapsed());
        }
        client.close().await;
        Ok::<_, BenchError>(times)
    });
    let each = futures::future::try_join_all(running).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut all = Times::none()?;
    for times in &each {
        all.add_all(times)?;
    }
    let mut figures = Figures::default();
    figures.add("connections", connections as f64, "");
    figures.add("statements", all.count() as f64 / seconds, "/s");
    figures.add_times("statement", &all);
    Ok(figures)
}
