//! Takes over the data of Portagent 1.9: all users, and all that has an owner, in one transaction.

use rusqlite::{Connection, params};

use crate::domain::Result;
use crate::domain::id::ContainerId;
use crate::domain::user::fold_name;
use crate::store::sqlite::{open, rows};
use crate::store::tables::conversations;
use crate::store::tables::logins;
use crate::store::tables::messages::{self, Position};
use crate::store::v19;

pub fn is_legacy_accounts(conn: &Connection) -> Result<bool> {
    v19::is_legacy_portagent(conn)
}

pub fn is_legacy_agent(conn: &Connection) -> Result<bool> {
    v19::is_legacy_agentx(conn)
}

/// `portagent.db`: the old table makes way for ours, which `schema` creates. The oldest account becomes the
/// administrator, since 1.9 knew none.
pub fn accounts(conn: &Connection, schema: &str) -> Result<()> {
    let mut users = Vec::new();
    let counts = v19::each_user(conn, &mut |user| {
        users.push(user);
        Ok(())
    })?;
    conn.execute_batch("DROP TABLE users")?;
    conn.execute_batch(schema)?;
    for (index, legacy) in users.iter().enumerate() {
        let user = &legacy.user;
        conn.execute(
            "INSERT INTO users (userId, username, email, passwordHash, containerId, displayName, avatar, isActive, \
             createdAt, updatedAt, role, usernameKey, emailKey) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                user.id.as_str(),
                user.username,
                user.email,
                legacy.password_hash.expose(),
                user.container_id.as_str(),
                user.display_name,
                user.avatar,
                user.is_active,
                user.created_at,
                legacy.updated_at,
                if index == 0 { "admin" } else { "user" },
                fold_name(&user.username),
                user.email.as_deref().map(fold_name)
            ],
        )?;
    }
    logins::accept_legacy(conn)?;
    log::info!(target: "store", "took over from Portagent 1.9: {} users, {} unreadable", counts.users, counts.malformed);
    if let Some(first) = users.first() {
        log::info!(
            target: "store",
            "the oldest account is the administrator now: user={}; `portagent user promote NAME` makes another one",
            first.user.id
        );
    }
    Ok(())
}

/// `agentx.db`: what belongs to one of the users of `portagent.db` moves into our tables; the rest is counted and,
/// like everything, stands in the snapshot.
pub fn agent(conn: &Connection) -> Result<()> {
    let owners = owners(conn)?;
    let is_owned = |container: &ContainerId| match &owners {
        Some(owners) => owners.contains(container),
        None => true,
    };
    let mut legacy = v19::Legacy::new(conn, &is_owned);
    legacy.each_container(&mut |container| {
        insert_container(conn, &container.id, container.created_at, container.updated_at)
    })?;
    let counts = legacy.each_conversation(&mut |legacy| {
        let conversation = &legacy.conversation;
        insert_container(conn, &conversation.container_id, conversation.created_at, conversation.updated_at)?;
        conversations::insert_conversation(conn, conversation)?;
        // No turn of 1.9 is known: all its messages stand in one, number 0, before the first of ours.
        for (message, index) in legacy.messages.iter().zip(0..) {
            messages::take_over(conn, message, Position { ordinal: 0, index })?;
        }
        Ok(())
    })?;
    conn.execute_batch("DROP TABLE kv_storage")?;
    log::info!(
        target: "store",
        "took over from Portagent 1.9: {} conversations, {} messages; folded {} that stood there twice; \
         left out {} conversations without an owner, {} message lists without a conversation, {} unreadable records",
        counts.conversations,
        counts.messages,
        counts.duplicates,
        counts.ownerless_conversations,
        counts.orphans,
        counts.malformed
    );
    Ok(())
}

fn insert_container(conn: &Connection, id: &ContainerId, created_at: i64, updated_at: i64) -> Result<()> {
    let sql = "INSERT OR IGNORE INTO containers VALUES (?1, ?2, ?3)";
    rows::change(conn, sql, params![id, created_at, updated_at]).map(drop)
}

/// The containers of all users, from the database beside this one, which is always opened first. `None` where there
/// is none: then nothing is left out.
fn owners(conn: &Connection) -> Result<Option<std::collections::HashSet<ContainerId>>> {
    let Some(path) = conn.path().map(std::path::Path::new) else { return Ok(None) };
    let accounts = path.with_file_name("portagent.db");
    if !accounts.exists() {
        return Ok(None);
    }
    rows::all(&open::reader(&accounts)?, "SELECT containerId FROM users", [], |row| row.get(0)).map(Some)
}
