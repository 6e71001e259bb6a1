//! `docs/types.md` begins with what the code says of every type. To write it anew: `UPDATE_DOCS=1 cargo test`.
//!
//! The rest of the page are the results of the oracle, `tests/python/test_oracle.py`, which writes and checks them.

use std::path::Path;

/// What begins the results.
const RESULTS: &str = "<!-- Results:";

fn page() -> String {
    format!(
        "# Types\n\n\
         <!-- Generated from `typemap`; `UPDATE_DOCS=1 tests/run.sh rust types_page` writes it. -->\n\n\
         The same SQL type is sent as the same Arrow type whichever engine computed it. Every field tells its SQL type\n\
         in the metadata `ARROW:FLIGHT:SQL:TYPE_NAME`. A value that its Arrow type can't hold is an error with SQLSTATE\n\
         22003 that names the column: none becomes NULL, and none is changed, unsaid.\n\n\
         {}\n",
        typemap::reference::types_table()
    )
}

#[test]
fn the_page_lists_every_type_as_it_is_sent() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/types.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let (types, results) = written.split_at(written.find(RESULTS).unwrap_or(written.len()));
    if types != page() && std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page() + results).unwrap();
        return;
    }
    assert_eq!(types, page(), "docs/types.md is out of date; run this test with UPDATE_DOCS=1");
}
