//! Session options: the location, the engine's settings under their own names, and the server's own.

use std::collections::BTreeMap;

use super::own_options;
use super::session::Session;
use crate::error::{Error, Result};

/// The catalog in which unqualified names are looked up.
const CATALOG: &str = "catalog";
/// The schema in which unqualified names are looked up.
const SCHEMA: &str = "schema";
/// What the server's own options begin with.
const OWN: &str = "pintail.";

/// The value of a session option, as Flight knows them.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValue {
    /// Text.
    String(String),
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int64(i64),
    /// A number.
    Double(f64),
    /// Several texts.
    StringList(Vec<String>),
    /// No value: the option goes back to its default.
    Empty,
}

/// Why an option was not set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OptionError {
    /// There is no option of that name that could be set.
    #[error("there is no session option of that name")]
    InvalidName,
    /// The option does not take that value.
    #[error("the session option does not take that value")]
    InvalidValue,
    /// Setting it failed.
    #[error(transparent)]
    Error(#[from] Error),
}

impl Session {
    /// All options with their values.
    ///
    /// # Errors
    /// The engine's, and those of a session that has ended.
    pub async fn options(&self) -> Result<BTreeMap<String, OptionValue>> {
        let _work = self.start()?;
        let settings = self.engine().settings().await.map_err(|error| self.explain(error))?;
        let location = self.engine().location().await.map_err(|error| self.explain(error))?;
        let mut options: BTreeMap<_, _> =
            settings.into_iter().map(|(name, value)| (name, OptionValue::String(value))).collect();
        // After the settings: an engine may have a setting that is named like one of these.
        options.insert(CATALOG.to_owned(), OptionValue::String(location.catalog));
        options.insert(SCHEMA.to_owned(), OptionValue::String(location.schema));
        let own =
            own_options::all(self.engine_of().name(), self.core.options.statement_timeout, &self.own_options.lock());
        options.extend(own.into_iter().map(|(name, value)| (name.to_owned(), OptionValue::String(value))));
        Ok(options)
    }

    /// Sets an option, durably: it holds after a restart too.
    ///
    /// # Errors
    /// See [`OptionError`]. An unknown catalog or schema is the engine's error, with SQLSTATE 3D000 or 3F000.
    pub async fn set_option(&self, name: &str, value: OptionValue) -> Result<(), OptionError> {
        let _work = self.start()?;
        let mut turn = self.turn.lock().await;
        self.check()?;
        self.write_state(&mut turn, &[]).await?;
        let changed = match name {
            CATALOG | SCHEMA => {
                let OptionValue::String(place) = &value else { return Err(OptionError::InvalidValue) };
                let (catalog, schema) = if name == CATALOG { (Some(place), None) } else { (None, Some(place)) };
                let moved = self.engine().set_location(catalog.map(String::as_str), schema.map(String::as_str)).await;
                moved.map_err(|error| self.explain(error))?
            }
            own_options::ENGINE => return self.choose_engine(&mut turn, value).await,
            _ if name.starts_with(OWN) => return self.set_own_option(name, value).await,
            _ => {
                let settings = self.engine().settings().await.map_err(|error| self.explain(error))?;
                if !settings.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                    return Err(OptionError::InvalidName);
                }
                let text = text_of(value)?;
                let set = self.engine().set_setting(name, text.as_deref()).await;
                set.map_err(|error| refused(self.explain(error)))?
            }
        };
        Ok(self.write_state(&mut turn, &changed).await?)
    }
}

/// A value as the engine's settings take it; `None` for the default.
fn text_of(value: OptionValue) -> Result<Option<String>, OptionError> {
    Ok(Some(match value {
        OptionValue::String(text) => text,
        OptionValue::Bool(truth) => truth.to_string(),
        OptionValue::Int64(number) => number.to_string(),
        OptionValue::Double(number) => number.to_string(),
        OptionValue::StringList(_) => return Err(OptionError::InvalidValue),
        OptionValue::Empty => return Ok(None),
    }))
}

/// SQLSTATE class 22 is what the value's fault is.
fn refused(error: Error) -> OptionError {
    if error.sqlstate.0.starts_with("22") { OptionError::InvalidValue } else { OptionError::Error(error) }
}
