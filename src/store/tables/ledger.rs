//! The ledger in `portagent.db`: one row for each request to a provider, reserved before it is sent and settled when it
//! is over. A budget is checked in the transaction that reserves, so that neither two tabs nor a restart get past it.

use rusqlite::{Connection, Row, named_params, params};

use super::budgets;
use super::usage::{int, newest, tokens};
use crate::domain::budget::{BudgetState, ledger_time};
use crate::domain::id::{ContainerId, TurnId, UserId};
use crate::domain::message::Usage;
use crate::domain::{Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// A request that is about to be sent.
#[derive(Debug, Clone)]
pub struct Reservation {
    pub owner: ContainerId,
    pub turn: TurnId,
    pub provider: String,
    pub model: String,
    pub tokens: Usage,
    pub cost: Option<u64>,
    /// It is the repetition of one that failed: the budget was checked.
    pub is_repetition: bool,
}

pub enum Reserved {
    /// The row.
    Open(i64),
    Refused(BudgetState),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    Aborted,
    Failed,
    /// The server ended while it ran.
    Lost,
}

/// What became of a request.
#[derive(Debug, Clone, Copy)]
pub struct Settlement {
    pub row: i64,
    pub outcome: Outcome,
    pub tokens: Usage,
    pub cost: Option<u64>,
    pub is_estimated: bool,
}

/// A request that a crash has left open, with what was reserved for it.
pub struct OpenRequest {
    pub row: i64,
    pub turn: Option<TurnId>,
    pub provider: String,
    pub model: String,
    pub at: i64,
    pub tokens: Usage,
}

/// A request as it is kept.
#[derive(Debug)]
pub struct Request {
    pub row: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    pub turn: Option<TurnId>,
    pub provider: String,
    pub model: String,
    pub outcome: String,
    pub tokens: Usage,
    /// Millionths of a US dollar.
    pub cost: Option<i64>,
    pub is_estimated: bool,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

impl Store {
    /// Opens a row for a request, unless the owner's budget is used up.
    pub fn reserve_request(&self, new: Reservation) -> Result<Reserved> {
        self.accounts.write(move |conn| {
            let user = user_of(conn, &new.owner)?;
            let at = ledger_time(clock::now_ms(), newest(conn)?);
            if let (Some(user), false) = (&user, new.is_repetition)
                && let Some(state) = budgets::state(conn, user, at)?
                && state.is_exceeded()
            {
                return Ok(Reserved::Refused(state));
            }
            let Reservation { turn, provider, model, tokens, cost, .. } = new;
            rows::change(
                conn,
                "INSERT INTO ledger (at, userId, turnId, provider, model, outcome, inputTokens, outputTokens, \
                 cacheReadTokens, cacheWriteTokens, costMicros, isEstimated) VALUES (:at, :user, :turn, :provider, \
                 :model, 'open', :input, :output, :read, :write, :cost, 1)",
                named_params! {
                    ":at": at, ":user": user, ":turn": turn, ":provider": provider, ":model": model,
                    ":input": int(tokens.input), ":output": int(tokens.output), ":read": int(tokens.cache_read),
                    ":write": int(tokens.cache_creation), ":cost": cost.map(int),
                },
            )?;
            Ok(Reserved::Open(conn.last_insert_rowid()))
        })
    }

    /// Replaces a reservation by what was used. Returns the owner's budget where it is nearly or wholly used, and they
    /// were not told yet in this period.
    pub fn settle_request(&self, settled: Settlement) -> Result<Option<BudgetState>> {
        self.accounts.write(move |conn| {
            let Settlement { row, outcome, tokens, cost, is_estimated } = settled;
            let changed = rows::change(
                conn,
                "UPDATE ledger SET outcome = :outcome, inputTokens = :input, outputTokens = :output, \
                 cacheReadTokens = :read, cacheWriteTokens = :write, costMicros = :cost, isEstimated = :estimated \
                 WHERE requestId = :row AND outcome = 'open'",
                named_params! {
                    ":row": row, ":outcome": outcome.as_str(), ":input": int(tokens.input),
                    ":output": int(tokens.output), ":read": int(tokens.cache_read),
                    ":write": int(tokens.cache_creation), ":cost": cost.map(int), ":estimated": is_estimated,
                },
            )?;
            if changed == 0 { Ok(None) } else { notice(conn, row) }
        })
    }

    /// Removes the reservation of a request that was never sent.
    pub fn release_request(&self, row: i64) -> Result<()> {
        let sql = "DELETE FROM ledger WHERE requestId = ?1 AND outcome = 'open'";
        self.accounts.write(move |conn| rows::change(conn, sql, [row]).map(drop))
    }

    /// What is open, oldest first: for the one server of a data directory before it asks anything.
    pub fn open_requests(&self) -> Result<Vec<OpenRequest>> {
        let sql = "SELECT requestId, turnId, provider, model, at, inputTokens, outputTokens, cacheReadTokens, \
                   cacheWriteTokens FROM ledger WHERE outcome = 'open' ORDER BY requestId";
        let read = |row: &Row<'_>| {
            Ok(OpenRequest {
                row: row.get(0)?,
                turn: row.get(1)?,
                provider: row.get(2)?,
                model: row.get(3)?,
                at: row.get(4)?,
                tokens: tokens(row, 5)?,
            })
        };
        self.accounts.read(|conn| rows::all(conn, sql, [], read))
    }

    /// A person's requests behind a row, oldest first.
    pub fn requests_of(&self, user: &UserId, after: i64, limit: usize) -> Result<Vec<Request>> {
        let sql = "SELECT requestId, at, turnId, provider, model, outcome, inputTokens, outputTokens, cacheReadTokens, \
                   cacheWriteTokens, costMicros, isEstimated FROM ledger WHERE userId = ?1 AND requestId > ?2 \
                   ORDER BY requestId LIMIT ?3";
        let read = |row: &Row<'_>| {
            Ok(Request {
                row: row.get(0)?,
                at: row.get(1)?,
                turn: row.get(2)?,
                provider: row.get(3)?,
                model: row.get(4)?,
                outcome: row.get(5)?,
                tokens: tokens(row, 6)?,
                cost: row.get(10)?,
                is_estimated: row.get(11)?,
            })
        };
        self.accounts.read(|conn| rows::all(conn, sql, params![user, after, int(limit as u64)], read))
    }

    /// Bytes of what a turn was still writing when it was cut off.
    pub fn unfinished_bytes(&self, turn: &TurnId) -> Result<u64> {
        let sql = "SELECT coalesce(sum(octet_length(content)), 0) FROM messages \
                   WHERE turnId = ?1 AND role = 'assistant' AND status = 'streaming'";
        self.agent.read(|conn| rows::count(conn, sql, [turn]))
    }
}

fn user_of(conn: &Connection, owner: &ContainerId) -> Result<Option<UserId>> {
    rows::first(conn, "SELECT userId FROM users WHERE containerId = ?1", [owner], |row| row.get(0))
}

/// Tells once for each period and limit.
fn notice(conn: &Connection, row: i64) -> Result<Option<BudgetState>> {
    let sql = "SELECT userId, at FROM ledger WHERE requestId = ?1 AND userId IS NOT NULL";
    let found: Option<(UserId, i64)> = rows::first(conn, sql, [row], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((user, at)) = found else { return Ok(None) };
    let Some(state) = budgets::state(conn, &user, at)?.filter(BudgetState::is_near) else { return Ok(None) };
    let is_new = rows::change(
        conn,
        "INSERT INTO budget_notices (userId, beganAt, limitAmount) VALUES (?1, ?2, ?3) ON CONFLICT (userId) DO UPDATE \
         SET beganAt = excluded.beganAt, limitAmount = excluded.limitAmount \
         WHERE beganAt <> excluded.beganAt OR limitAmount <> excluded.limitAmount",
        params![user, state.began_at, int(state.budget.limit)],
    )?;
    Ok((is_new > 0).then_some(state))
}
