//! A row of `users`, as all read it that look something up by an account.

use rusqlite::{Connection, Row};

use crate::domain::Result;
use crate::domain::id::UserId;
use crate::domain::user::{Role, User};
use crate::store::sqlite::rows;

pub(super) const COLUMNS: &str = "userId, username, email, containerId, displayName, avatar, isActive, createdAt, role, passwordHash, \
     EXISTS (SELECT 1 FROM second_steps s WHERE s.userId = users.userId AND s.isOn = 1)";

pub fn user_by_id(conn: &Connection, id: &UserId) -> Result<User> {
    rows::found(conn, &format!("SELECT {COLUMNS} FROM users WHERE userId = ?1"), [id], user, "User")
}

pub fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        username: row.get(1)?,
        email: row.get(2)?,
        container_id: row.get(3)?,
        display_name: row.get(4)?,
        avatar: row.get(5)?,
        is_active: row.get::<_, rusqlite::types::Value>(6)? == rusqlite::types::Value::Integer(1),
        created_at: row.get(7)?,
        role: Role::from_text(&row.get::<_, String>(8)?),
        has_second_step: row.get(10)?,
    })
}
