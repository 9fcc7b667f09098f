//! What may stand in an archive, under which name and how large. Names come from outside: extracting
//! them must never write anywhere else.

use crate::store::copy::DATABASE_FILES;
use crate::workdirs;

pub const MANIFEST: &str = "manifest.json";
pub const KEY: &str = "jwt-secret";
pub const SETTINGS: &str = "settings.env";
pub const SERVERS: &str = "mcp.json";
pub const SUMS: &str = "SHA256SUMS";
/// Agents' files stand below it.
pub const FILES: &str = workdirs::ROOT;

/// The largest manifest, key, settings file and list of tool servers, in bytes.
pub const MANIFEST_BYTES: u64 = 1024 * 1024;
pub const KEY_BYTES: u64 = 64 * 1024;
pub const SETTINGS_BYTES: u64 = 1024 * 1024;
pub const SERVERS_BYTES: u64 = 1024 * 1024;
/// The longest name of an entry and the longest target of a link, in bytes.
pub const NAME_BYTES: usize = workdirs::PATH_BYTES;
/// The most entries of one archive.
pub const ENTRIES: u64 = 20_000_000;

/// The name of a database inside the archive.
pub fn database(file: &str) -> String {
    format!("data/{file}")
}

/// Where an entry stands in the order of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Manifest,
    Database(usize),
    Key,
    Settings,
    Servers,
    Files,
    Sums,
}

impl Part {
    /// Errors: what is wrong with the name.
    pub fn of(name: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(name).unwrap_or_default();
        match text {
            MANIFEST => return Ok(Self::Manifest),
            KEY => return Ok(Self::Key),
            SETTINGS => return Ok(Self::Settings),
            SERVERS => return Ok(Self::Servers),
            SUMS => return Ok(Self::Sums),
            _ => {}
        }
        if let Some(at) = DATABASE_FILES.iter().position(|file| database(file) == text) {
            return Ok(Self::Database(at));
        }
        check_files_name(name).map(|()| Self::Files)
    }

    /// Whether there may be more than one of it.
    pub fn repeats(self) -> bool {
        self == Self::Files
    }
}

/// A name below `containers/` that leads nowhere else.
fn check_files_name(name: &[u8]) -> Result<(), &'static str> {
    if name.len() > NAME_BYTES || name.contains(&0) {
        return Err("has an impossible name");
    }
    let name = name.strip_suffix(b"/").unwrap_or(name);
    let mut parts = name.split(|byte| *byte == b'/');
    if parts.next() != Some(FILES.as_bytes()) {
        return Err("has a name that does not belong into a backup");
    }
    if parts.all(workdirs::is_plain) { Ok(()) } else { Err("has a name that leads elsewhere") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |name: &str, expected: Option<Part>| assert_eq!(Part::of(name.as_bytes()).ok(), expected, "{name}");
        check("manifest.json", Some(Part::Manifest));
        check("data/agentx.db", Some(Part::Database(0)));
        check("data/portagent.db", Some(Part::Database(1)));
        check("jwt-secret", Some(Part::Key));
        check("mcp.json", Some(Part::Servers));
        check("containers", Some(Part::Files));
        check("containers/", Some(Part::Files));
        check("containers/user-1/a b\n../…", Some(Part::Files));
        check("SHA256SUMS", Some(Part::Sums));
        for bad in [
            "",
            "/",
            "/containers/x",
            "containers//x",
            "containers/../x",
            "containers/x/..",
            "containers/./x",
            "containersx",
            "data/",
            "data/other.db",
            "./manifest.json",
            "containers/a\0b",
        ] {
            check(bad, None);
        }
        check(&format!("containers/{}", "x".repeat(256)), None);
        check(&format!("containers{}", "/x".repeat(3000)), None);
        assert_eq!(Part::of(b"containers/\xff"), Ok(Part::Files), "names are bytes");
        assert!(
            Part::Manifest < Part::Database(0)
                && Part::Database(1) < Part::Key
                && Part::Servers < Part::Files
                && Part::Files < Part::Sums
        );
    }
}
