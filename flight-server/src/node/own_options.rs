//! The server's own session options, `pintail.*`: how rows are written, and which engine runs the session. They are kept in
//! the store as they were set.

use std::collections::BTreeMap;

use typemap::wire::{Infinity, WideIntegers, WireOptions};

use super::session::Session;
use super::session_options::{OptionError, OptionValue};

/// The name of the engine that runs the session. It can be chosen before the session's first statement.
pub const ENGINE: &str = "pintail.engine";
/// How `HUGEINT` is sent: `decimal128` or `decimal256`.
const WIDE_INTEGERS: &str = "pintail.wide_integers";
/// What infinite dates and timestamps become: `error` or `null`.
const INFINITY: &str = "pintail.infinity";

/// The values of [`WIDE_INTEGERS`], the default first.
const WIDE_INTEGER_VALUES: [(&str, WideIntegers); 2] =
    [("decimal128", WideIntegers::Decimal128), ("decimal256", WideIntegers::Decimal256)];
/// The values of [`INFINITY`], the default first.
const INFINITY_VALUES: [(&str, Infinity); 2] = [("error", Infinity::Error), ("null", Infinity::Null)];

/// The engine that was chosen, if one was.
pub(super) fn engine(set: &BTreeMap<String, String>) -> Option<&str> {
    set.get(ENGINE).map(String::as_str)
}

/// How rows are written by these options.
pub(super) fn wire(set: &BTreeMap<String, String>) -> WireOptions {
    WireOptions {
        wide_integers: value(set, WIDE_INTEGERS, &WIDE_INTEGER_VALUES).unwrap_or_default(),
        infinity: value(set, INFINITY, &INFINITY_VALUES).unwrap_or_default(),
    }
}

/// All options with their values, those that were not set included.
pub(super) fn all(engine: &str, set: &BTreeMap<String, String>) -> [(&'static str, String); 3] {
    let shown = |name: &str, default: &str| set.get(name).map_or(default, String::as_str).to_owned();
    [
        (ENGINE, engine.to_owned()),
        (INFINITY, shown(INFINITY, INFINITY_VALUES[0].0)),
        (WIDE_INTEGERS, shown(WIDE_INTEGERS, WIDE_INTEGER_VALUES[0].0)),
    ]
}

fn value<T: Copy>(set: &BTreeMap<String, String>, name: &str, values: &[(&str, T)]) -> Option<T> {
    let set = set.get(name)?;
    values.iter().find(|(value, _)| value == set).map(|(_, value)| *value)
}

impl Session {
    /// Sets an option that says how rows are written, from the next statement on. The caller holds the session's turn.
    pub(super) async fn set_own_option(&self, name: &str, value: OptionValue) -> Result<(), OptionError> {
        let values: Vec<&str> = match name {
            WIDE_INTEGERS => WIDE_INTEGER_VALUES.iter().map(|(value, _)| *value).collect(),
            INFINITY => INFINITY_VALUES.iter().map(|(value, _)| *value).collect(),
            _ => return Err(OptionError::InvalidName),
        };
        let mut options = self.own_options.lock().clone();
        match value {
            OptionValue::Empty => options.remove(name),
            OptionValue::String(value) if values.contains(&value.as_str()) => options.insert(name.to_owned(), value),
            _ => return Err(OptionError::InvalidValue),
        };
        self.keep_own_options(options).await?;
        // What was planned was planned for another schema; it is planned again when it is used.
        self.prepared.lock().clear();
        self.engine().set_wire_options(wire(&self.own_options.lock()));
        Ok(())
    }

    /// Writes the server's own options to the store, then takes them on.
    pub(super) async fn keep_own_options(&self, options: BTreeMap<String, String>) -> Result<(), OptionError> {
        if let Err(error) = self.core.store.set_options(&self.fence, &options).await {
            return Err(OptionError::Error(self.store_failed(error).await));
        }
        *self.own_options.lock() = options;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_means_something_and_the_first_is_the_default() {
        for (name, meaning) in WIDE_INTEGER_VALUES {
            let set = BTreeMap::from([(WIDE_INTEGERS.to_owned(), name.to_owned())]);
            assert_eq!(wire(&set).wide_integers, meaning);
        }
        for (name, meaning) in INFINITY_VALUES {
            let set = BTreeMap::from([(INFINITY.to_owned(), name.to_owned())]);
            assert_eq!(wire(&set).infinity, meaning);
        }
        assert_eq!(wire(&BTreeMap::new()), WireOptions::default());
        assert_eq!(all("e", &BTreeMap::new()).map(|(_, value)| value), ["e", "error", "decimal128"]);
    }
}
