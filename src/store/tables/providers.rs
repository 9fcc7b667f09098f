//! Providers that administrators have added, in `portagent.db`. Nothing is cached here: a change by a command or with the
//! `sqlite3` program counts at the next question.

use rusqlite::{Connection, Row, params};

use super::model_lessons;
use crate::domain::provider::ProviderRow;
use crate::domain::secret::Secret;
use crate::domain::{Error, Result, vendor};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// Providers of one installation: more would be a mistake, and each is asked for its models.
const PROVIDERS: u64 = 64;

impl Store {
    /// In the order in which they were added.
    pub fn providers(&self) -> Result<Vec<ProviderRow>> {
        self.accounts.read(recorded)
    }

    /// Errors: `Conflict` where there is one of that name; `TooLarge` past the most that there may be.
    pub fn add_provider(&self, row: ProviderRow) -> Result<()> {
        self.accounts.write(move |conn| {
            if rows::count(conn, "SELECT count(*) FROM providers", [])? >= PROVIDERS {
                let message = format!("There are {PROVIDERS} providers already");
                return Err(Error::new(crate::domain::Kind::TooLarge, "too_many_providers", message));
            }
            let sql = "INSERT OR IGNORE INTO providers (name, kind, baseUrl, apiKey, defaultModel, createdAt, updatedAt) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let key = row.api_key.as_ref().map(Secret::expose);
            let values = params![
                row.name,
                row.kind.as_str(),
                row.base_url,
                key,
                row.default_model,
                row.created_at,
                row.updated_at
            ];
            match rows::change(conn, sql, values)? {
                0 => Err(Error::conflict("provider_exists", format!("There is a provider `{}` already", row.name))),
                _ => Ok(()),
            }
        })
    }

    /// What was learned about it is forgotten. Errors: `NotFound`.
    pub fn change_provider(&self, row: ProviderRow) -> Result<()> {
        self.accounts.write(move |conn| {
            let sql = "UPDATE providers SET kind = ?2, baseUrl = ?3, apiKey = ?4, defaultModel = ?5, updatedAt = ?6 \
                       WHERE name = ?1";
            let key = row.api_key.as_ref().map(Secret::expose);
            let values = params![row.name, row.kind.as_str(), row.base_url, key, row.default_model, row.updated_at];
            model_lessons::forget(conn, &row.name)?;
            one(rows::change(conn, sql, values)?)
        })
    }

    /// Errors: `NotFound`.
    pub fn delete_provider(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.accounts.write(move |conn| {
            model_lessons::forget(conn, &name)?;
            one(rows::change(conn, "DELETE FROM providers WHERE name = ?1", [name])?)
        })
    }
}

/// A row of a kind that this program does not know is left out: a newer program wrote it.
pub fn recorded(conn: &Connection) -> Result<Vec<ProviderRow>> {
    let sql = "SELECT name, kind, baseUrl, apiKey, defaultModel, createdAt, updatedAt FROM providers \
               ORDER BY createdAt, name LIMIT 64";
    let found: Vec<Option<ProviderRow>> = rows::all(conn, sql, [], provider)?;
    Ok(found.into_iter().flatten().collect())
}

fn provider(row: &Row<'_>) -> rusqlite::Result<Option<ProviderRow>> {
    let Some(kind) = vendor::kind_named(&row.get::<_, String>(1)?) else { return Ok(None) };
    let key: Option<String> = row.get(3)?;
    Ok(Some(ProviderRow {
        name: row.get(0)?,
        kind,
        base_url: row.get(2)?,
        api_key: key.filter(|key| !key.trim().is_empty()).map(Secret::new),
        default_model: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    }))
}

fn one(changed: usize) -> Result<()> {
    if changed == 0 { Err(Error::not_found("Provider")) } else { Ok(()) }
}
