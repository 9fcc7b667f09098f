//! The names that an archive used so far: none comes twice, and nothing stands below what is no directory. Checked without
//! a file system, so that a check finds what a restore would meet.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

/// Fingerprints of 8 bytes, at most some 300 MB for the largest archive. Their key is new for each archive, so that none
/// can be made in which two names have the same.
#[derive(Default)]
pub struct Names {
    key: RandomState,
    directories: HashSet<u64>,
    others: HashSet<u64>,
}

impl Names {
    /// Errors: what is wrong with the entry.
    pub fn add(&mut self, name: &[u8], is_directory: bool) -> Result<(), &'static str> {
        let name = name.strip_suffix(b"/").unwrap_or(name);
        for (at, _) in name.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/') {
            let parent = self.key.hash_one(&name[..at]);
            if self.others.contains(&parent) {
                return Err("is below something that is no directory");
            }
            if !self.directories.insert(parent) {
                break; // and so are those above it
            }
        }
        let own = self.key.hash_one(name);
        if self.others.contains(&own) || self.directories.contains(&own) {
            return Err("has the name of another");
        }
        if is_directory {
            self.directories.insert(own)
        } else {
            self.others.insert(own)
        };
        Ok(())
    }
}
