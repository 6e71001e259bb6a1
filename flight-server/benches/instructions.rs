//! The two hot paths, each so many times: their instructions are counted by `tests/instructions.py`.
//!
//!     instructions rows|statement TIMES

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark is a program of its own, and stops where it can't go on"
)]

use std::hint::black_box;

use flight_server::engine::duckdb::benching::DuckDbRows;
use flight_server::flight::benching::{Sending, short_statement};
use flight_server::node::Compression;
use session::{Token, TokenKey};

#[expect(dead_code, reason = "what others use of it")]
mod inputs;

/// Rows of a large result, from DuckDB's chunks to what the network is given.
fn rows(times: usize) {
    let rows = DuckDbRows::of(inputs::LINEITEM).unwrap();
    let mut sending = Sending::new(rows.batches().unwrap()[0].schema(), Compression::None).unwrap();
    for _ in 0..times {
        for batch in black_box(&rows).batches().unwrap() {
            black_box(sending.batch(&batch).unwrap());
        }
    }
}

/// A short statement, with the token that comes with each of its calls.
fn statement(times: usize) {
    let command = inputs::short_command();
    let row = DuckDbRows::of("SELECT 42 AS answer").unwrap().batches().unwrap().remove(0);
    let key = TokenKey::derive(b"the secret of the cluster");
    let token = Token::generate().unwrap().expose();
    for _ in 0..times {
        black_box(key.hash(&Token::parse(black_box(&token)).unwrap()));
        black_box(short_statement(black_box(&command), black_box(&row)).unwrap());
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (path, times) = (arguments.next(), arguments.next().and_then(|times| times.parse().ok()));
    match (path.as_deref(), times) {
        (Some("rows"), Some(times)) => rows(times),
        (Some("statement"), Some(times)) => statement(times),
        _ => panic!("usage: instructions rows|statement TIMES"),
    }
}
