//! Which files of a store a dataset's URL means.

use object_store::path::Path;

use super::definition::{Definition, Format};
use super::pattern;
use crate::error::{Error, ErrorCode, Result};

/// The files that a URL means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Those below `root` whose paths, relative to it, match the pattern.
    Pattern { root: Path, pattern: String },
    /// Those below it that have an extension of the format.
    Directory(Path),
    /// The one there; where the store can list and has none of that name, those below it.
    FileOrDirectory(Path),
    /// The one there, in a store that can't list.
    File(Path),
}

impl Place {
    /// What the URL of a dataset means.
    ///
    /// # Errors
    /// `OPTION_INVALID` for a path that no store can have, and for a pattern or a directory where nothing can be listed.
    pub(super) fn of(definition: &Definition) -> Result<Self> {
        let url = &definition.url;
        let unusable = |_| {
            invalid(
                definition,
                "its path has `.`, `..`, an empty part, or characters no file has; name the files plainly",
            )
        };
        let path = Path::from_url_path(url.path()).map_err(unusable)?;
        let is_directory = url.path().ends_with('/') || path.as_ref().is_empty();
        if matches!(url.scheme(), "http" | "https") {
            if is_directory || pattern::is_pattern(path.as_ref()) {
                return Err(invalid(definition, "web servers can't list their files; name one file by its URL"));
            }
            return Ok(Self::File(path));
        }
        if !pattern::is_pattern(path.as_ref()) {
            return Ok(if is_directory { Self::Directory(path) } else { Self::FileOrDirectory(path) });
        }
        let segments = path.as_ref().split('/').collect::<Vec<_>>();
        let wild = segments.iter().position(|segment| pattern::is_pattern(segment)).unwrap_or(0);
        let mut pattern = segments[wild..].join("/");
        if is_directory {
            pattern.push_str("/**");
        }
        let root = Path::parse(segments[..wild].join("/")).map_err(unusable)?;
        Ok(Self::Pattern { root, pattern })
    }
}

/// Whether a file has an extension that files of this format have.
pub(super) fn has_extension(path: &str, format: Format) -> bool {
    let extensions: &[&str] = match format {
        Format::Parquet => &[".parquet"],
        Format::Csv => &[".csv", ".csv.gz"],
        Format::Json => &[".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz"],
    };
    let path = path.to_ascii_lowercase();
    extensions.iter().any(|extension| path.ends_with(extension))
}

/// Whether a file is not meant to be read: a part of its path begins with `_` or `.`, as the traces of writers do.
pub(super) fn is_hidden(path: &str) -> bool {
    // `_year=2024` is a partition, whatever it begins with.
    path.split('/').any(|segment| segment.starts_with('.') || (segment.starts_with('_') && !segment.contains('=')))
}

/// The keys of the hive partitions in a path, in their order: `year` of `year=2024/part.parquet`.
pub(super) fn partition_keys(path: &str) -> Vec<&str> {
    let directories = path.rsplit_once('/').map_or("", |(directories, _)| directories);
    directories.split('/').filter_map(|segment| segment.split_once('=')).map(|(key, _)| key).collect()
}

fn invalid(definition: &Definition, reason: &str) -> Error {
    Error::new(ErrorCode::OptionInvalid, format!("dataset {}: {reason}", definition.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Result<Place> {
        let url = url::Url::parse(url).unwrap();
        Place::of(&Definition { name: "d".to_owned(), url, format: Format::Parquet, secret: None })
    }

    #[test]
    fn a_url_means_a_file_a_pattern_or_a_directory() {
        assert_eq!(place("s3://b/x/a.parquet").unwrap(), Place::FileOrDirectory(Path::parse("x/a.parquet").unwrap()));
        assert_eq!(place("s3://b/x/").unwrap(), Place::Directory(Path::parse("x").unwrap()));
        assert_eq!(place("s3://b").unwrap(), Place::Directory(Path::default()));
        assert_eq!(place("https://h/x/a%20b.csv?v=1").unwrap(), Place::File(Path::parse("x/a b.csv").unwrap()));
        let pattern = |root: &str, pattern: &str| Place::Pattern {
            root: Path::parse(root).unwrap(),
            pattern: pattern.to_owned(),
        };
        assert_eq!(place("s3://b/x/y=1/z=*/*.parquet").unwrap(), pattern("x/y=1", "z=*/*.parquet"));
        assert_eq!(place("file:///x/y%3F/").unwrap(), pattern("x", "y?/**"));
        assert_eq!(place("gs://b/**").unwrap(), pattern("", "**"));
    }

    #[test]
    fn what_cannot_be_listed_is_refused() {
        for url in ["https://h/x/", "https://h/*.csv", "s3://b/x//y", "s3://b/x/%2e%2e%2fy"] {
            assert_eq!(place(url).unwrap_err().code, ErrorCode::OptionInvalid, "{url}");
        }
    }

    #[test]
    fn traces_of_writers_are_hidden_and_partitions_are_not() {
        for path in ["_SUCCESS", "a/_temporary/0/x.parquet", ".x.crc", "a/.x/y"] {
            assert!(is_hidden(path), "{path}");
        }
        for path in ["a.parquet", "_year=2024/a.parquet", "a_b/c.parquet"] {
            assert!(!is_hidden(path), "{path}");
        }
    }

    #[test]
    fn the_keys_of_partitions_are_read_from_directories_alone() {
        assert_eq!(partition_keys("year=2024/x/month=1/a=b.parquet"), ["year", "month"]);
        assert!(partition_keys("a=b.parquet").is_empty());
    }
}
