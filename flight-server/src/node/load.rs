//! How loaded the node is, as it tells at each renewal of its lease.

use session::NodeLoad;

use super::core::Core;

/// The load of this moment.
pub(super) fn of(core: &Core) -> NodeLoad {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    NodeLoad {
        sessions: number(core.live.count()),
        running: number(core.running.count()),
        memory_used: resident().unwrap_or_default(),
        memory_limit: core.options.memory_limit,
    }
}

/// The memory this process has, in bytes, where the system tells it in Linux' way.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_system_tells_how_much_memory_there_is() {
        let resident = super::resident().unwrap_or_default();
        assert!((1 << 20..1 << 40).contains(&resident), "{resident}");
    }
}
