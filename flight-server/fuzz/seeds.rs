//! `seeds`: writes into `corpus/` what the fuzzers begin with: real messages, which bytes at random would never become.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryViewArray, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, ListArray, MapBuilder,
    Int32Builder, NullArray, RecordBatch, RunArray, StringArray, StringBuilder, StringViewArray, StructArray,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{CompressionContext, DictionaryTracker, IpcDataGenerator, IpcWriteOptions};
use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionCreatePreparedStatementRequest, ActionEndTransactionRequest,
    CommandGetCrossReference, CommandGetSqlInfo, CommandGetTables, CommandPreparedStatementQuery, CommandStatementIngest,
    CommandStatementQuery, CommandStatementSubstraitPlan, ProstMessageExt, SubstraitPlan,
};
use arrow_flight::{Action, FlightData, FlightDescriptor};
use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, seeds) in [("command", commands()), ("ticket", tickets()), ("upload", uploads()?)] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}

fn commands() -> Vec<Vec<u8>> {
    let text = |text: &str| Some(text.to_owned());
    let bytes = [
        CommandStatementQuery { query: "SELECT 1".into(), transaction_id: Some("t".into()) }.as_any(),
        CommandPreparedStatementQuery { prepared_statement_handle: "handle".into() }.as_any(),
        CommandStatementIngest { table: "t".into(), schema: text("s"), temporary: true, ..Default::default() }.as_any(),
        CommandGetTables { catalog: text("c"), table_types: vec!["VIEW".into()], ..Default::default() }.as_any(),
        CommandGetSqlInfo { info: vec![1, 2, 500] }.as_any(),
        CommandGetCrossReference { pk_table: "p".into(), fk_table: "f".into(), ..Default::default() }.as_any(),
        CommandStatementSubstraitPlan {
            plan: Some(SubstraitPlan { plan: "plan".into(), version: "1".into() }),
            transaction_id: None,
        }
        .as_any(),
    ];
    let mut seeds: Vec<_> = bytes.iter().map(Message::encode_to_vec).collect();
    seeds.extend(bytes.iter().map(|any| FlightDescriptor::new_cmd(any.encode_to_vec()).encode_to_vec()));
    seeds.push(FlightDescriptor::new_path(vec!["a".into(), "b".into()]).encode_to_vec());
    let actions = [
        (
            "CreatePreparedStatement",
            ActionCreatePreparedStatementRequest { query: "SELECT ?".into(), transaction_id: None }.as_any(),
        ),
        ("EndTransaction", ActionEndTransactionRequest { transaction_id: "t".into(), action: 1 }.as_any()),
        ("BeginSavepoint", ActionBeginSavepointRequest { transaction_id: "t".into(), name: "s".into() }.as_any()),
    ];
    seeds.extend(actions.map(|(name, body)| Action::new(name, body.encode_to_vec()).encode_to_vec()));
    // One option of text, one of a list.
    let options = b"\x0a\x08\x0a\x01a\x12\x03\x0a\x01b\x0a\x0b\x0a\x01c\x12\x06\x2a\x04\x0a\x02de".to_vec();
    seeds.push(Action::new("SetSessionOptions", options).encode_to_vec());
    for name in ["GetSessionOptions", "CloseSession", "CancelFlightInfo", "CancelQuery", "RenewFlightEndpoint"] {
        seeds.push(Action::new(name, Vec::new()).encode_to_vec());
    }
    seeds
}

/// What tickets say: whose they are, until when, and what for.
fn tickets() -> Vec<Vec<u8>> {
    let common = b"\x0a\x04fuzz\x12\x04fuzz\x18\xff\xff\xff\x7f\x3a\x10sixteen bytes id";
    let claims: [&[u8]; 5] = [
        b"\x22\x0e\x0a\x08SELECT 1\x10\x07\x18\x08",
        b"\x2a\x10sixteen bytes id\x48\x01",
        b"\x32\x03any\x48\x02",
        b"\x40\x01",
        b"\x52\x06\x0a\x02id\x10\x03",
    ];
    claims.map(|claim| [&common[..], claim].concat()).into()
}

fn uploads() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut seeds = Vec::new();
    for codec in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        let options = IpcWriteOptions::default().try_with_compression(codec)?;
        for batch in batches()? {
            let writer = IpcDataGenerator::default();
            let (mut tracker, mut context) = (DictionaryTracker::new(false), CompressionContext::default());
            let schema = writer.schema_to_bytes_with_dictionary_tracker(&batch.schema(), &mut tracker, &options);
            let mut messages = vec![FlightData::from(schema)];
            let (dictionaries, rows) = writer.encode(&batch, &mut tracker, &options, &mut context)?;
            messages.extend(dictionaries.into_iter().map(FlightData::from));
            messages.push(rows.into());
            messages[0].flight_descriptor = Some(FlightDescriptor::new_cmd("c"));
            seeds.push(messages.iter().flat_map(Message::encode_length_delimited_to_vec).collect());
        }
    }
    Ok(seeds)
}

fn batches() -> Result<Vec<RecordBatch>, Box<dyn Error>> {
    let numbers = || Int32Array::from(vec![Some(1), None, Some(3)]);
    let texts = || StringArray::from(vec![Some("a text that is long enough to be worth it"), None, Some("")]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for length in [2, 0, 1] {
        for key in 0..length {
            map.keys().append_value(format!("k{key}"));
            map.values().append_value(key);
        }
        map.append(true)?;
    }
    let lists = [Some(vec![Some(1), None]), None, Some(vec![])];
    let fields = vec![
        (Arc::new(Field::new("i", DataType::Int32, true)), Arc::new(numbers()) as ArrayRef),
        (Arc::new(Field::new("t", DataType::Utf8, true)), Arc::new(texts()) as ArrayRef),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(numbers()),
        Arc::new(texts()),
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        Arc::new(Float64Array::from(vec![0.5, f64::NAN, -0.0])),
        Arc::new(NullArray::new(3)),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)),
        Arc::new(StructArray::from(fields)),
        Arc::new(map.finish()),
        Arc::new(StringViewArray::from(vec!["short", "a text that is longer than twelve bytes", ""])),
        Arc::new(BinaryViewArray::from(vec![&b"x"[..], b"another one that does not fit in the view", b""])),
        Arc::new(["x", "y", "x"].into_iter().collect::<DictionaryArray<Int32Type>>()),
        Arc::new(RunArray::try_new(&Int32Array::from(vec![2, 3]), &Int64Array::from(vec![7, 8]))?),
    ];
    let mut batches = Vec::new();
    for column in &columns {
        batches.push(RecordBatch::try_from_iter([("c", Arc::clone(column))])?);
    }
    batches.push(RecordBatch::try_from_iter(columns.into_iter().enumerate().map(|(n, column)| (format!("c{n}"), column)))?);
    Ok(batches)
}
