//! `docs/engines.md`: the statements that one engine does otherwise, from the files that skip them there.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use sqllogictest::{Condition, Record, parse_file};

use super::columns::Kind;

/// What begins the line that gives the reason.
const REASON: &str = "difference:";

/// A statement and why it is skipped.
struct Difference {
    reason: String,
    sql: String,
}

/// The page.
pub(crate) fn page(files: &[PathBuf], engine: &str) -> String {
    let mut page = String::from(
        "# Engines\n\n\
         <!-- Generated from `tests/slt`; `UPDATE_DOCS=1 tests/run.sh rust slt` writes it. -->\n\n\
         The statements in `tests/slt` run on DuckDB and on DataFusion, and give the same rows and the same schema,\n\
         types and names included. Those listed here do not: DuckDB does what the file says, DataFusion refuses the\n\
         statement or answers otherwise, for the reason given. Each is run on every change of the code: one that is no\n\
         difference any more has to leave this page.\n",
    );
    let mut total = 0;
    for file in files {
        let differences = differences(file, engine);
        total += differences.len();
        if !differences.is_empty() {
            let topic = file.file_stem().expect("a name").to_string_lossy().replace('_', " ");
            write!(page, "\n## {topic}\n").unwrap();
        }
        for Difference { reason, sql } in differences {
            write!(page, "\n{reason}\n\n```sql\n{sql}\n```\n").unwrap();
        }
    }
    write!(page, "\n{total} statements differ.\n").unwrap();
    page
}

fn differences(file: &Path, engine: &str) -> Vec<Difference> {
    let mut differences: Vec<Difference> = Vec::new();
    let mut reason = None;
    for record in parse_file::<Kind>(file).unwrap_or_else(|error| panic!("{error}")) {
        match record {
            Record::Comment(lines) => {
                reason = lines.last().and_then(|line| line.trim().strip_prefix(REASON)).map(sentence)
            }
            Record::Statement { sql, conditions, loc, .. } | Record::Query { sql, conditions, loc, .. } => {
                let skipped = Condition::SkipIf { label: engine.to_owned() };
                if conditions.contains(&skipped) {
                    let reason = reason.take().unwrap_or_else(|| panic!("{loc}: no `# {REASON} …` on the line before"));
                    differences.push(Difference { reason, sql });
                }
                reason = None;
            }
            _ => (),
        }
    }
    differences
}

/// The reason as a sentence.
fn sentence(reason: &str) -> String {
    let reason = reason.trim();
    let mut letters = reason.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}{}", letters.as_str(), if reason.ends_with('.') { "" } else { "." })
}
