//! How long a session is away whose node is killed: three servers of this program, on this machine.

use std::time::Instant;

use tempfile::TempDir;

use super::error::BenchError;
use super::figures::{Figures, Times};
use crate::cli::demo::{Client, DemoError, Nodes};

/// What the session has, and what asks for it.
const STATE: [&str; 2] = ["CREATE TEMP TABLE mine AS SELECT range AS i FROM range(1000)", "SET VARIABLE wanted = 7"];
const QUESTION: &str = "SELECT count(*) AS n FROM mine WHERE i % getvariable('wanted') = 0";

/// Kills the node that has the session as often as `rounds` says.
pub(super) async fn takeover(rounds: usize) -> Result<Figures, BenchError> {
    let directory = TempDir::with_prefix("pintail-bench-")?;
    let mut nodes = Nodes::default();
    let measured = measure(&directory, &mut nodes, rounds).await;
    nodes.stop().await;
    directory.close()?;
    measured
}

async fn measure(directory: &TempDir, nodes: &mut Nodes, rounds: usize) -> Result<Figures, BenchError> {
    nodes.start(directory.path()).await?;
    let client = Client::connect(nodes.all()).await?;
    for sql in STATE {
        client.query(sql).await?;
    }
    let before = client.query(QUESTION).await?.text()?;
    let mut times = Times::none()?;
    for _ in 0..rounds {
        nodes.kill(&client.server()).await?;
        let begun = Instant::now();
        let after = client.query(QUESTION).await?.text()?;
        times.add(begun.elapsed());
        if after != before {
            return Err(DemoError::NotTheSame("the session answers differently".to_owned()).into());
        }
        nodes.revive().await?;
    }
    let mut figures = Figures::default();
    figures.add("kills", times.count() as f64, "");
    figures.add("lease", Nodes::LEASE.as_secs_f64(), "s");
    figures.add_times("answer after the kill", &times);
    Ok(figures)
}
