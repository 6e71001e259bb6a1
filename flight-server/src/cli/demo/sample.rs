//! The sample data: the flights that left New York's airports in 2013. It is part of the program, so that the
//! demonstration needs nothing else.

use std::fs;
use std::io;
use std::path::Path;

/// A table and the Parquet file it comes from.
pub(super) struct Sample {
    /// The table's name.
    pub(super) table: &'static str,
    bytes: &'static [u8],
}

macro_rules! samples {
    ($($table:literal),+) => {
        /// All tables.
        pub(super) static SAMPLES: &[Sample] = &[$(Sample {
            table: $table,
            bytes: include_bytes!(concat!("../../../../tests/data/nycflights/", $table, ".parquet")),
        }),+];
    };
}

samples!("flights", "airlines", "airports", "planes", "weather");

impl Sample {
    /// Writes the file into a directory.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        fs::write(directory.join(self.file_name()), self.bytes)
    }

    /// What makes every node show the file in that directory as a table.
    pub(super) fn dataset(&self, directory: &Path) -> String {
        format!("{}={}", self.table, directory.join(self.file_name()).display())
    }

    fn file_name(&self) -> String {
        format!("{}.parquet", self.table)
    }
}
