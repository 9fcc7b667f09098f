//! Accounts in `portagent.db`. No cache stands in front: what is changed from outside counts at once.

use rusqlite::{Connection, named_params, params};

use super::cursor::{self, Cursor};
use super::user_row::{COLUMNS, user, user_by_id};
use crate::domain::id::{ContainerId, UserId};
use crate::domain::user::{NewUser, Role, User, fold_name, folded_names};
use crate::domain::{Code, Error, Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// An account with the hash of its password, for the login only.
pub struct Credentials {
    pub user: User,
    pub password_hash: String,
}

/// Which page of the list of accounts.
#[derive(Debug, Clone, Default)]
pub struct UserPage {
    /// Only accounts with this in their name or address, in any case; empty: all.
    pub query: String,
    pub cursor: Option<String>,
    pub limit: usize,
}

/// Under which condition an account may be created.
pub enum Admission {
    /// Only as the very first account, which becomes the administrator.
    First,
    /// By everyone; the first account becomes the administrator.
    Open,
    /// With an invite code, of which one use is taken.
    Invite(String),
    /// By an administrator, with this role.
    Granted(Role),
}

impl Store {
    /// Whether there is any account at all.
    pub fn has_users(&self) -> Result<bool> {
        self.accounts.read(has_users)
    }

    /// When the oldest account was made, in milliseconds since 1970; `None` where there is none.
    pub fn first_user_at(&self) -> Result<Option<i64>> {
        self.accounts.read(|conn| rows::value(conn, "SELECT min(createdAt) FROM users", []))
    }

    /// Active accounts, and those that are disabled.
    pub fn count_users(&self) -> Result<(u64, u64)> {
        self.accounts.read(|conn| {
            let active = rows::count(conn, "SELECT count(*) FROM users WHERE isActive <> 0", [])?;
            Ok((active, rows::count(conn, "SELECT count(*) FROM users WHERE isActive = 0", [])?))
        })
    }

    /// Creates an account.
    ///
    /// Errors: `Conflict` for a name or address that is taken, and [`Code::NOT_THE_FIRST`] where `Admission::First`
    /// comes too late; `Forbidden` for an invite code that is not good.
    pub fn add_user(&self, new: NewUser, password_hash: String, admission: Admission) -> Result<User> {
        self.accounts.write(move |conn| {
            let role = admit(conn, &admission)?;
            check_free(conn, &new)?;
            let now = clock::now_ms();
            let id = UserId::random();
            let container = ContainerId::from(format!("user-{id}"));
            rows::change(
                conn,
                "INSERT INTO users (userId, username, email, passwordHash, containerId, displayName, avatar, isActive, \
                 createdAt, updatedAt, role, usernameKey, emailKey, legacyTokensFrom) VALUES (:id, :username, :email, :hash, :container, \
                 :display, :avatar, 1, :now, :now, :role, :key, :emailKey, :now / 1000 + 1)",
                named_params! {
                    ":id": id, ":username": new.username, ":email": new.email, ":hash": password_hash,
                    ":container": container, ":display": new.display_name, ":avatar": new.avatar, ":now": now,
                    ":role": role.as_str(), ":key": fold_name(&new.username),
                    ":emailKey": new.email.as_deref().map(fold_name),
                },
            )?;
            user_by_id(conn, &id)
        })
    }

    /// Finds the account of a login name: by username, else by e-mail; exactly, else ignoring case where only one
    /// account matches.
    pub fn credentials(&self, name_or_email: &str) -> Result<Option<Credentials>> {
        let name = name_or_email.trim().to_owned();
        self.accounts.read(move |conn| {
            let (key, older) = folded_names(&name);
            for (condition, value, other) in [
                ("username IN (?1, ?2)", &name, &name),
                ("usernameKey IN (?1, ?2)", &key, &older),
                ("email IN (?1, ?2)", &name, &name),
                ("emailKey IN (?1, ?2)", &key, &older),
            ] {
                if let Some(only) = only_one(conn, condition, [value, other])? {
                    return Ok(Some(only));
                }
            }
            // Names of Portagent 1.9 were not trimmed.
            only_one(conn, "username IN (?1, ?2)", [name_or_email; 2])
        })
    }

    /// Those of an account that is known.
    pub fn credentials_of(&self, id: &UserId) -> Result<Option<Credentials>> {
        self.accounts.read(|conn| only_one(conn, "userId IN (?1, ?2)", [id.as_str(); 2]))
    }

    /// Errors: `NotFound`.
    pub fn user(&self, id: &UserId) -> Result<User> {
        self.accounts.read(|conn| user_by_id(conn, id))
    }

    /// By username, e-mail or userId. Errors: `NotFound`, `Conflict` where several differ in case only.
    pub fn find_user(&self, who: &str) -> Result<User> {
        if let Ok(user) = self.user(&UserId::from_outside(who)) {
            return Ok(user);
        }
        match self.credentials(who)? {
            Some(found) => Ok(found.user),
            None => Err(Error::not_found(&format!("User '{who}'")).hint(
                "`portagent user list` shows all users; a name that exists twice in different case needs the userId",
            )),
        }
    }

    /// Whether an active user owns this container.
    pub fn container_has_active_user(&self, container: &ContainerId) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE containerId = ?1 AND isActive = 1)";
        self.accounts.read(|conn| rows::value(conn, sql, [container]))
    }

    pub fn users(&self) -> Result<Vec<User>> {
        let sql = format!("SELECT {COLUMNS} FROM users ORDER BY createdAt, userId");
        self.accounts.read(|conn| rows::all(conn, &sql, [], user))
    }

    /// A page of them by age, and the cursor of the next one. Errors: `Invalid` for a cursor that is none.
    pub fn users_page(&self, page: &UserPage) -> Result<(Vec<User>, Option<String>)> {
        let Cursor { at, id } = Cursor::parse(page.cursor.as_deref())?;
        let sql = format!(
            "SELECT {COLUMNS} FROM users WHERE (createdAt, userId) > (?1, ?2) AND \
             (?3 = '' OR instr(usernameKey, ?3) > 0 OR instr(coalesce(emailKey, ''), ?3) > 0) \
             ORDER BY createdAt, userId LIMIT ?4"
        );
        let values = params![at, id, fold_name(&page.query), cursor::one_more(page.limit)];
        let found = self.accounts.read(|conn| rows::all(conn, &sql, values, user))?;
        Ok(cursor::cut(found, page.limit, |user| (user.created_at, user.id.as_str())))
    }

    /// Replaces the hash and ends every login of the account, in one transaction.
    pub fn set_password(&self, id: &UserId, password_hash: String) -> Result<()> {
        let id = id.clone();
        self.accounts.write(move |conn| {
            let sql = "UPDATE users SET passwordHash = ?2, updatedAt = ?3 WHERE userId = ?1";
            let changed = rows::change(conn, sql, params![id, password_hash, clock::now_ms()])?;
            if changed == 0 {
                return Err(Error::not_found("User"));
            }
            super::logins::end_all(conn, &id).map(drop)
        })
    }

    /// Replaces a hash of an older kind; logins stay, and nothing happens when the password was changed meanwhile.
    pub fn rehash(&self, id: &UserId, old: String, new: String) {
        let id = id.clone();
        self.accounts.write_later("a renewed password hash", move |conn| {
            let sql = "UPDATE users SET passwordHash = ?3 WHERE userId = ?1 AND passwordHash = ?2";
            rows::change(conn, sql, params![id, old, new]).map(drop)
        });
    }

    /// Disables or enables. Errors: `NotFound`; `Conflict` when it is the last active administrator.
    pub fn set_active(&self, id: &UserId, active: bool) -> Result<User> {
        self.change_user(id, move |conn, id| {
            if !active {
                keep_an_admin(conn, id)?;
                super::logins::end_all(conn, id)?;
            }
            let sql = "UPDATE users SET isActive = ?2, updatedAt = ?3 WHERE userId = ?1";
            rows::change(conn, sql, params![id, active, clock::now_ms()])
        })
    }

    /// Errors: `NotFound`; `Conflict` when the last active administrator would be none any more.
    pub fn set_role(&self, id: &UserId, role: Role) -> Result<User> {
        self.change_user(id, move |conn, id| {
            if role != Role::Admin {
                keep_an_admin(conn, id)?;
            }
            let sql = "UPDATE users SET role = ?2, updatedAt = ?3 WHERE userId = ?1";
            rows::change(conn, sql, params![id, role.as_str(), clock::now_ms()])
        })
    }

    /// Deletes the account and its logins; its container is the caller's business.
    ///
    /// Errors: `NotFound`; `Conflict` when it is the last active administrator.
    pub fn delete_user(&self, id: &UserId) -> Result<()> {
        let id = id.clone();
        self.accounts.write(move |conn| {
            user_by_id(conn, &id)?;
            keep_an_admin(conn, &id)?;
            super::people::forget(conn, &id)?;
            rows::change(conn, "DELETE FROM users WHERE userId = ?1", [id]).map(drop)
        })
    }

    /// Errors: `Conflict` when it is the last active administrator.
    pub fn check_may_leave(&self, id: &UserId) -> Result<()> {
        self.accounts.read(|conn| keep_an_admin(conn, id))
    }

    fn change_user(
        &self,
        id: &UserId,
        change: impl FnOnce(&Connection, &UserId) -> Result<usize> + Send + 'static,
    ) -> Result<User> {
        let id = id.clone();
        self.accounts.write(move |conn| {
            user_by_id(conn, &id)?;
            change(conn, &id)?;
            user_by_id(conn, &id)
        })
    }
}

fn has_users(conn: &Connection) -> Result<bool> {
    rows::value(conn, "SELECT EXISTS (SELECT 1 FROM users)", [])
}

fn admit(conn: &Connection, admission: &Admission) -> Result<Role> {
    let first = !has_users(conn)?;
    match admission {
        Admission::Granted(role) => Ok(if first { Role::Admin } else { *role }),
        Admission::Open | Admission::First if first => Ok(Role::Admin),
        Admission::Open => Ok(Role::User),
        Admission::First => Err(Error::conflict(Code::NOT_THE_FIRST, "The first account exists already")),
        Admission::Invite(code) => {
            super::invites::take_one_use(conn, code)?;
            Ok(Role::User)
        }
    }
}

/// A name may be neither another account's name nor its address, and the other way round: a login name is one
/// person's.
fn check_free(conn: &Connection, new: &NewUser) -> Result<()> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE usernameKey IN (?1, ?2) OR emailKey IN (?1, ?2))";
    let taken = |name: &str| rows::value::<bool>(conn, sql, folded_names(name));
    if taken(&new.username)? {
        return Err(Error::conflict("username_taken", format!("Username '{}' already exists", new.username)));
    }
    match &new.email {
        Some(email) if taken(email)? => Err(email_taken(email)),
        _ => Ok(()),
    }
}

/// Whether an address is neither another account's address nor its name.
pub fn check_email_free(conn: &Connection, of: &UserId, email: &str) -> Result<()> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM users WHERE userId <> ?1 AND (usernameKey IN (?2, ?3) OR emailKey IN (?2, ?3)))";
    let (key, older) = folded_names(email);
    if rows::value(conn, sql, params![of, key, older])? { Err(email_taken(email)) } else { Ok(()) }
}

fn email_taken(email: &str) -> Error {
    Error::conflict("email_taken", format!("Email '{email}' already exists"))
}

fn keep_an_admin(conn: &Connection, leaving: &UserId) -> Result<()> {
    let is_last = "SELECT EXISTS (SELECT 1 FROM users WHERE userId = ?1 AND role = 'admin' AND isActive = 1) \
                   AND NOT EXISTS (SELECT 1 FROM users WHERE userId <> ?1 AND role = 'admin' AND isActive = 1)";
    if rows::value(conn, is_last, [leaving])? {
        return Err(Error::conflict("last_administrator", "This is the last active administrator")
            .hint("make another account an administrator first: portagent user promote NAME"));
    }
    Ok(())
}

fn only_one(conn: &Connection, condition: &str, values: [&str; 2]) -> Result<Option<Credentials>> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE {condition} LIMIT 2");
    let mut found: Vec<_> =
        rows::all(conn, &sql, values, |row| Ok(Credentials { user: user(row)?, password_hash: row.get(9)? }))?;
    Ok(found.pop().filter(|_| found.is_empty()))
}
