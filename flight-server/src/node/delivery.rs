//! How a session's results are handed out: the session options that change neither what a statement means nor its schema.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use super::own_options::value;
use super::session::Session;
use super::session_options::{OptionError, OptionValue};

/// How the buffers of rows are compressed: `none`, `lz4` or `zstd`.
pub(super) const COMPRESSION: &str = "pintail.compression";
/// Into how many endpoints the rows of a query are split, at most.
pub(super) const ENDPOINTS: &str = "pintail.endpoints";
/// Which locations an endpoint names: `none` or `self`.
pub(super) const LOCATIONS: &str = "pintail.locations";

/// Whether rows keep the order that they are stored in: `true` or `false`.
pub(super) const ORDERED: &str = "pintail.ordered";

/// How a result that broke off goes on: `verify` or `spool`.
pub(super) const RESULTS: &str = "pintail.results";

/// The values of [`COMPRESSION`], the default first.
pub(super) const COMPRESSION_VALUES: [(&str, Compression); 3] =
    [("none", Compression::None), ("lz4", Compression::Lz4), ("zstd", Compression::Zstd)];
/// The values of [`LOCATIONS`], the default first.
pub(super) const LOCATION_VALUES: [(&str, Locations); 2] = [("none", Locations::None), ("self", Locations::Own)];
/// The values of [`ORDERED`], the default first.
pub(super) const ORDERED_VALUES: [(&str, bool); 2] = [("true", true), ("false", false)];
/// The values of [`RESULTS`], the default first.
pub(super) const RESULTS_VALUES: [(&str, Results); 2] = [("verify", Results::Verify), ("spool", Results::Spool)];

/// The most endpoints of a query. Drivers fetch all of them at once, each in a thread of theirs.
const MOST_ENDPOINTS: usize = 64;

/// How the buffers of rows are compressed, each by itself as Arrow IPC has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// LZ4 frames: little work, and half the bytes or so.
    Lz4,
    /// Zstandard: more work, and fewer bytes.
    Zstd,
}

/// Which locations an endpoint names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Locations {
    /// None: the rows are where the ticket came from.
    #[default]
    None,
    /// The address this node advertises.
    Own,
}

/// How a result that broke off goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Results {
    /// Its statement is run again, and must give the rows that its client has; they are sent while they are computed.
    #[default]
    Verify,
    /// It is in the spool, whole, before its first row is sent.
    Spool,
}

/// How a session's results are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// How their buffers are compressed.
    pub compression: Compression,
    /// Into how many endpoints a query's rows are split, at most.
    pub endpoints: NonZeroUsize,
    /// Whether their rows keep the order that they are stored in, where the statement says nothing else.
    pub in_order: bool,
    /// Which locations their endpoints name.
    pub locations: Locations,
    /// How one that broke off goes on.
    pub results: Results,
}

impl Delivery {
    /// What the options say, and the defaults where they say nothing.
    pub(super) fn of(set: &BTreeMap<String, String>) -> Self {
        let endpoints = set.get(ENDPOINTS).and_then(|text| endpoints(text));
        Self {
            compression: value(set, COMPRESSION, &COMPRESSION_VALUES).unwrap_or_default(),
            endpoints: endpoints.unwrap_or(NonZeroUsize::MIN),
            in_order: value(set, ORDERED, &ORDERED_VALUES).unwrap_or(ORDERED_VALUES[0].1),
            locations: value(set, LOCATIONS, &LOCATION_VALUES).unwrap_or_default(),
            results: value(set, RESULTS, &RESULTS_VALUES).unwrap_or_default(),
        }
    }
}

impl Session {
    /// How the results of the statements that are asked for now are handed out.
    pub fn delivery(&self) -> Delivery {
        Delivery::of(&self.own_options.lock())
    }

    /// Sets the number of endpoints. The caller holds the session's turn.
    pub(super) async fn set_endpoints(&self, value: OptionValue) -> Result<(), OptionError> {
        let mut options = self.own_options.lock().clone();
        let text = match value {
            OptionValue::Empty => None,
            OptionValue::Int64(number) => Some(number.to_string()),
            OptionValue::String(text) => Some(text),
            _ => return Err(OptionError::InvalidValue),
        };
        match text {
            None => options.remove(ENDPOINTS),
            Some(text) => {
                let number = endpoints(&text).ok_or(OptionError::InvalidValue)?;
                options.insert(ENDPOINTS.to_owned(), number.to_string())
            }
        };
        self.keep_own_options(options).await
    }
}

fn endpoints(text: &str) -> Option<NonZeroUsize> {
    text.parse().ok().filter(|number: &NonZeroUsize| number.get() <= MOST_ENDPOINTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Delivery {
        Delivery::of(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn every_value_means_something_and_the_first_is_the_default() {
        for (name, meaning) in COMPRESSION_VALUES {
            assert_eq!(set(COMPRESSION, name).compression, meaning);
        }
        for (name, meaning) in LOCATION_VALUES {
            assert_eq!(set(LOCATIONS, name).locations, meaning);
        }
        for (name, meaning) in ORDERED_VALUES {
            assert_eq!(set(ORDERED, name).in_order, meaning);
        }
        for (name, meaning) in RESULTS_VALUES {
            assert_eq!(set(RESULTS, name).results, meaning);
        }
        let default = Delivery::of(&BTreeMap::new());
        let (compression, locations, results) = (COMPRESSION_VALUES[0].1, LOCATION_VALUES[0].1, RESULTS_VALUES[0].1);
        let endpoints = NonZeroUsize::MIN;
        assert_eq!(default, Delivery { compression, endpoints, in_order: true, locations, results });
    }

    #[test]
    fn a_query_has_one_to_sixty_four_endpoints() {
        for (text, number) in [("1", Some(1)), ("64", Some(64)), ("0", None), ("65", None), ("-1", None), ("two", None)]
        {
            assert_eq!(endpoints(text).map(NonZeroUsize::get), number, "{text}");
        }
    }
}
