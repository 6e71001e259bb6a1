//! Rows that come in parallel, in every order that threads may bring them in, are those that come one chunk after the other.

use arrow::ipc::writer::StreamWriter;
use proptest::prelude::*;
use typemap::wire::{Infinity, WideIntegers, WireOptions};

use super::*;
use crate::engine::Cut;
use crate::engine::duckdb::ffi::{Database, ParallelReceiver};

/// All types that a gate takes, with NULLs, in 30,000 rows of many lengths.
const ROWS: &str = "
    SELECT i, repeat('x', (i * i % 97)::INT) AS varies, if(i % 3 = 0, NULL, i::VARCHAR) AS text,
           COLUMNS(lambda name: name NOT SIMILAR TO '.*(array|struct|map|union|list|variant).*')
    FROM test_all_types(), range(10000) t(i) ORDER BY i, int";

const LENIENT: WireOptions = WireOptions { wide_integers: WideIntegers::Decimal256, infinity: Infinity::Null };

/// Rows as DuckDB hands them out.
fn chunks(sql: &str) -> (ResultShape, Vec<Chunk>) {
    let connection = Database::open(":memory:", &[]).unwrap().connect().unwrap();
    let mut result = connection.query(sql).unwrap();
    let shape = ResultShape::of(&result.columns(), &LENIENT).unwrap();
    assert!(shape.is_flat(), "{:?}", shape.schema);
    let chunks: Vec<_> = std::iter::from_fn(|| result.fetch().unwrap()).collect();
    (shape, chunks)
}

/// The batches of chunks that come one after the other.
fn one_after_the_other(shape: &ResultShape, chunks: &[Chunk], cut: Cut) -> Vec<RecordBatch> {
    let mut assembler = Assembler::new(shape.clone(), cut).unwrap();
    let mut batches = Vec::new();
    for chunk in chunks {
        assembler.fill_all(chunk, &mut batches).unwrap();
    }
    batches.extend(assembler.finish().unwrap());
    batches
}

/// What batches are when they are written down.
fn written(shape: &ResultShape, batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &shape.schema).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

/// A thread with the part it is at, and what is left of it.
struct Thread {
    part: usize,
    chunks: std::ops::Range<usize>,
    taken: usize,
}

/// The batches that come when threads bring parts, which begin at these chunks, as `choices` say.
fn brought<R: Parallel>(
    receiver: Arc<R>,
    chunks: &[Chunk],
    starts: &[usize],
    threads: usize,
    choices: &[u8],
) -> Vec<RecordBatch>
where
    Arc<R>: ParallelReceiver,
{
    let mut parts = starts.iter().enumerate().map(|(part, start)| {
        let end = starts.get(part + 1).copied().unwrap_or(chunks.len());
        Thread { part, chunks: *start..end, taken: 0 }
    });
    let mut working: Vec<Thread> = parts.by_ref().take(threads).collect();
    let mut batches = Vec::new();
    let mut choices = choices.iter().cycle();
    let mut idle = 0;
    while !working.is_empty() {
        let choice = usize::from(*choices.next().unwrap());
        if choice % 5 == 0 {
            let batch = receiver.take_ready().unwrap();
            idle = if batch.is_some() { 0 } else { idle + 1 };
            batches.extend(batch);
            assert!(idle < 1000, "no thread goes on, and there is nothing to be fetched");
            continue;
        }
        let at = choice % working.len();
        let thread = &mut working[at];
        if let Some(chunk) = thread.chunks.clone().next() {
            let taken = receiver.take(&chunks[chunk], thread.taken, thread.part as u64).unwrap();
            idle = if taken > 0 { 0 } else { idle + 1 };
            thread.taken += taken;
            if thread.taken == chunks[chunk].len() {
                thread.taken = 0;
                thread.chunks.next();
            }
            continue;
        }
        match parts.next() {
            Some(next) => *thread = next,
            None => drop(working.remove(at)),
        }
        let first = working.iter().map(|thread| thread.part).min().unwrap_or(starts.len());
        receiver.advance(first as u64);
    }
    loop {
        let (batch, has_more) = receiver.take_rest().unwrap();
        batches.extend(batch);
        if !has_more {
            return batches;
        }
    }
}

fn sorted(batches: &[RecordBatch], shape: &ResultShape) -> RecordBatch {
    let all = arrow::compute::concat_batches(&shape.schema, batches).unwrap();
    let column = |name: &str| Arc::clone(all.column_by_name(name).unwrap());
    let keys = ["i", "int"].map(|name| arrow::compute::SortColumn { values: column(name), options: None });
    let order = arrow::compute::lexsort_to_indices(&keys, None).unwrap();
    arrow::compute::take_record_batch(&all, &order).unwrap()
}

#[test]
fn parts_are_put_in_order_and_cut_as_if_they_had_come_in_order() {
    let (shape, chunks) = chunks(ROWS);
    let ways = (
        proptest::collection::btree_set(1..chunks.len(), 0..8),
        1..5_usize,
        proptest::collection::vec(any::<u8>(), 50..200),
        (1..5_000_usize, 1_000..2_000_000_usize),
        prop_oneof![Just(0_usize), 1_000..1_000_000_usize, Just(usize::MAX)],
    );
    proptest!(ProptestConfig::with_cases(200), |((starts, threads, choices, (rows, bytes), aside) in ways)| {
        prop_assume!(choices.iter().any(|choice| choice % 5 == 0));
        let starts: Vec<usize> = std::iter::once(0).chain(starts).collect();
        let cut = Cut { rows, bytes };
        let ordered = Arc::new(Ordered::new(shape.clone(), cut, aside).unwrap());
        let batches = brought(ordered, &chunks, &starts, threads, &choices);
        let expected = one_after_the_other(&shape, &chunks, cut);
        let lengths = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>();
        prop_assert_eq!(lengths(&batches), lengths(&expected));
        prop_assert!(batches == expected);
        prop_assert!(written(&shape, &batches) == written(&shape, &expected), "the same bytes");
    });
}

#[test]
fn rows_without_an_order_are_all_there_and_cut() {
    let (shape, chunks) = chunks(ROWS);
    let expected = sorted(&one_after_the_other(&shape, &chunks, Cut::default()), &shape);
    let ways = (1..5_usize, proptest::collection::vec(any::<u8>(), 50..200), (1..5_000_usize, 1_000..2_000_000_usize));
    proptest!(ProptestConfig::with_cases(50), |((threads, choices, (rows, bytes)) in ways)| {
        prop_assume!(choices.iter().any(|choice| choice % 5 == 0));
        let starts: Vec<usize> = (0..chunks.len()).collect();
        let unordered = Arc::new(Unordered::new(shape.clone(), Cut { rows, bytes }));
        let batches = brought(unordered, &chunks, &starts, threads, &choices);
        prop_assert!(batches.iter().all(|batch| (1..=rows).contains(&batch.num_rows())));
        prop_assert!(sorted(&batches, &shape) == expected);
    });
}

#[test]
fn the_few_rows_that_threads_have_left_are_one_batch() {
    let (shape, chunks) = chunks("SELECT i, 'x', i FROM range(3) t(i)");
    let unordered = Arc::new(Unordered::new(shape.clone(), Cut::default()));
    for _ in 0..3 {
        // A thread that had its assembler at hand while others took theirs.
        let mut assembler = Assembler::new(shape.clone(), Cut::default()).unwrap();
        assembler.fill(&chunks[0], 0).unwrap();
        unordered.give_back(assembler);
    }
    let (batch, has_more) = unordered.take_rest().unwrap();
    assert_eq!((batch.map(|batch| batch.num_rows()), has_more), (Some(9), false));
}
