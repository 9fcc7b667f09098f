//! `manifest.json`: what is in the archive, before it. It names no host and no path.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::{damaged, too_new};
use crate::domain::Result;
use crate::store::{copy::DATABASE_FILES, inspect};

/// The format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// Files, and bytes in them, by which agents' files may grow while a backup is written, besides a quarter.
const SLACK_COUNT: u64 = 100_000;
const SLACK_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub format: u32,
    /// Always `portagent`.
    pub program: String,
    pub version: String,
    /// When the databases were as they are here, in milliseconds since 1970.
    pub created_at: i64,
    /// In the order of the archive.
    pub databases: Vec<DatabaseFacts>,
    /// As counted before the work began; people work meanwhile.
    pub files: FilesFacts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseFacts {
    /// `agentx.db` or `portagent.db`.
    pub file: String,
    /// `PRAGMA user_version`.
    pub schema: i64,
    pub bytes: u64,
    pub page_bytes: u64,
    /// In hex.
    pub sha256: String,
    /// Of every table.
    pub rows: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesFacts {
    pub count: u64,
    pub bytes: u64,
}

impl FilesFacts {
    /// The most that an archive may hold for which this was counted before: agents work while it is written.
    pub fn with_slack(self) -> Self {
        Self {
            count: self.count.saturating_add(self.count / 4 + SLACK_COUNT),
            bytes: self.bytes.saturating_add(self.bytes / 4 + SLACK_BYTES),
        }
    }
}

/// All that is read of a manifest before its format is known.
#[derive(Deserialize)]
struct Opening {
    format: u32,
    program: String,
    version: String,
}

impl Manifest {
    /// Errors: `Unavailable` for what is no manifest, and for one of a newer program, by name.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let opening: Opening = serde_json::from_slice(bytes).map_err(|_| damaged("its manifest cannot be read"))?;
        if opening.program != "portagent" {
            return Err(damaged("its manifest is not one of portagent"));
        }
        if opening.format > FORMAT {
            let what = format!("it has archive format {}, this program knows {FORMAT}", opening.format);
            return Err(too_new(&what, &opening.version));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|_| damaged("its manifest cannot be read"))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        let files: Vec<&str> = self.databases.iter().map(|database| database.file.as_str()).collect();
        if files != DATABASE_FILES {
            return Err(damaged("its manifest does not name both databases"));
        }
        for database in &self.databases {
            let known = inspect::newest_schema(&database.file).unwrap_or(0);
            if database.schema > known {
                let what = format!("its {} has schema {}, this program knows {known}", database.file, database.schema);
                return Err(too_new(&what, &self.version));
            }
        }
        Ok(())
    }

    pub fn database_bytes(&self) -> u64 {
        self.databases.iter().fold(0, |sum, database| sum.saturating_add(database.bytes))
    }

    /// Rows of a table, wherever it is.
    pub fn rows(&self, table: &str) -> u64 {
        self.databases.iter().find_map(|database| database.rows.get(table)).copied().unwrap_or(0)
    }
}
