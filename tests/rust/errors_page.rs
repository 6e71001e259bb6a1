//! `docs/errors.md` says of every code what the code itself says. To write it anew: `UPDATE_DOCS=1 cargo test`.

use std::fmt::Write;
use std::path::Path;

use flight_server::error::ErrorCode;

fn page() -> String {
    let mut page = String::from(
        "# Errors\n\n\
         <!-- Generated from `flight-server/src/error.rs`; `UPDATE_DOCS=1 tests/run.sh rust errors_page` writes it. -->\n\n\
         Every failure has a stable code and a SQLSTATE. They travel with the gRPC status: in the trailers\n\
         `x-pintail-code` and `x-pintail-sqlstate`, and in the details as a `google.rpc.ErrorInfo` whose reason is the\n\
         code and whose metadata holds `sqlstate`, where the SQL text is at fault `position` (in characters from 0), and where\n\
         a statement asks for what ended with an earlier node of its session, `lost`, which names that.\n\
         The message begins with the SQLSTATE, since drivers hand on nothing else.\n\n\
         The SQLSTATE given here is the code's own. `STATEMENT_FAILED` carries the one of the engine's error.\n",
    );
    for code in ErrorCode::ALL {
        let (name, sqlstate) = (code.name(), code.sqlstate());
        writeln!(page, "\n## {name}\n\nSQLSTATE `{sqlstate}`.{}\n\n{}", code.meaning(), code.advice()).unwrap();
    }
    page
}

#[test]
fn the_page_lists_every_code_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, page(), "docs/errors.md is out of date; run this test with UPDATE_DOCS=1");
}

#[test]
fn every_code_has_a_name_of_its_own_and_says_what_to_do() {
    let mut names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ErrorCode::ALL.len());
    for code in ErrorCode::ALL {
        assert_eq!(code.sqlstate().0.len(), 5, "{}", code.name());
        assert!(code.meaning().trim().ends_with('.') && code.advice().ends_with('.'), "{}", code.name());
    }
}
