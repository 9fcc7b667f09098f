//! The model that each person chose last, in `portagent.db`.

use rusqlite::params;

use crate::domain::id::{ContainerId, UserId};
use crate::domain::{Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

impl Store {
    /// `None` where nothing was chosen, or the server's default was.
    pub fn model_choice(&self, user: &UserId) -> Result<Option<String>> {
        let sql = "SELECT model FROM model_choices WHERE userId = ?1";
        self.accounts.read(|conn| rows::first(conn, sql, [user], |row| row.get(0)))
    }

    /// `None`: the server's default.
    pub fn set_model_choice(&self, user: &UserId, model: Option<String>) -> Result<()> {
        let user = user.clone();
        self.accounts.write(move |conn| {
            let changed = match model {
                Some(model) => rows::change(
                    conn,
                    "INSERT INTO model_choices (userId, model, chosenAt) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (userId) DO UPDATE SET model = excluded.model, chosenAt = excluded.chosenAt",
                    params![user, model, clock::now_ms()],
                ),
                None => rows::change(conn, "DELETE FROM model_choices WHERE userId = ?1", [user]),
            };
            changed.map(drop)
        })
    }

    /// Whether the owner of a container is an active administrator.
    pub fn container_is_administrators(&self, container: &ContainerId) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE containerId = ?1 AND isActive = 1 AND role = 'admin')";
        self.accounts.read(|conn| rows::value(conn, sql, [container]))
    }
}
