//! Any array gives a sound batch or an error, whether an engine answers it or a client sends it.
//!
//! The arrays are built from the bytes, and sound: whatever reads a client's stream refuses others before they come here.

#![no_main]

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{Field, Schema};
use libfuzzer_sys::fuzz_target;
use typemap::ingest::Ingest;
use typemap::metadata::TYPE_NAME;
use typemap::normalise::Normaliser;
use typemap::wire::{Infinity, WideIntegers, WireOptions};

#[path = "../../tests/generate/mod.rs"]
mod generate;

use generate::{Bytes, Values, any_type, array};

const NAMES: [&str; 12] = [
    "HUGEINT",
    "UHUGEINT",
    "JSON",
    "BIT",
    "BIGNUM",
    "TIMETZ",
    "UUID",
    "HUGEINT[]",
    "STRUCT(f0 HUGEINT)",
    "MAP(VARCHAR, HUGEINT)",
    "INTEGER[3][]",
    "UNION(m0 JSON)",
];

fn check(batch: &RecordBatch, options: &WireOptions) {
    let normalised = Normaliser::new(batch.schema_ref(), options).and_then(|normaliser| normaliser.normalise(batch));
    let taken = Ingest::new(batch.schema_ref()).and_then(|ingest| ingest.convert(batch));
    for result in [normalised, taken].into_iter().flatten() {
        assert_eq!(result.num_rows(), batch.num_rows());
        for column in result.columns() {
            column.to_data().validate_full().expect("a sound array");
        }
    }
}

fn built(bytes: &mut Bytes<'_>) -> RecordBatch {
    let data_type = any_type(bytes, 4);
    let whole = array(bytes, &data_type, 9, Values::Any, true);
    let (start, len) = (bytes.below(5), bytes.below(5));
    let mut field = Field::new("c", data_type, true);
    if bytes.flag() {
        let name = NAMES[bytes.below(NAMES.len())];
        field.metadata_mut().insert(TYPE_NAME.to_owned(), name.to_owned());
    }
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![whole.slice(start, len)]).expect("a batch")
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let options = WireOptions {
        wide_integers: if choice & 1 == 0 { WideIntegers::Decimal128 } else { WideIntegers::Decimal256 },
        infinity: if choice & 2 == 0 { Infinity::Error } else { Infinity::Null },
    };
    check(&built(&mut Bytes(rest)), &options);
});
