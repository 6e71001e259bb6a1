//! Where the files of a lake are.

use std::path::Path;

use super::super::extensions::Extensions;
use super::attach::unusable;
use crate::error::Result;

/// Whether it is in an object store.
pub(super) fn is_remote(path: &str) -> bool {
    path.contains("://")
}

/// The place as the catalog keeps it: a directory by its real path, which is made where only its last part is missing, with a
/// slash at the end.
///
/// # Errors
/// When the directory can't be made, or is none.
pub(super) fn prepare(path: &str) -> Result<String> {
    if is_remote(path) {
        return Ok(format!("{}/", path.trim_end_matches('/')));
    }
    let directory = Path::new(path);
    let real = match std::fs::create_dir(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::canonicalize(directory),
    };
    let real = real.map_err(|error| unusable(&format!("the directory {path} of its files: {error}")))?;
    match real.to_str() {
        Some(text) if real.is_dir() => Ok(format!("{}/", text.trim_end_matches('/'))),
        Some(_) => Err(unusable(&format!("its files can't be in {path}, which is no directory"))),
        None => Err(unusable(&format!("the directory {path} of its files has a name that is not UTF-8"))),
    }
}

/// Whether this node can reach the place that the catalog names.
///
/// # Errors
/// When it is no directory of this machine, or an object store for which an extension is missing.
pub(super) fn check(path: &str, extensions: &Extensions) -> Result<()> {
    if is_remote(path) {
        return extensions.check_has(&["httpfs"], "a lake whose files are in an object store");
    }
    match Path::new(path) {
        directory if directory.is_dir() => Ok(()),
        _ => Err(unusable(&format!(
            "its catalog says that its files are in {path}, which is no directory of this machine; every node has to \
             reach them there"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_and_known_by_its_real_path() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(&real, real.join("link")).unwrap();
        let path = |name: &str| real.join(name).to_str().unwrap().to_owned();
        assert_eq!(prepare(&path("new")).unwrap(), format!("{}/", path("new")));
        assert_eq!(prepare(&path("link/new/")).unwrap(), format!("{}/", path("new")));
        assert!(prepare(&path("not/there")).is_err());
        std::fs::write(real.join("file"), "").unwrap();
        assert!(prepare(&path("file")).is_err());
        assert_eq!(prepare("s3://bucket/lake").unwrap(), "s3://bucket/lake/");
    }

    #[test]
    fn a_place_that_this_machine_has_not_is_an_error_that_names_it() {
        let error = check("/nowhere/of/this/machine/", &Extensions::default()).unwrap_err();
        assert!(error.message.contains("/nowhere/of/this/machine/"), "{error}");
        assert!(check("s3://bucket/", &Extensions::default()).unwrap_err().message.contains("httpfs"));
    }
}
