//! What drivers ask about the engine, read from its own registry.

use std::collections::BTreeSet;

use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::keywords::{
    RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_IDENTIFIER, RESERVED_FOR_TABLE_ALIAS,
};

use crate::engine::EngineFacts;

/// What this build of DataFusion says of itself.
pub(super) fn facts(state: &SessionState) -> EngineFacts {
    let reserved = [RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_IDENTIFIER, RESERVED_FOR_TABLE_ALIAS];
    let keywords: BTreeSet<_> = reserved.into_iter().flatten().map(|keyword| format!("{keyword:?}")).collect();
    EngineFacts {
        version: datafusion::DATAFUSION_VERSION.to_owned(),
        keywords: keywords.into_iter().map(|keyword| keyword.to_uppercase()).collect(),
        numeric_functions: functions(state, &["Math Functions"]),
        string_functions: functions(
            state,
            &["String Functions", "Regular Expression Functions", "Binary String Functions", "Hashing Functions"],
        ),
        datetime_functions: functions(state, &["Time and Date Functions"]),
        system_functions: functions(state, &["Other Functions", "Conditional Functions"]),
        read_only: false,
        receipts: false,
        database: String::new(),
        shared: false,
        transactions: false,
    }
}

/// The scalar functions that DataFusion documents under one of these headings.
fn functions(state: &SessionState, sections: &[&str]) -> Vec<String> {
    let names: BTreeSet<_> = state
        .scalar_functions()
        .iter()
        .filter(|(_, function)| function.documentation().is_some_and(|told| sections.contains(&told.doc_section.label)))
        .map(|(name, _)| name.clone())
        .collect();
    names.into_iter().collect()
}
