//! What administrators set while the server runs, in `portagent.db`. A change made with the `sqlite3` program counts as
//! well: nothing is cached.

use rusqlite::params;

use crate::domain::{Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

impl Store {
    /// `None` where nothing was set.
    pub fn setting(&self, key: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM settings WHERE key = ?1";
        self.accounts.read(|conn| rows::first(conn, sql, [key], |row| row.get(0)))
    }

    /// Sets it, or with `None` removes it.
    pub fn set_setting(&self, key: &'static str, value: Option<String>) -> Result<()> {
        self.accounts.write(move |conn| {
            let changed = match value {
                Some(value) => rows::change(
                    conn,
                    "INSERT INTO settings (key, value, updatedAt) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET \
                     value = excluded.value, updatedAt = excluded.updatedAt",
                    params![key, value, clock::now_ms()],
                ),
                None => rows::change(conn, "DELETE FROM settings WHERE key = ?1", [key]),
            };
            changed.map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_set_changed_and_forgotten() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("opens");
        let check = |value: Option<&str>| {
            store.set_setting("retention.days", value.map(str::to_owned)).expect("is stored");
            assert_eq!(store.setting("retention.days").expect("reads").as_deref(), value);
        };
        check(Some("90"));
        check(Some("365"));
        check(None);
    }
}
