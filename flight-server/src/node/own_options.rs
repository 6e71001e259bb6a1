//! The server's own session options, `pintail.*`: how rows are written and handed out, and which engine runs the session.
//! They are kept in the store as they were set.

use std::collections::BTreeMap;
use std::time::Duration;

use humantime::{format_duration, parse_duration};
use typemap::wire::{Infinity, WideIntegers, WireOptions};

use super::delivery::{
    COMPRESSION, COMPRESSION_VALUES, Delivery, ENDPOINTS, LOCATION_VALUES, LOCATIONS, ORDERED, ORDERED_VALUES, RESULTS,
    RESULTS_VALUES,
};
use super::session::Session;
use super::session_options::{OptionError, OptionValue};

/// The name of the engine that runs the session. It can be chosen before the session's first statement.
pub const ENGINE: &str = "pintail.engine";
/// How `HUGEINT` is sent: `decimal128` or `decimal256`.
const WIDE_INTEGERS: &str = "pintail.wide_integers";
/// What infinite dates and timestamps become: `error` or `null`.
const INFINITY: &str = "pintail.infinity";

/// How long a statement may take: a time such as `30s`, or `0` for as long as it needs.
const STATEMENT_TIMEOUT: &str = "pintail.statement_timeout";
/// The value of [`STATEMENT_TIMEOUT`] for as long as a statement needs.
const NO_TIMEOUT: &str = "0";
/// Far longer than anybody waits, and far from where sums of times overflow.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

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

/// How long a statement may take; `default` where it was not set.
pub(super) fn statement_timeout(set: &BTreeMap<String, String>, default: Option<Duration>) -> Option<Duration> {
    match set.get(STATEMENT_TIMEOUT) {
        None => default,
        Some(text) if text == NO_TIMEOUT => None,
        Some(text) => parse_duration(text).ok(),
    }
}

/// All options with their values, those that were not set included.
pub(super) fn all(
    engine: &str,
    timeout: Option<Duration>,
    set: &BTreeMap<String, String>,
) -> [(&'static str, String); 9] {
    let timeout = statement_timeout(set, timeout);
    let timeout = timeout.map_or_else(|| NO_TIMEOUT.to_owned(), |timeout| format_duration(timeout).to_string());
    let shown = |name: &str, default: &str| set.get(name).map_or(default, String::as_str).to_owned();
    [
        (COMPRESSION, shown(COMPRESSION, COMPRESSION_VALUES[0].0)),
        (ENDPOINTS, Delivery::of(set).endpoints.to_string()),
        (ENGINE, engine.to_owned()),
        (INFINITY, shown(INFINITY, INFINITY_VALUES[0].0)),
        (LOCATIONS, shown(LOCATIONS, LOCATION_VALUES[0].0)),
        (ORDERED, shown(ORDERED, ORDERED_VALUES[0].0)),
        (RESULTS, shown(RESULTS, RESULTS_VALUES[0].0)),
        (STATEMENT_TIMEOUT, timeout),
        (WIDE_INTEGERS, shown(WIDE_INTEGERS, WIDE_INTEGER_VALUES[0].0)),
    ]
}

/// What the value that `name` was set to means, if it was set.
pub(super) fn value<T: Copy>(set: &BTreeMap<String, String>, name: &str, values: &[(&str, T)]) -> Option<T> {
    let set = set.get(name)?;
    values.iter().find(|(value, _)| value == set).map(|(_, value)| *value)
}

fn names<T>(values: &[(&'static str, T)]) -> Vec<&'static str> {
    values.iter().map(|(name, _)| *name).collect()
}

impl Session {
    /// Sets an option that holds from the next statement on. The caller holds the session's turn.
    pub(super) async fn set_own_option(&self, name: &str, value: OptionValue) -> Result<(), OptionError> {
        let values: Vec<&str> = match name {
            STATEMENT_TIMEOUT => return self.set_statement_timeout(value).await,
            ENDPOINTS => return self.set_endpoints(value).await,
            COMPRESSION => names(&COMPRESSION_VALUES),
            LOCATIONS => names(&LOCATION_VALUES),
            ORDERED => names(&ORDERED_VALUES),
            RESULTS => names(&RESULTS_VALUES),
            WIDE_INTEGERS => names(&WIDE_INTEGER_VALUES),
            INFINITY => names(&INFINITY_VALUES),
            _ => return Err(OptionError::InvalidName),
        };
        let mut options = self.own_options.lock().clone();
        match value {
            OptionValue::Empty => options.remove(name),
            // There is nowhere to keep them.
            OptionValue::String(value)
                if name == RESULTS && value != RESULTS_VALUES[0].0 && self.core.options.spool.is_none() =>
            {
                return Err(OptionError::InvalidValue);
            }
            OptionValue::Bool(value) if name == ORDERED => options.insert(name.to_owned(), value.to_string()),
            OptionValue::String(value) if values.contains(&value.as_str()) => options.insert(name.to_owned(), value),
            _ => return Err(OptionError::InvalidValue),
        };
        self.keep_own_options(options).await?;
        if matches!(name, COMPRESSION | LOCATIONS | ORDERED | RESULTS) {
            return Ok(());
        }
        // What was planned was planned for another schema; it is planned again when it is used.
        self.prepared.lock().clear();
        self.engine().set_wire_options(wire(&self.own_options.lock()));
        Ok(())
    }

    async fn set_statement_timeout(&self, value: OptionValue) -> Result<(), OptionError> {
        let mut options = self.own_options.lock().clone();
        match value {
            OptionValue::Empty => options.remove(STATEMENT_TIMEOUT),
            OptionValue::Int64(0) => options.insert(STATEMENT_TIMEOUT.to_owned(), NO_TIMEOUT.to_owned()),
            OptionValue::String(text) if text == NO_TIMEOUT => options.insert(STATEMENT_TIMEOUT.to_owned(), text),
            OptionValue::String(text) => {
                let time = parse_duration(&text).ok().filter(|time| !time.is_zero() && *time <= LONGEST_TIMEOUT);
                let time = time.ok_or(OptionError::InvalidValue)?;
                options.insert(STATEMENT_TIMEOUT.to_owned(), format_duration(time).to_string())
            }
            _ => return Err(OptionError::InvalidValue),
        };
        self.keep_own_options(options).await
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
        assert_eq!(
            all("e", None, &BTreeMap::new()).map(|(_, value)| value),
            ["none", "1", "e", "error", "none", "true", "verify", "0", "decimal128"]
        );
    }

    #[test]
    fn a_statement_takes_as_long_as_the_session_says_or_else_the_server() {
        let server = Some(Duration::from_secs(300));
        let set = |text: &str| BTreeMap::from([(STATEMENT_TIMEOUT.to_owned(), text.to_owned())]);
        assert_eq!(statement_timeout(&BTreeMap::new(), server), server);
        assert_eq!(statement_timeout(&set("1m 30s"), server), Some(Duration::from_secs(90)));
        assert_eq!(statement_timeout(&set(NO_TIMEOUT), server), None);
        let all = BTreeMap::from(all("e", server, &BTreeMap::new()));
        assert_eq!(all[STATEMENT_TIMEOUT], "5m");
    }
}
