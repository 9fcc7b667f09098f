//! The file `mcp.json`: read again when it changes, and changed without touching what we do not know.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::config::{Declared, check_name};
use crate::domain::{Error, Result};

pub const NAME: &str = "mcp.json";
/// The whole file, in bytes, and servers in it.
const FILE_BYTES: u64 = 1024 * 1024;
const SERVERS: usize = 64;
const KEY: &str = "mcpServers";

/// Who has changed it: another file, another time or another length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(Option<(u64, SystemTime, u64)>);

#[derive(Debug, Clone, Default)]
pub(super) struct Loaded {
    /// By name. One that cannot be used hurts no other.
    pub servers: BTreeMap<String, std::result::Result<Declared, String>>,
}

pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

pub(super) fn stamp(data_dir: &Path) -> Stamp {
    use std::os::unix::fs::MetadataExt as _;
    let of = |metadata: fs::Metadata| Some((metadata.ino(), metadata.modified().ok()?, metadata.len()));
    Stamp(fs::metadata(path(data_dir)).ok().and_then(of))
}

/// Errors: `Invalid` when it is no JSON of that form; `Unavailable` when it cannot be read.
pub(super) fn load(data_dir: &Path) -> Result<Loaded> {
    let mut servers = BTreeMap::new();
    for (name, value) in servers_of(&read(data_dir)?) {
        let declared = check_name(&name).and_then(|()| Declared::parse(&value));
        servers.insert(name, declared.map_err(|error| error.message.into_owned()));
    }
    Ok(Loaded { servers })
}

/// Puts a declaration into the file, or takes it out. Says whether there was one.
///
/// Errors: those of `load`; `TooLarge`.
pub(super) fn change(data_dir: &Path, name: &str, declared: Option<&Declared>) -> Result<bool> {
    let mut root = read(data_dir)?;
    let mut servers = servers_of(&root);
    let existed = match declared {
        Some(declared) => {
            check_name(name)?;
            servers.insert(name.to_owned(), serde_json::to_value(declared).map_err(Error::internal)?).is_some()
        }
        None => servers.remove(name).is_some(),
    };
    if servers.len() > SERVERS {
        return Err(Error::invalid("too_many_servers", format!("There can be {SERVERS} tool servers at most")));
    }
    root.insert(KEY.to_owned(), Value::Object(servers));
    let text = serde_json::to_string_pretty(&Value::Object(root)).map_err(Error::internal)? + "\n";
    write(data_dir, text.as_bytes()).map_err(|cause| {
        let what = format!("cannot write {}: {cause}", path(data_dir).display());
        Error::unavailable("cannot_write", what)
    })?;
    Ok(existed)
}

fn servers_of(root: &Map<String, Value>) -> Map<String, Value> {
    root.get(KEY).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn read(data_dir: &Path) -> Result<Map<String, Value>> {
    let path = path(data_dir);
    let text = match fs::metadata(&path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Map::new()),
        Ok(metadata) if metadata.len() > FILE_BYTES => {
            return Err(Error::invalid("bad_mcp_json", format!("{} is too large", path.display())));
        }
        _ => fs::read_to_string(&path)
            .map_err(|cause| Error::unavailable("cannot_read", format!("cannot read {}: {cause}", path.display())))?,
    };
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let bad = |what: String| Error::invalid("bad_mcp_json", format!("{} cannot be used: {what}", path.display()));
    let root: Value = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    let Value::Object(root) = root else { return Err(bad("it is no JSON object".to_owned())) };
    match root.get(KEY) {
        Some(Value::Object(servers)) if servers.len() > SERVERS => {
            Err(bad(format!("it has more than {SERVERS} servers")))
        }
        None | Some(Value::Object(_)) => Ok(root),
        Some(_) => Err(bad(format!("{KEY} is no object"))),
    }
}

/// The old file or the new one, never half of one.
fn write(data_dir: &Path, text: &[u8]) -> std::io::Result<()> {
    let new = data_dir.join(format!("{NAME}.new"));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&new, path(data_dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_ours_stays() {
        let home = tempfile::tempdir().expect("a directory");
        let file = path(home.path());
        assert!(load(home.path()).expect("no file is an empty one").servers.is_empty());
        fs::write(&file, r#"{"other": 1, "mcpServers": {"a": {"command": "x", "odd": 2}, "b b": {}}}"#)
            .expect("writes");
        let before = stamp(home.path());
        let loaded = load(home.path()).expect("loads").servers;
        assert!(loaded["a"].is_ok() && loaded["b b"].is_err());
        let declared = Declared::parse(&json!({"url": "http://a/"})).expect("parses");
        assert!(!change(home.path(), "c", Some(&declared)).expect("changes"));
        assert_ne!(stamp(home.path()), before);
        let now: Value = serde_json::from_str(&fs::read_to_string(&file).expect("reads")).expect("JSON");
        let expected = json!({"other": 1, "mcpServers":
            {"a": {"command": "x", "odd": 2}, "b b": {}, "c": {"url": "http://a/"}}});
        assert_eq!(now, expected);
        assert!(change(home.path(), "a", None).expect("changes") && !change(home.path(), "a", None).expect("changes"));
        assert!(change(home.path(), "a/b", Some(&declared)).is_err());
    }

    #[test]
    fn what_cannot_be_read_is_named_and_never_overwritten() {
        let home = tempfile::tempdir().expect("a directory");
        for (text, what) in [("{", "cannot be used"), ("[]", "no JSON object"), (r#"{"mcpServers": []}"#, "no object")]
        {
            fs::write(path(home.path()), text).expect("writes");
            let error = load(home.path()).expect_err("is refused");
            assert!(error.message.contains(what), "{}", error.message);
            assert!(change(home.path(), "a", None).is_err());
            assert_eq!(fs::read_to_string(path(home.path())).expect("reads"), text);
        }
    }
}
