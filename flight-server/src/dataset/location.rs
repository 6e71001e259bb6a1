//! Where a dataset's files are, as a URL that may be stored and shown.

use std::path::Path;

use url::Url;

/// The schemes there are, for messages.
const SCHEMES: &str = "file, s3, gs, az, abfs, abfss, http, https";
/// Parameters of a query that carry a credential when they are named so.
const CREDENTIALS: [&str; 10] =
    ["sig", "key", "auth", "authorization", "pwd", "passwd", "apikey", "api_key", "api-key", "credential"];
/// Parameters of a query that carry a credential when their names hold one of these.
const CREDENTIAL_PARTS: [&str; 6] = ["signature", "token", "secret", "password", "accesskey", "access_key"];
/// What the parameters of signed URLs begin with.
const SIGNED: [&str; 2] = ["x-amz-", "x-goog-"];

/// The URL that `text` means: a path of this machine, or a URL.
///
/// # Errors
/// What is wrong with it, without repeating anything that may be a credential.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    if text.is_empty() {
        return Err("its URL is empty".to_owned());
    }
    let Some((scheme, _)) = text.split_once("://") else { return of_path(text) };
    let url = Url::parse(text).map_err(|error| format!("its URL can't be read: {error}"))?;
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "file" => {
            if url.host_str().is_some_and(|host| !host.is_empty()) {
                return Err(
                    "a file URL names a file of this machine by its absolute path: file:///directory".to_owned()
                );
            }
        }
        "s3" | "gs" | "az" | "abfs" | "abfss" | "http" | "https" => {
            if url.host_str().is_none_or(str::is_empty) {
                return Err(format!("its URL names no {}", if is_http(&url) { "host" } else { "bucket or container" }));
            }
        }
        _ => return Err(format!("the scheme `{}` is none of {SCHEMES}", scheme.escape_debug())),
    }
    // `abfss://container@account.dfs.core.windows.net/` has its container there.
    let may_have_user = matches!(scheme.as_str(), "az" | "abfs" | "abfss");
    if url.password().is_some() || (!url.username().is_empty() && !may_have_user) {
        return Err("its URL carries a user or password; put credentials into a secret of the configuration".to_owned());
    }
    if url.fragment().is_some() {
        return Err("its URL has a `#`; write one that belongs to a path as %23".to_owned());
    }
    if url.query().is_some() && !is_http(&url) {
        return Err(
            "its URL has a `?`, which only http and https have; write one of a path, or a pattern, as %3F".to_owned()
        );
    }
    match url.query_pairs().find(|(name, _)| is_credential(name)) {
        Some((name, _)) => Err(format!(
            "the parameter `{}` of its URL carries a credential; put credentials into a secret of the configuration",
            name.escape_debug()
        )),
        None => Ok(url),
    }
}

/// A URL for people: without its query.
pub(super) fn shown(url: &Url) -> String {
    match url.query() {
        Some(_) => {
            let mut bare = url.clone();
            bare.set_query(None);
            format!("{bare}?…")
        }
        None => url.to_string(),
    }
}

/// The URL of a path, absolute and without `.` and `..`.
fn of_path(text: &str) -> Result<Url, String> {
    let unusable = || "its path can't be made a URL; write it as file:///directory".to_owned();
    let path = std::path::absolute(Path::new(text)).map_err(|_| unusable())?;
    let is_directory = text.ends_with('/');
    let url = if is_directory { Url::from_directory_path(path) } else { Url::from_file_path(path) };
    // Read once more, which resolves what is relative in it.
    Url::parse(url.map_err(|()| unusable())?.as_str()).map_err(|_| unusable())
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn is_credential(parameter: &str) -> bool {
    let name = parameter.to_ascii_lowercase();
    CREDENTIALS.contains(&name.as_str())
        || CREDENTIAL_PARTS.iter().any(|part| name.contains(part))
        || SIGNED.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_path_of_this_machine_becomes_an_absolute_url() {
        assert_eq!(parse("/srv/data/*.parquet").unwrap().as_str(), "file:///srv/data/*.parquet");
        assert_eq!(parse("/srv/data/").unwrap().as_str(), "file:///srv/data/");
        assert_eq!(parse("/srv/./a/../data").unwrap().as_str(), "file:///srv/data");
        assert_eq!(parse("/a b/c?d#e%20.csv").unwrap().as_str(), "file:///a%20b/c%3Fd%23e%2520.csv");
        assert_eq!(parse("file:///srv/data/a.csv").unwrap().as_str(), "file:///srv/data/a.csv");
        let here = std::env::current_dir().unwrap();
        let url = parse("data/a.csv").unwrap();
        assert_eq!(url.to_file_path().unwrap(), here.join("data/a.csv"));
    }

    #[test]
    fn every_scheme_has_its_files() {
        for url in [
            "s3://bucket/a/*.parquet",
            "gs://bucket/a/",
            "az://container/a.csv",
            "abfs://container@account.dfs.core.windows.net/a.csv",
            "abfss://container@account.dfs.core.windows.net/a.csv",
            "http://host:81/a.csv?version=3&language=en",
            "HTTPS://host/a.csv",
        ] {
            assert!(parse(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_is_no_place_of_files_is_refused() {
        for (url, reason) in [
            ("", "empty"),
            ("ftp://host/a.csv", "`ftp` is none of file, s3"),
            ("file://host/a.csv", "file:///directory"),
            ("s3:///a.csv", "no bucket or container"),
            ("https:///", "can't be read"),
            ("s3://bucket/a?b.csv", "%3F"),
            ("s3://bucket/a#b.csv", "%23"),
        ] {
            let told = parse(url).unwrap_err();
            assert!(told.contains(reason), "{url}: {told}");
        }
    }

    #[test]
    fn a_url_that_carries_a_credential_is_refused_and_not_repeated() {
        for url in [
            "https://me:hunter2@host/a.csv",
            "https://hunter2@host/a.csv",
            "s3://key:hunter2@bucket/a.csv",
            "abfs://container:hunter2@account/a.csv",
            "https://host/a.csv?X-Amz-Signature=hunter2",
            "https://host/a.csv?x-goog-credential=hunter2",
            "https://host/a.csv?se=1&SIG=hunter2",
            "https://host/a.csv?access_token=hunter2",
            "https://host/a.csv?AWSAccessKeyId=hunter2",
            "https://host/a.csv?api_key=hunter2",
            "https://host/a.csv?%73ig=hunter2",
        ] {
            let told = parse(url).unwrap_err();
            assert!(told.contains("secret of the configuration"), "{url}: {told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
