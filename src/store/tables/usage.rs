//! What the ledger in `portagent.db` adds up to: of a user, a model, a day.

use rusqlite::{Connection, Row, params};

use crate::domain::Result;
use crate::domain::budget::Measure;
use crate::domain::id::UserId;
use crate::domain::message::Usage;
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// Rows of one view.
const GROUPS: i64 = 1000;

const SUMS: &str = "count(*), coalesce(sum(inputTokens), 0), coalesce(sum(outputTokens), 0), \
                    coalesce(sum(cacheReadTokens), 0), coalesce(sum(cacheWriteTokens), 0), \
                    coalesce(sum(costMicros), 0), coalesce(sum(outcome <> 'failed' AND costMicros IS NULL), 0), \
                    coalesce(sum(outcome IN ('aborted', 'lost')), 0)";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    User,
    Model,
    Day,
}

/// From this moment, up to that one, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub from: i64,
    pub to: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    pub requests: u64,
    pub tokens: Usage,
    pub cost: u64,
    /// Requests that no price is known for.
    pub unpriced: u64,
    /// Requests that were cut off.
    pub aborted: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// userId, `provider/model`, or a day such as 2026-11-24; empty for accounts that were deleted.
    pub key: String,
    /// The username, where it is grouped by user.
    pub name: Option<String>,
    pub sums: Sums,
}

impl GroupBy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Model => "model",
            Self::Day => "day",
        }
    }

    pub fn from_text(text: &str) -> Option<Self> {
        [Self::User, Self::Model, Self::Day].into_iter().find(|by| by.as_str() == text)
    }
}

impl Store {
    /// Everything within a time, of one user or of all; requests that run count with what is reserved for them.
    pub fn usage_sums(&self, user: Option<&UserId>, range: Range) -> Result<Sums> {
        let sql = format!(
            "SELECT {SUMS} FROM ledger WHERE at >= ?1 AND at < ?2 {}",
            if user.is_some() { "AND userId = ?3" } else { "AND ?3 IS NULL" }
        );
        self.accounts.read(|conn| {
            Ok(conn.prepare_cached(&sql)?.query_row(params![range.from, range.to, user], |row| sums(row, 0))?)
        })
    }

    /// The same in groups: days from the oldest, the others by cost and tokens. At most 1000 of them.
    pub fn usage_groups(&self, user: Option<&UserId>, range: Range, by: GroupBy) -> Result<Vec<Group>> {
        let (key, name, order) = match by {
            GroupBy::User => (
                "coalesce(userId, '')",
                "(SELECT username FROM users WHERE users.userId = ledger.userId)",
                "8 DESC, 4 DESC",
            ),
            GroupBy::Model => ("provider || '/' || model", "NULL", "8 DESC, 4 DESC"),
            GroupBy::Day => ("date(at / 1000, 'unixepoch')", "NULL", "1"),
        };
        let sql = format!(
            "SELECT {key}, {name}, {SUMS} FROM ledger WHERE at >= ?1 AND at < ?2 {} GROUP BY 1 ORDER BY {order} LIMIT {GROUPS}",
            if user.is_some() { "AND userId = ?3" } else { "AND ?3 IS NULL" }
        );
        let read = |row: &Row<'_>| Ok(Group { key: row.get(0)?, name: row.get(1)?, sums: sums(row, 2)? });
        self.accounts.read(|conn| rows::all(conn, &sql, params![range.from, range.to, user], read))
    }
}

/// The newest moment in the ledger.
pub(super) fn newest(conn: &Connection) -> Result<Option<i64>> {
    rows::value(conn, "SELECT max(at) FROM ledger", [])
}

pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What a user has used and reserved within a time.
pub(super) fn used(conn: &Connection, user: &UserId, measure: Measure, range: Range) -> Result<u64> {
    let sql = match measure {
        Measure::Money => "SELECT coalesce(sum(costMicros), 0) FROM ledger WHERE userId = ?1 AND at >= ?2 AND at < ?3",
        Measure::Tokens => {
            "SELECT coalesce(sum(inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens), 0) FROM ledger \
             WHERE userId = ?1 AND at >= ?2 AND at < ?3"
        }
    };
    rows::count(conn, sql, params![user, range.from, range.to])
}

pub(super) fn tokens(row: &Row<'_>, first: usize) -> rusqlite::Result<Usage> {
    let count = |at| row.get::<_, i64>(at).map(|count| count.try_into().unwrap_or(0));
    Ok(Usage {
        input: count(first)?,
        output: count(first + 1)?,
        cache_read: count(first + 2)?,
        cache_creation: count(first + 3)?,
    })
}

fn sums(row: &Row<'_>, first: usize) -> rusqlite::Result<Sums> {
    let count = |at| row.get::<_, i64>(at).map(|count| count.try_into().unwrap_or(0));
    Ok(Sums {
        requests: count(first)?,
        tokens: tokens(row, first + 1)?,
        cost: count(first + 5)?,
        unpriced: count(first + 6)?,
        aborted: count(first + 7)?,
    })
}
