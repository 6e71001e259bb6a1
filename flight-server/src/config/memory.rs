//! How much memory this process may use.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the limits stand: the kernel's files, or a copy of them in a test.
#[derive(Debug, Clone)]
pub struct MemoryLimits {
    /// Which control groups the process is in: `/proc/self/cgroup`.
    membership: PathBuf,
    /// Where control groups are mounted: `/sys/fs/cgroup`.
    mount: PathBuf,
    /// The machine's memory, in bytes.
    machine: u64,
}

impl MemoryLimits {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        let info = rustix::system::sysinfo();
        Self {
            membership: PathBuf::from("/proc/self/cgroup"),
            mount: PathBuf::from("/sys/fs/cgroup"),
            machine: info.totalram.saturating_mul(u64::from(info.mem_unit)),
        }
    }

    /// The memory this process may use, in bytes: the smallest limit of its control groups and their parents
    /// (version 2 and 1), or the machine's memory where no group has a smaller one.
    pub fn available(&self) -> u64 {
        let membership = fs::read_to_string(&self.membership).unwrap_or_default();
        membership
            .lines()
            .filter_map(|line| {
                // hierarchy:controllers:path, where version 2 has hierarchy 0 and no controllers.
                let mut fields = line.splitn(3, ':');
                let (hierarchy, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
                if hierarchy == "0" && controllers.is_empty() {
                    return Some(self.smallest(&self.mount, path, "memory.max"));
                }
                let is_memory = controllers.split(',').any(|controller| controller == "memory");
                is_memory.then(|| self.smallest(&self.mount.join("memory"), path, "memory.limit_in_bytes"))
            })
            .flatten()
            .fold(self.machine, u64::min)
    }

    /// The smallest number in the files `name` from the group at `path` up to the root of its hierarchy.
    ///
    /// A group that cannot be seen from inside a container has no file here; its parents then have the limit.
    fn smallest(&self, root: &Path, path: &str, name: &str) -> Option<u64> {
        let group = root.join(path.trim_start_matches('/'));
        group
            .ancestors()
            .take_while(|directory| directory.starts_with(root))
            // A limit that is not set reads `max` in version 2, and as a number beyond any machine in version 1.
            .filter_map(|directory| fs::read_to_string(directory.join(name)).ok()?.trim().parse().ok())
            .min()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn limits(directory: &Path, membership: &str, files: &[(&str, &str)]) -> u64 {
        fs::write(directory.join("membership"), membership).unwrap();
        for (file, text) in files {
            let file = directory.join("mount").join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        MemoryLimits { membership: directory.join("membership"), mount: directory.join("mount"), machine: 1000 }
            .available()
    }

    #[test]
    fn the_machine_is_the_limit_where_no_group_has_one() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(limits(directory.path(), "0::/\n", &[("memory.max", "max\n")]), 1000);
        assert_eq!(limits(directory.path(), "", &[]), 1000);
    }

    #[test]
    fn the_smallest_limit_of_a_version_2_group_and_its_parents_counts() {
        let directory = tempfile::tempdir().unwrap();
        let files = [("a/memory.max", "300\n"), ("a/b/memory.max", "max\n"), ("other/memory.max", "1\n")];
        assert_eq!(limits(directory.path(), "0::/a/b\n", &files), 300);
    }

    #[test]
    fn the_limit_of_a_version_1_group_counts() {
        let directory = tempfile::tempdir().unwrap();
        let files =
            [("memory/a/memory.limit_in_bytes", "400\n"), ("memory/memory.limit_in_bytes", "9223372036854771712\n")];
        assert_eq!(limits(directory.path(), "5:cpu:/z\n4:hugetlb,memory:/a\n0::/\n", &files), 400);
    }

    #[test]
    fn a_group_hidden_by_a_container_falls_back_to_what_is_mounted() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(limits(directory.path(), "0::/docker/123\n", &[("memory.max", "500\n")]), 500);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(MemoryLimits::of_this_process().available() > 0);
    }
}
