//! Env files: `KEY=VALUE` lines as shells, Docker and dotenv know them, without expansion of any kind.
//!
//! `export ` in front is skipped. `'single'` quotes take everything as it stands; in `"double"` quotes `\n`, `\r`,
//! `\t`, `\"`, `\\` and `\$` are escapes; without quotes a `#` after a blank begins a comment.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::domain::{Error, Result};

/// The largest env file that is read, in bytes.
const ENV_FILE_BYTES: u64 = 1024 * 1024;

pub(super) struct Entry {
    pub key: String,
    pub value: String,
    pub path: PathBuf,
    pub line: usize,
}

/// Why a file that was not named must not be read: it is of another owner, or others may write it. A user who can write it
/// decides what we run.
pub(super) fn foreign(path: &Path) -> Option<String> {
    let file = std::fs::metadata(path).ok()?;
    let (own_user, own_group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let name = path.display();
    if file.uid() != own_user && file.uid() != 0 {
        return Some(format!("{name} was ignored: it belongs to another user; name it with --env-file to use it"));
    }
    let others_write = file.mode() & 0o002 != 0 || (file.mode() & 0o020 != 0 && file.gid() != own_group);
    others_write.then(|| format!("{name} was ignored: others may write it (chmod go-w {name})"))
}

/// `None` where there is no such file and none was asked for.
///
/// Errors: `Invalid` for a named file that is missing, for any that cannot be read, and for a bad line.
pub(super) fn read(path: &Path, named: bool) -> Result<Option<Vec<Entry>>> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => return Ok(None),
        Err(error) => {
            let message = format!("cannot read env file {}: {}", path.display(), plain(&error));
            let hint = match error.kind() {
                io::ErrorKind::PermissionDenied => "let the user that runs portagent read it: chown or chmod",
                io::ErrorKind::InvalidData => "save it again as UTF-8, such as with: iconv -f UTF-16 -t UTF-8",
                _ if named => "give the path of an existing file to --env-file",
                _ => "mend it or move it away",
            };
            return Err(Error::invalid("bad_env_file", message).hint(hint));
        }
    };
    let mut entries = Vec::new();
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let parsed = parse_line(line).map_err(|what| {
            Error::invalid("bad_env_file", format!("{}:{}: {what}", path.display(), at + 1))
                .hint("a line is KEY=VALUE, or a comment that begins with #")
        })?;
        if let Some((key, value)) = parsed {
            entries.push(Entry { key: key.to_owned(), value, path: path.to_owned(), line: at + 1 });
        }
    }
    Ok(Some(entries))
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(ENV_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if read as u64 > ENV_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    // Windows writes it with a mark in front; in every second byte of English text there is nothing.
    let what = match &bytes[..] {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => "it is UTF-16 text, not UTF-8",
        _ => "it is not UTF-8 text",
    };
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, what))
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// What is wrong never quotes the line: it may hold a secret.
fn parse_line(line: &str) -> Result<Option<(&str, String)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let after_export = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
    let (key, value) = after_export.unwrap_or(line).split_once('=').ok_or("there is no = in this line")?;
    let key = key.trim();
    if !is_key(key) {
        return Err("what stands before = is not a name");
    }
    parse_value(value.trim()).map(|value| Some((key, value)))
}

fn is_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

fn parse_value(text: &str) -> Result<String, &'static str> {
    let (value, rest) = if let Some(quoted) = text.strip_prefix('\'') {
        let (value, rest) = quoted.split_once('\'').ok_or("the single quote is not closed")?;
        (value.to_owned(), rest)
    } else if let Some(quoted) = text.strip_prefix('"') {
        double_quoted(quoted)?
    } else {
        return Ok(without_comment(text).to_owned());
    };
    let rest = rest.trim();
    if rest.is_empty() || rest.starts_with('#') { Ok(value) } else { Err("something stands behind the closing quote") }
}

fn double_quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c @ ('"' | '\\' | '$'))) => value.push(c),
                Some((_, c)) => value.extend(['\\', c]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("the double quote is not closed")
}

fn without_comment(text: &str) -> &str {
    if text.starts_with('#') {
        return "";
    }
    let comment = text.find(" #").into_iter().chain(text.find("\t#")).min();
    text[..comment.unwrap_or(text.len())].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let check = |line: &str, expected: Result<Option<(&str, &str)>, &str>| {
            let found = parse_line(line);
            let found = found.as_ref().map(|entry| entry.as_ref().map(|(key, value)| (*key, value.as_str())));
            assert_eq!(found.map_err(|what| &what[..8]), expected, "{line}");
        };
        check("", Ok(None));
        check("  # PORT=1", Ok(None));
        check("PORT=5200", Ok(Some(("PORT", "5200"))));
        check("  export\tPORT = 5200  ", Ok(Some(("PORT", "5200"))));
        check("export=1", Ok(Some(("export", "1"))));
        check("PORT=", Ok(Some(("PORT", ""))));
        check("A=b=c#d", Ok(Some(("A", "b=c#d"))));
        check("A=b # c", Ok(Some(("A", "b"))));
        check("A= # c", Ok(Some(("A", ""))));
        check("A='b # \"c\\n' # d", Ok(Some(("A", "b # \"c\\n"))));
        check("A=\"b # \\\"c\\n\\$d\\x\"\t#e", Ok(Some(("A", "b # \"c\n$d\\x"))));
        check("A=\"\"", Ok(Some(("A", ""))));
        check("A=$HOME", Ok(Some(("A", "$HOME"))));
        check("名=1", Err("what sta"));
        check("=1", Err("what sta"));
        check("PORT 5200", Err("there is"));
        check("A='b", Err("the sing"));
        check("A=\"b\\", Err("the doub"));
        check("A='b'c", Err("somethin"));
    }

    #[test]
    fn files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.env");
        assert!(read(&path, false).unwrap().is_none());
        assert!(read(&path, true).err().unwrap().message.ends_with("no such file"));
        assert!(read(directory.path(), false).err().unwrap().message.ends_with("it is a directory"));
        std::fs::write(&path, b"\xef\xbb\xbfA=1\r\n\r\nB=2\r\n").unwrap();
        let entries = read(&path, true).unwrap().unwrap();
        let found: Vec<_> =
            entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_str(), entry.line)).collect();
        assert_eq!(found, [("A", "1", 1), ("B", "2", 3)]);
        std::fs::write(&path, "A=1\nsk-ant-secret\n").unwrap();
        let error = read(&path, true).err().unwrap();
        assert_eq!(error.message, format!("{}:2: there is no = in this line", path.display()));
        std::fs::write(&path, b"A=\xff\n").unwrap();
        assert!(read(&path, true).err().unwrap().message.ends_with("it is not UTF-8 text"));
        std::fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
        assert!(read(&path, true).err().unwrap().message.ends_with("larger than 1 MiB"));
    }
}
