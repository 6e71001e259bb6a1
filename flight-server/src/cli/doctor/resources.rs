//! Memory and threads, against what the machine and the control group have.

use super::report::Check;
use crate::config::{Config, MemoryLimits};

pub(super) fn resources(config: &Config) -> Vec<Check> {
    let available = MemoryLimits::of_this_process().available();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    vec![memory(config.memory_limit, available), threads(config.threads, cores)]
}

fn memory(limit: u64, available: u64) -> Check {
    let name = "memory";
    let told = format!("the engine may use {} MiB of {} MiB", limit >> 20, available >> 20);
    // What is beside the engine's own memory: results on their way, connections, the program.
    match limit {
        _ if limit > available => {
            Check::fail(name, format!("{told}: the kernel would end the server; give less with --memory-limit"))
        }
        _ if limit > available / 10 * 9 => {
            Check::warn(name, format!("{told}, which leaves little for results; give less with --memory-limit"))
        }
        _ => Check::ok(name, told),
    }
}

fn threads(threads: usize, cores: usize) -> Check {
    let name = "threads";
    let told = format!("the engine computes with {threads} threads on {cores} cores");
    if threads > cores {
        Check::warn(name, format!("{told}: more are not faster; give fewer with --threads"))
    } else {
        Check::ok(name, told)
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn more_than_there_is_fails_or_warns() {
        assert_eq!(memory(3 << 30, 4 << 30).state, State::Ok);
        assert_eq!(memory(39 << 27, 40 << 27).state, State::Warn);
        assert_eq!(memory(5 << 30, 4 << 30).state, State::Fail);
        assert_eq!(threads(2, 2).state, State::Ok);
        assert_eq!(threads(3, 2).state, State::Warn);
    }
}
