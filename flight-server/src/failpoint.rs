//! Places at which tests make the server die, fail or wait. Only builds with the feature `failpoints` have them, and none that is
//! shipped.
//!
//! The environment says what happens where: `FAILPOINTS="commit.made=2*off->1*return(crash)"` ends the process at once when
//! that place is reached for the third time. `error` makes what happens there fail, where it may; `delay` holds it up. What was done
//! is told on standard error, in a line that begins with `failpoint`.

/// Reaches a place: the function returns this error when it is to fail there. In a place that has none, nothing can fail.
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        let _ = $crate::failpoint::fails($name);
    };
    ($name:literal, $error:expr) => {
        #[cfg(feature = "failpoints")]
        if $crate::failpoint::fails($name) {
            return Err($error);
        }
    };
}

pub(crate) use failpoint;

/// What there is with the feature alone.
#[cfg(feature = "failpoints")]
mod enabled {
    use std::io::Write as _;
    use std::time::Duration;

    /// How long a place that is to wait does.
    const DELAY: Duration = Duration::from_millis(100);

    /// Whether what happens at this place is to fail.
    pub(crate) fn fails(name: &str) -> bool {
        let Some(what) = fail::eval(name, |what| what.unwrap_or_default()) else { return false };
        let _ = writeln!(std::io::stderr().lock(), "failpoint {name} {what}");
        match what.as_str() {
            "crash" => {
                // As a kill does: nothing is written, flushed or told.
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
                false
            }
            "delay" => {
                std::thread::sleep(DELAY);
                false
            }
            _ => true,
        }
    }

    /// Takes what the environment says, for as long as this lives.
    pub(crate) fn set_up() -> fail::FailScenario<'static> {
        fail::FailScenario::setup()
    }
}

#[cfg(feature = "failpoints")]
pub(crate) use enabled::{fails, set_up};

/// What a place that is to fail tells.
#[cfg(feature = "failpoints")]
pub(crate) fn error() -> crate::error::Error {
    crate::error::Error::internal("a failpoint")
}

/// The same, of the session store.
#[cfg(feature = "failpoints")]
pub(crate) fn store_error() -> session::StoreError {
    session::StoreError::Unavailable("a failpoint".to_owned())
}
