//! Where results are cut.

/// Where a result is cut into batches: a function of the rows alone, so that the same rows are always cut alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The most rows in a batch.
    pub rows: usize,
    /// The most bytes in a batch, unless a single row is larger.
    pub bytes: usize,
}

impl Default for Cut {
    /// 2 MiB measured fastest through every client, and stays under their 4 MiB message limits.
    fn default() -> Self {
        Self { rows: 65_536, bytes: 2 << 20 }
    }
}
