//! `session_options`: a session by cookie, whose options are set, read and unset, until it is closed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use flight_server::error::{Error, Result};
use flight_server::flight::{Handlers, OptionProblem};
use flight_server::node::{OptionValue, Origin};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::script::unexpected;

const COOKIE_NAME: &str = "session";
/// The name that no option has, and the value that none takes.
const INVALID: &str = "lol_invalid";

type Options = BTreeMap<String, OptionValue>;

/// The options of each session, by its number.
#[derive(Default)]
pub(crate) struct SessionOptions(Mutex<Vec<Options>>);

/// The session of a call.
pub(crate) struct Session {
    number: usize,
    is_new: bool,
}

impl SessionOptions {
    fn sessions(&self) -> MutexGuard<'_, Vec<Options>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, session: &Session, work: impl FnOnce(&mut Options) -> T) -> Result<T> {
        self.sessions().get_mut(session.number).map(work).ok_or_else(|| Error::internal("a session is lost"))
    }
}

#[async_trait]
impl Handlers for SessionOptions {
    type Call = Session;

    async fn enter(&self, headers: &HeaderMap, _: Origin) -> Result<Session> {
        let mut sessions = self.sessions();
        let Some(cookie) = headers.get(COOKIE) else {
            sessions.push(Options::new());
            return Ok(Session { number: sessions.len() - 1, is_new: true });
        };
        let value = cookie.to_str().ok().and_then(|cookie| cookie.strip_prefix(COOKIE_NAME)?.strip_prefix('='));
        let number = value.and_then(|value| value.trim_matches('"').parse().ok());
        let number = number.filter(|number| *number < sessions.len()).ok_or_else(|| unexpected(cookie))?;
        Ok(Session { number, is_new: false })
    }

    fn headers(&self, call: &Session) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if call.is_new
            && let Ok(cookie) = HeaderValue::from_str(&format!("{COOKIE_NAME}={}", call.number))
        {
            headers.insert(SET_COOKIE, cookie);
        }
        headers
    }

    async fn set_options(&self, call: &Session, options: Options) -> Result<HashMap<String, OptionProblem>> {
        self.with(call, |known| {
            let mut problems = HashMap::new();
            for (name, value) in options {
                if name == INVALID {
                    problems.insert(name, OptionProblem::InvalidName);
                } else if value == OptionValue::String(INVALID.to_owned()) {
                    problems.insert(name, OptionProblem::InvalidValue);
                } else if value == OptionValue::Empty {
                    known.remove(&name);
                } else {
                    known.insert(name, value);
                }
            }
            problems
        })
    }

    async fn options(&self, call: &Session) -> Result<Options> {
        self.with(call, |known| known.clone())
    }

    async fn close_session(&self, call: &Session) -> Result<()> {
        self.with(call, Options::clear)
    }
}
