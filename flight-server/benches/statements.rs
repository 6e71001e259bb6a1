//! What a short statement costs besides its calls and its engine: tokens, tickets, and the messages.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark is a program of its own, and stops where it can't go on"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use flight_server::engine::duckdb::benching::DuckDbRows;
use flight_server::flight::benching::{issue, redeem, short_statement};
use session::{Token, TokenKey};

#[expect(dead_code, reason = "what others use of it")]
mod inputs;

fn tickets(criterion: &mut Criterion) {
    let ticket = issue("SELECT 42 AS answer").unwrap();
    criterion
        .bench_function("ticket issued", |bencher| bencher.iter(|| issue(black_box("SELECT 42 AS answer")).unwrap()));
    criterion.bench_function("ticket redeemed", |bencher| bencher.iter(|| redeem(black_box(&ticket)).unwrap()));
}

fn tokens(criterion: &mut Criterion) {
    let key = TokenKey::derive(b"the secret of the cluster");
    let token = Token::generate().unwrap().expose();
    criterion.bench_function("token checked", |bencher| {
        bencher.iter(|| key.hash(&Token::parse(black_box(&token)).unwrap()));
    });
}

fn statements(criterion: &mut Criterion) {
    let command = inputs::short_command();
    let row = DuckDbRows::of("SELECT 42 AS answer").unwrap().batches().unwrap().remove(0);
    criterion.bench_function("short statement", |bencher| {
        bencher.iter(|| short_statement(black_box(&command), black_box(&row)).unwrap());
    });
}

criterion_group!(benches, tickets, tokens, statements);
criterion_main!(benches);
