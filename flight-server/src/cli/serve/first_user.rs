//! The first user: named and given a password by the operator, or else made up.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

use super::data_dir::read_or_create;

/// The first user of a server.
pub(super) struct FirstUser {
    /// The name.
    pub(super) name: String,
    /// The password.
    pub(super) password: Zeroizing<String>,
    /// Where the password came from.
    pub(super) origin: PasswordOrigin,
}

/// Where a password came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PasswordOrigin {
    /// The operator's file; it is never shown.
    Given,
    /// It was generated, and is kept in a file so that it stays the same.
    Generated {
        /// The file.
        file: PathBuf,
        /// Whether it was generated just now.
        is_new: bool,
    },
}

/// Why there is no password.
#[derive(Debug, Error)]
pub(super) enum FirstUserError {
    /// The file cannot be read or made.
    #[error("cannot use the password file {} (--password-file): {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds no password.
    #[error("the password file {} (--password-file) must hold the password on its one line", .0.display())]
    NotOneLine(PathBuf),
    /// The system has no randomness to make one from.
    #[error("no random bytes could be had from the system to generate a password: {0}")]
    Random(getrandom::Error),
}

impl FirstUser {
    /// The user `name` with the password from `given`, or else with one that is generated once in a data directory.
    pub(super) fn resolve(name: &str, given: Option<&Path>, data_dir: &Path) -> Result<Self, FirstUserError> {
        let name = name.to_owned();
        if let Some(path) = given {
            let text = fs::read_to_string(path)
                .map(Zeroizing::new)
                .map_err(|source| FirstUserError::File { path: path.to_owned(), source })?;
            return Ok(Self { name, password: one_line(&text, path)?, origin: PasswordOrigin::Given });
        }
        let file = data_dir.join("initial-password");
        let fresh = generate().map_err(FirstUserError::Random)?;
        let (text, is_new) = read_or_create(&file, || fresh)
            .map(|(text, is_new)| (Zeroizing::new(text), is_new))
            .map_err(|source| FirstUserError::File { path: file.clone(), source })?;
        Ok(Self { name, password: one_line(&text, &file)?, origin: PasswordOrigin::Generated { file, is_new } })
    }

    /// The password if it was generated, for those who must be told it.
    pub(super) fn generated_password(&self) -> Option<&str> {
        match self.origin {
            PasswordOrigin::Given => None,
            PasswordOrigin::Generated { .. } => Some(&self.password),
        }
    }
}

fn one_line(text: &str, path: &Path) -> Result<Zeroizing<String>, FirstUserError> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line.is_empty() || line.contains(['\n', '\r']) {
        true => Err(FirstUserError::NotOneLine(path.to_owned())),
        false => Ok(Zeroizing::new(line.to_owned())),
    }
}

/// Twenty characters of five random bits each, in groups, without any that look alike or mean something to a shell.
fn generate() -> Result<String, getrandom::Error> {
    const ALPHABET: [u8; 32] = *b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = Zeroizing::new([0u8; 20]);
    getrandom::fill(random.as_mut())?;
    let characters: Vec<char> = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    let groups: Vec<String> = characters.chunks(5).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_generated_password_is_strong_private_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let first = FirstUser::resolve("pintail", None, directory.path()).unwrap();
        assert_eq!(first.password.len(), 23);
        let PasswordOrigin::Generated { file, is_new: true } = &first.origin else { unreachable!("it is new") };
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        let second = FirstUser::resolve("pintail", None, directory.path()).unwrap();
        assert_eq!(second.generated_password(), Some(first.password.as_str()));
        assert!(matches!(second.origin, PasswordOrigin::Generated { is_new: false, .. }));
        let other = tempfile::tempdir().unwrap();
        assert_ne!(FirstUser::resolve("pintail", None, other.path()).unwrap().password, first.password);
    }

    #[test]
    fn a_given_password_is_the_one_line_of_its_file_and_is_not_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        fs::write(&file, " a b \r\n").unwrap();
        let user = FirstUser::resolve("me", Some(&file), directory.path()).unwrap();
        assert_eq!((user.password.as_str(), user.generated_password()), (" a b ", None));
        assert!(!directory.path().join("initial-password").exists());
        for wrong in ["", "\n", "a\nb\n"] {
            fs::write(&file, wrong).unwrap();
            let error = FirstUser::resolve("me", Some(&file), directory.path()).err().unwrap();
            assert!(error.to_string().contains("--password-file"), "{error}");
        }
    }
}
