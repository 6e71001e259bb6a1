//! Results in the spool: whole and durable before their tickets are handed out. They are fetched any number of times, and go on
//! behind any batch, whatever becomes of the node that has run them.

use std::collections::VecDeque;
use std::io::Cursor;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use session::JournalEntry;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::session::Session;
use super::split::ranges;
use crate::blocking::blocking;
use crate::engine::{Rows, StateEntry, bytes_of_rows};
use crate::error::{Error, ErrorCode, Result};
use crate::snapshots::Snapshots;

/// What begins the keys of these results in the journal. Engines know nothing of them.
const KEY: &str = "pintail:result:";

/// The most results of a session in the spool, and the most bytes of them. The oldest goes first, the newest always stays.
const MOST: usize = 64;
const MOST_BYTES: u64 = 8 << 30;

/// How many bytes of rows are written at once.
const SEGMENT: usize = 16 << 20;

/// How many segments are read ahead of who fetches them.
const AHEAD: usize = 2;

/// A result that is in the spool.
pub struct SpooledResult {
    /// Its name within its session.
    pub name: Uuid,
    /// The schema of its rows.
    pub schema: SchemaRef,
    /// Into how many parts it is split.
    pub parts: usize,
    /// How many rows all parts have.
    pub rows: u64,
}

/// What stands in the spool under the name of a result.
#[derive(Serialize, Deserialize)]
struct Contents {
    segments: Vec<Segment>,
    /// Which batches each part has.
    parts: Vec<Range<usize>>,
}

/// Some batches, as an IPC stream.
#[derive(Clone, Serialize, Deserialize)]
struct Segment {
    name: String,
    batches: usize,
}

impl Segment {
    fn name(&self) -> Result<Uuid> {
        Uuid::try_parse(&self.name).map_err(Error::internal)
    }
}

/// The results of a session in the spool, the oldest first, with their bytes.
#[derive(Default)]
pub(super) struct SpooledResults(VecDeque<(Uuid, u64)>);

impl SpooledResults {
    /// Takes them out of a journal.
    pub(super) fn take_out_of(journal: &mut Vec<JournalEntry>) -> Self {
        let mut results = Self::default();
        journal.retain(|entry| {
            let Some(name) = entry.key.strip_prefix(KEY) else { return true };
            let bytes = entry.statement.as_deref().and_then(|bytes| bytes.parse().ok());
            results.0.extend(Uuid::try_parse(name).ok().zip(bytes));
            false
        });
        results
    }

    /// Adds one; those that have to go.
    fn add(&mut self, name: Uuid, bytes: u64) -> Vec<Uuid> {
        self.0.push_back((name, bytes));
        let mut gone = Vec::new();
        while self.0.len() > 1
            && (self.0.len() > MOST || self.0.iter().map(|(_, bytes)| bytes).sum::<u64>() > MOST_BYTES)
        {
            gone.extend(self.0.pop_front().map(|(name, _)| name));
        }
        gone
    }

    fn has(&self, name: Uuid) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }
}

/// Whether a key of the journal is that of such a result.
pub(super) fn is_result(key: &str) -> bool {
    key.starts_with(KEY)
}

impl Session {
    /// Writes a result to the spool, in `wanted` parts, or as many as it has batches when these are fewer.
    ///
    /// # Errors
    /// Those of the rows; `SPOOL_UNAVAILABLE` when there is no spool, or it can't be written; `RESULT_TOO_LARGE` when they are more
    /// than is kept; those of the store.
    pub async fn spool_result(&self, rows: Rows, wanted: usize) -> Result<SpooledResult> {
        let _work = self.start()?;
        let mut writing = Writing::new(self.spool()?, self.id().to_string());
        let (schema, contents, count) = writing.all(rows, wanted).await?;
        let encoded = serde_json::to_vec(&contents).map_err(Error::internal)?;
        let (spool, session) = (Arc::clone(&writing.spool), writing.session.clone());
        let name = blocking(move || spool.put(&session, encoded)).await?;
        let bytes = writing.bytes;
        writing.segments.clear();
        let gone = self.spooled.lock().add(name, bytes);
        let mut entries = vec![StateEntry { key: format!("{KEY}{name}"), sql: Some(bytes.to_string()) }];
        entries.extend(gone.iter().map(|name| StateEntry { key: format!("{KEY}{name}"), sql: None }));
        let mut turn = self.turn.lock().await;
        self.write_state(&mut turn, &entries).await?;
        drop(turn);
        for name in gone {
            let (spool, session) = (self.spool()?, self.id().to_string());
            blocking(move || {
                remove(&spool, &session, name);
                Ok(())
            })
            .await?;
        }
        Ok(SpooledResult { name, schema, parts: contents.parts.len(), rows: count })
    }

    /// The rows of a part of a result in the spool, counted from 0.
    ///
    /// # Errors
    /// `RESULT_GONE` when it is not kept any more; `SPOOL_UNAVAILABLE` when it can't be read, or is not what was written.
    pub async fn spooled_part(&self, name: Uuid, part: usize) -> Result<Rows> {
        self.check_spooled(name)?;
        let (spool, session) = (self.spool()?, self.id().to_string());
        let (contents, schema) = {
            let (spool, session) = (Arc::clone(&spool), session.clone());
            blocking(move || {
                let contents = contents(&spool, &session, name)?;
                let first = contents.segments.first().ok_or_else(|| Error::internal("a result has no segment"))?;
                let (schema, _) = read(&spool, &session, first)?;
                Ok((contents, schema))
            })
            .await?
        };
        let range = contents.parts.get(part).cloned();
        let range = range.ok_or_else(|| Error::internal("a ticket names a part that its result has not"))?;
        let batches = stream::iter(within(contents.segments, range))
            .map(move |(segment, range)| {
                let (spool, session) = (Arc::clone(&spool), session.clone());
                blocking(move || {
                    let (_, batches) = read(&spool, &session, &segment)?;
                    Ok(stream::iter(batches.into_iter().skip(range.start).take(range.len()).map(Ok)))
                })
            })
            .buffered(AHEAD)
            .try_flatten();
        Ok(Rows { schema, batches: batches.boxed() })
    }

    /// Whether a result is in the spool.
    ///
    /// # Errors
    /// `RESULT_GONE` when it is not kept any more.
    pub fn check_spooled(&self, name: Uuid) -> Result<()> {
        if self.spooled.lock().has(name) { Ok(()) } else { Err(gone()) }
    }

    fn spool(&self) -> Result<Arc<Snapshots>> {
        self.core.options.spool.clone().ok_or_else(|| {
            Error::new(
                ErrorCode::SpoolUnavailable,
                "this node has no spool (--spool) for the result: set pintail.results to 'verify', or use a node that has one",
            )
        })
    }
}

/// A result that is being written; what was written of it goes when it is given up.
struct Writing {
    spool: Arc<Snapshots>,
    session: String,
    segments: Vec<Segment>,
    /// While one segment is written, the next is computed.
    underway: Option<JoinHandle<Result<(Segment, u64)>>>,
    bytes: u64,
}

impl Drop for Writing {
    fn drop(&mut self) {
        let (underway, mut segments) = (self.underway.take(), std::mem::take(&mut self.segments));
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if underway.is_none() && segments.is_empty() {
            return;
        }
        let (spool, session) = (Arc::clone(&self.spool), std::mem::take(&mut self.session));
        runtime.spawn(async move {
            if let Some(underway) = underway
                && let Ok(Ok((segment, _))) = underway.await
            {
                segments.push(segment);
            }
            // It fails only when the runtime ends.
            let _ = tokio::task::spawn_blocking(move || remove_segments(&spool, &session, &segments)).await;
        });
    }
}

impl Writing {
    fn new(spool: Arc<Snapshots>, session: String) -> Self {
        Self { spool, session, segments: Vec::new(), underway: None, bytes: 0 }
    }

    /// Writes all rows; their schema, what is to be found of them, and how many they are.
    async fn all(&mut self, rows: Rows, wanted: usize) -> Result<(SchemaRef, Contents, u64)> {
        let Rows { schema, mut batches } = rows;
        let (mut waiting, mut size, mut count) = (Vec::new(), 0, 0);
        while let Some(batch) = batches.try_next().await? {
            if batch.num_rows() == 0 {
                continue;
            }
            count += batch.num_rows() as u64;
            size += bytes_of_rows(&batch);
            waiting.push(batch);
            if size >= SEGMENT {
                self.finish().await?;
                self.underway = Some(self.write(&schema, std::mem::take(&mut waiting)));
                size = 0;
            }
        }
        self.finish().await?;
        if !waiting.is_empty() || self.segments.is_empty() {
            self.underway = Some(self.write(&schema, waiting));
            self.finish().await?;
        }
        let batches = self.segments.iter().map(|segment| segment.batches).sum();
        Ok((schema, Contents { segments: self.segments.clone(), parts: ranges(batches, wanted) }, count))
    }

    fn write(&self, schema: &SchemaRef, batches: Vec<RecordBatch>) -> JoinHandle<Result<(Segment, u64)>> {
        let (spool, session, schema) = (Arc::clone(&self.spool), self.session.clone(), Arc::clone(schema));
        tokio::task::spawn_blocking(move || {
            let mut writer = StreamWriter::try_new(Vec::new(), &schema).map_err(Error::internal)?;
            batches.iter().try_for_each(|batch| writer.write(batch)).map_err(Error::internal)?;
            let encoded = writer.into_inner().map_err(Error::internal)?;
            let bytes = encoded.len() as u64;
            let name = spool.put(&session, encoded)?.to_string();
            Ok((Segment { name, batches: batches.len() }, bytes))
        })
    }

    /// Waits for what is being written.
    async fn finish(&mut self) -> Result<()> {
        let Some(underway) = &mut self.underway else { return Ok(()) };
        let written = underway.await;
        self.underway = None;
        let (segment, bytes) = written.map_err(Error::internal)??;
        self.segments.push(segment);
        self.bytes += bytes;
        if self.bytes > MOST_BYTES { Err(too_large()) } else { Ok(()) }
    }
}

/// Which batches of which segments are those of a range of all batches.
fn within(segments: Vec<Segment>, range: Range<usize>) -> Vec<(Segment, Range<usize>)> {
    let mut begin = 0;
    let mut found = Vec::new();
    for segment in segments {
        let end = begin + segment.batches;
        let (from, to) = (range.start.max(begin), range.end.min(end));
        if from < to {
            found.push((segment, from - begin..to - begin));
        }
        begin = end;
    }
    found
}

fn contents(spool: &Snapshots, session: &str, name: Uuid) -> Result<Contents> {
    serde_json::from_slice(&spool.get(session, name)?).map_err(Error::internal)
}

fn read(spool: &Snapshots, session: &str, segment: &Segment) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let encoded = spool.get(session, segment.name()?)?;
    let reader = StreamReader::try_new(Cursor::new(encoded), None).map_err(Error::internal)?;
    let schema = reader.schema();
    let batches = reader.collect::<std::result::Result<_, _>>().map_err(Error::internal)?;
    Ok((schema, batches))
}

/// Removes a result. What can't be removed now goes with the session.
fn remove(spool: &Snapshots, session: &str, name: Uuid) {
    if let Ok(contents) = contents(spool, session, name) {
        remove_segments(spool, session, &contents.segments);
    }
    spool.remove(session, name);
}

fn remove_segments(spool: &Snapshots, session: &str, segments: &[Segment]) {
    for name in segments.iter().filter_map(|segment| segment.name().ok()) {
        spool.remove(session, name);
    }
}

fn too_large() -> Error {
    Error::new(
        ErrorCode::ResultTooLarge,
        format!(
            "the result is larger than the {} GiB of a session that are kept in the spool: set pintail.results to 'verify', and its \
             rows are sent while they are computed",
            MOST_BYTES >> 30
        ),
    )
}

fn gone() -> Error {
    Error::new(
        ErrorCode::ResultGone,
        format!(
            "the result is no longer in the spool, which keeps the newest {MOST} of a session, up to {} GiB: run the statement again",
            MOST_BYTES >> 30
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(batches: usize) -> Segment {
        Segment { name: batches.to_string(), batches }
    }

    #[test]
    fn a_range_of_batches_is_found_in_the_segments() {
        let segments = || vec![segment(3), segment(1), segment(4)];
        let found = |range| {
            within(segments(), range).into_iter().map(|(segment, range)| (segment.batches, range)).collect::<Vec<_>>()
        };
        assert_eq!(found(0..8), [(3, 0..3), (1, 0..1), (4, 0..4)]);
        assert_eq!(found(2..5), [(3, 2..3), (1, 0..1), (4, 0..1)]);
        assert_eq!(found(4..6), [(4, 0..2)]);
        assert_eq!(found(0..0), []);
    }

    #[test]
    fn the_oldest_goes_and_a_journal_tells_of_the_rest() {
        let mut results = SpooledResults::default();
        let name = |number: usize| Uuid::from_u128(number as u128);
        for number in 0..MOST {
            assert!(results.add(name(number), 1).is_empty());
        }
        assert_eq!(results.add(name(MOST), 1), [name(0)]);
        assert_eq!(results.add(name(MOST + 1), MOST_BYTES).len(), MOST, "the newest stays, however large");
        assert!(results.has(name(MOST + 1)) && !results.has(name(MOST)));
        let entry = |key: &str| JournalEntry { key: key.to_owned(), statement: Some("7".to_owned()) };
        let mut journal = vec![entry("location"), entry(&format!("{KEY}{}", name(5)))];
        assert!(SpooledResults::take_out_of(&mut journal).has(name(5)));
        assert_eq!(journal, [entry("location")]);
    }
}
