//! Finds messages of one owner, newest first.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::words::{Piece, Query, snippet};
use super::{SearchIndex, is_ours, owner_word, table_of};
use crate::domain::id::ContainerId;
use crate::domain::{Code, Error, Result};
use crate::store::sqlite::{open, rows};
use crate::store::tables::searchable::Searchable;

/// A search that takes longer answers with what it has; the next page goes on.
const TIME: Duration = Duration::from_millis(500);

/// A message that has all that was searched for.
pub struct Hit {
    pub message: Searchable,
    pub snippet: Vec<Piece>,
    are_whole: bool,
}

#[derive(Default)]
pub struct Found {
    /// Those with whole words first, then the newest.
    pub hits: Vec<Hit>,
    /// Where the next page begins, if there may be more.
    pub next: Option<i64>,
}

impl SearchIndex {
    /// A page of an owner's messages; `before`: the `next` of the page before it.
    ///
    /// Errors: `Unavailable` where the index cannot be read.
    pub fn find(&self, owner: &ContainerId, query: &Query, limit: usize, before: Option<i64>) -> Result<Found> {
        let mut asking = self.asking();
        if !self.path.exists() {
            *asking = None;
            return Ok(Found::default()); // it is about to be made
        }
        let conn = match asking.take() {
            Some(conn) => conn,
            None => open::reader(&self.path).map_err(not_there)?,
        };
        let found = self.look(&conn, owner, query, limit, before);
        // What failed may be an index that was made anew: it is opened again.
        if found.is_ok() {
            *asking = Some(conn);
        }
        found.map_err(not_there)
    }

    fn look(
        &self,
        conn: &Connection,
        container: &ContainerId,
        query: &Query,
        limit: usize,
        before: Option<i64>,
    ) -> Result<Found> {
        let mut found = Found::default();
        if !is_ours(conn)? {
            return Ok(found);
        }
        let deadline = Instant::now() + TIME;
        let sql = "SELECT owner FROM owners WHERE containerId = ?1";
        let owner = rows::first(conn, sql, [container.as_str()], |row| row.get::<_, i64>(0))?;
        let newest: Option<i64> = rows::value(conn, "SELECT max(doc) FROM docs", [])?;
        let (Some(owner), Some(newest)) = (owner, newest) else { return Ok(found) };
        let mut before = before.map_or(newest + 1, |before| before.clamp(0, newest + 1));
        let wanted = format!("\"{}\" AND {}", owner_word(owner), query.as_fts());
        let newest = table_of(before);
        for table in tables(conn)?.into_iter().filter(|table| *table <= newest) {
            loop {
                let docs = matching(conn, table, &wanted, before, limit)?;
                for (doc, id) in &docs {
                    before = *doc;
                    found.hits.extend(self.hit(container, query, id)?);
                    if found.hits.len() == limit || Instant::now() >= deadline {
                        return Ok(Found { next: Some(before), ..in_order(found) });
                    }
                }
                if docs.len() < limit {
                    break;
                }
            }
        }
        Ok(in_order(found))
    }

    /// The message as it is stored now, if it still is the owner's and still matches.
    fn hit(&self, container: &ContainerId, query: &Query, id: &str) -> Result<Option<Hit>> {
        let Some(message) = self.store.searchable(container, id)? else { return Ok(None) };
        let Some(matches) = query.matches(&message.text) else { return Ok(None) };
        let snippet = snippet(&message.text, &matches.places);
        Ok(Some(Hit { message, snippet, are_whole: matches.are_whole }))
    }
}

fn in_order(mut found: Found) -> Found {
    found.hits.sort_by_key(|hit| (!hit.are_whole, Reverse(hit.message.timestamp)));
    found
}

/// The numbers of the full-text tables, newest first.
fn tables(conn: &Connection) -> Result<Vec<i64>> {
    let sql = "SELECT CAST(substr(name, 6) AS INTEGER) FROM sqlite_schema \
               WHERE type = 'table' AND name GLOB 'text_[0-9]*' AND sql LIKE 'CREATE VIRTUAL%' ORDER BY 1 DESC";
    rows::all(conn, sql, [], |row| row.get(0))
}

fn matching(conn: &Connection, table: i64, wanted: &str, before: i64, limit: usize) -> Result<Vec<(i64, String)>> {
    let sql = format!(
        "SELECT text_{table}.rowid, docs.messageId FROM text_{table} JOIN docs ON docs.doc = text_{table}.rowid \
         WHERE text_{table} MATCH ?1 AND text_{table}.rowid < ?2 ORDER BY text_{table}.rowid DESC LIMIT ?3"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    rows::all(conn, &sql, params![wanted, before, limit], |row| Ok((row.get(0)?, row.get(1)?)))
}

fn not_there(error: Error) -> Error {
    if matches!(error.code, Code::DATABASE_BUSY) {
        return error;
    }
    Error::unavailable("search_unavailable", "The search index cannot be read; search again in a moment")
        .retry_after(Duration::from_secs(2))
        .source(error.with_cause())
}
