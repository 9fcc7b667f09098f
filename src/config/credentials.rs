//! Secrets that a service manager hands over as files: systemd.exec(5), `LoadCredential=` and `$CREDENTIALS_DIRECTORY`.
//!
//! A secret's credential has the setting's name in lower case, with dashes: `llm-provider-key`, `jwt-secret`. Other
//! managers mount a file and name it in a variable: `LLM_PROVIDER_KEY_FILE=/run/secrets/key`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::redact::redacted;
use super::settings::Setting;
use crate::domain::{Error, Result};

/// The largest secret, in bytes.
const CREDENTIAL_BYTES: u64 = 64 * 1024;

/// The credential's name; none for what is no secret.
pub(super) fn name(setting: &Setting) -> Option<String> {
    setting.secret.then(|| setting.name.to_ascii_lowercase().replace('_', "-"))
}

/// What is in the credential, without the newline at its end; `None` where there is none.
///
/// Errors: `Invalid` for one that cannot be read, naming it and never quoting it.
pub(super) fn read(directory: &Path, name: &str) -> Result<Option<String>> {
    match read_text(&directory.join(name)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::invalid("bad_setting", format!("cannot read the credential {name}: {}", why(&error)))
            .hint("look at LoadCredential= in the unit, and at the file that it names")),
    }
}

/// What is in the file that `variable` names. Errors: `Invalid`, naming variable and file.
pub(super) fn read_file(path: &str, variable: &str) -> Result<String> {
    read_text(Path::new(path.trim())).map_err(|error| {
        Error::invalid("bad_setting", format!("{variable}={}: {}", redacted(path), why(&error)))
            .hint("it is the path of a file that holds the secret and nothing else")
    })
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// Without the newline at its end.
fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(CREDENTIAL_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > CREDENTIAL_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 64 KiB"));
    }
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::settings::SETTINGS;
    use super::*;

    #[test]
    fn only_secrets_have_a_name() {
        let names: Vec<String> = SETTINGS.iter().filter_map(name).collect();
        assert!(
            names.contains(&"llm-provider-key".to_owned()) && names.contains(&"jwt-secret".to_owned()),
            "{names:?}"
        );
        assert!(!names.contains(&"port".to_owned()));
    }

    #[test]
    fn what_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let check = |content: &[u8], expected: Result<&str, &str>| {
            std::fs::write(directory.path().join("a"), content).unwrap();
            let found =
                read(directory.path(), "a").map(|text| text.unwrap()).map_err(|error| error.message.to_string());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
        };
        check(b"one word\r\n", Ok("one word"));
        check(b"", Ok(""));
        check(b"\xff", Err("cannot read the credential a: it is not UTF-8 text"));
        check(&[b'x'; 65 * 1024], Err("cannot read the credential a: it is larger than 64 KiB"));
        assert!(read(directory.path(), "b").unwrap().is_none());
    }
}
