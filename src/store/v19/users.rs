//! The people of 1.9, as they registered: nothing was trimmed or checked there, and nothing is here.

use rusqlite::{Connection, Row};

use super::json::{column, column_number};
use crate::domain::Result;
use crate::domain::id::{ContainerId, UserId};
use crate::domain::secret::Secret;
use crate::domain::user::{Role, User};

/// What stood for an address where none was given: `<userId>@noemail.portagent`.
const NO_EMAIL: &str = "@noemail.portagent";

#[derive(Debug, Clone)]
pub struct LegacyUser {
    /// Always a plain user: 1.9 knew no administrators.
    pub user: User,
    /// bcrypt, `$2b$10$`; a password over 72 UTF-8 bytes was replaced by its raw SHA-512 digest first.
    pub password_hash: Secret,
    /// Milliseconds since 1970.
    pub updated_at: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserCounts {
    pub users: usize,
    /// Rows without an id, a name or a container.
    pub malformed: usize,
}

/// Hands every user to `receive`, the oldest account first.
///
/// Errors: `Unavailable` or `Internal` when the database cannot be read, and whatever `receive` returns.
pub fn each_user(conn: &Connection, receive: &mut dyn FnMut(LegacyUser) -> Result<()>) -> Result<UserCounts> {
    let sql = "SELECT userId, username, email, passwordHash, containerId, displayName, avatar, isActive, createdAt,
                      updatedAt
               FROM users ORDER BY createdAt, userId";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut counts = UserCounts::default();
    while let Some(row) = rows.next()? {
        match read(row)? {
            Some(user) => {
                counts.users += 1;
                receive(user)?;
            }
            None => counts.malformed += 1,
        }
    }
    Ok(counts)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<LegacyUser>> {
    let text = |at: usize| row.get_ref(at).map(|value| column(value).map(String::from).filter(|text| !text.is_empty()));
    let number = |at: usize| row.get_ref(at).map(column_number);
    let (Some(id), Some(username), Some(container)) = (text(0)?, text(1)?, text(4)?) else { return Ok(None) };
    let created_at = number(8)?.unwrap_or(0).max(0);
    Ok(Some(LegacyUser {
        user: User {
            id: UserId::from(id),
            username,
            email: text(2)?.filter(|email| !email.ends_with(NO_EMAIL)),
            container_id: ContainerId::from(container),
            display_name: text(5)?,
            avatar: text(6)?,
            role: Role::User,
            is_active: number(7)?.unwrap_or(1) != 0,
            has_second_step: false,
            created_at,
        },
        password_hash: Secret::new(text(3)?.unwrap_or_default()),
        updated_at: number(9)?.unwrap_or(created_at).max(0),
    }))
}

#[cfg(test)]
mod tests {
    use rusqlite::OpenFlags;

    use super::*;

    fn all(conn: &Connection) -> (Vec<LegacyUser>, UserCounts) {
        let mut users = Vec::new();
        let counts = each_user(conn, &mut |user| {
            users.push(user);
            Ok(())
        });
        (users, counts.expect("users"))
    }

    #[test]
    fn the_sample_has_one_user() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/v19/portagent.db");
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the sample");
        assert!(super::super::is_legacy_portagent(&conn).expect("an answer"));
        let (users, counts) = all(&conn);
        assert_eq!(counts, UserCounts { users: 1, malformed: 0 });
        assert_eq!(users[0].user.username, "ops1");
        assert_eq!(users[0].user.email, None);
        assert_eq!(users[0].user.container_id.as_str(), "user-60c586d9-811e-46e1-bc47-2a2921f2b375");
        assert_eq!(users[0].user.created_at, 1_795_335_248_185);
        assert!(users[0].user.is_active);
        assert!(users[0].password_hash.expose().starts_with("$2b$10$"));
    }

    #[test]
    fn odd_rows_stay_as_they_are() {
        let conn = Connection::open_in_memory().expect("a database");
        conn.execute_batch(
            "CREATE TABLE users(userId TEXT PRIMARY KEY, username TEXT, email TEXT, passwordHash TEXT, containerId TEXT,
                                displayName TEXT, avatar TEXT, isActive INTEGER, createdAt INTEGER, updatedAt INTEGER);
             INSERT INTO users VALUES
               ('b', '  ', 'b@noemail.portagent', 'h', 'user-b', '', NULL, 0, 20, 21),
               ('a', 'John', 'a@b.c', 'h', 'user-a', 'J', 'x', 1, 10.0, 'soon'),
               ('c', 'john', 'c@d.e', X'ff', 'user-c', NULL, NULL, NULL, NULL, NULL),
               (NULL, 'nobody', 'n', 'h', 'user-n', NULL, NULL, 1, 1, 1),
               ('d', 'no container', 'd', 'h', '', NULL, NULL, 1, 1, 1);",
        )
        .expect("rows");
        let (users, counts) = all(&conn);
        assert_eq!(counts, UserCounts { users: 3, malformed: 2 });
        let names: Vec<_> = users.iter().map(|user| user.user.username.as_str()).collect();
        assert_eq!(names, ["john", "John", "  "], "by age, unknown first, untrimmed");
        assert_eq!(users[1].user.email.as_deref(), Some("a@b.c"));
        assert_eq!((users[1].user.created_at, users[1].updated_at), (10, 10));
        assert!(users[0].user.is_active && !users[2].user.is_active);
        assert_eq!((users[2].user.email.as_deref(), users[2].user.display_name.as_deref()), (None, None));
    }
}
