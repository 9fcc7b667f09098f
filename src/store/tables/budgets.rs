//! Budgets in `portagent.db`: one a user, and one for all who have none of their own.

use rusqlite::{Connection, Row, params};

use super::usage::{self, Range, int};
use crate::domain::budget::{Budget, BudgetState, Measure, Period, ledger_time};
use crate::domain::id::UserId;
use crate::domain::{Result, clock};
use crate::store::engine::Store;
use crate::store::sqlite::rows;

/// The row of all who have none of their own.
const DEFAULT: &str = "*";

/// What was set for a user, or for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetRow {
    /// `None`: for all who have none of their own.
    pub user: Option<UserId>,
    pub username: Option<String>,
    /// `None`: no limit.
    pub budget: Option<Budget>,
    /// Of a user with a limit.
    pub state: Option<BudgetState>,
}

impl Store {
    /// The default first, then users by name.
    pub fn budgets(&self) -> Result<Vec<BudgetRow>> {
        let sql = "SELECT budgets.userId, username, measure, limitAmount, period FROM budgets \
                   LEFT JOIN users ON users.userId = budgets.userId ORDER BY budgets.userId <> '*', username";
        self.accounts.read(|conn| {
            let mut found: Vec<BudgetRow> = rows::all(conn, sql, [], |row| {
                let id: String = row.get(0)?;
                let user = (id != DEFAULT).then(|| UserId::from(id));
                Ok(BudgetRow { user, username: row.get(1)?, budget: budget(row, 2)?, state: None })
            })?;
            let at = ledger_time(clock::now_ms(), usage::newest(conn)?);
            for row in &mut found {
                row.state = row.user.as_ref().map(|user| state(conn, user, at)).transpose()?.flatten();
            }
            Ok(found)
        })
    }

    /// The budget that counts for a user now; `None`: no limit.
    pub fn budget_state(&self, user: &UserId) -> Result<Option<BudgetState>> {
        self.accounts.read(|conn| state(conn, user, ledger_time(clock::now_ms(), usage::newest(conn)?)))
    }

    /// For a user, or with `None` for all who have none of their own. `None` as the budget: no limit.
    pub fn set_budget(&self, user: Option<&UserId>, budget: Option<Budget>) -> Result<()> {
        let id = key(user);
        self.accounts.write(move |conn| {
            let limit = budget.map_or(0, |budget| int(budget.limit));
            let measure = budget.map(|budget| budget.measure.as_str());
            let period = budget.map_or(Period::Month, |budget| budget.period).as_str();
            let sql = "INSERT OR REPLACE INTO budgets (userId, measure, limitAmount, period, updatedAt) \
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            rows::change(conn, sql, params![id, measure, limit, period, clock::now_ms()]).map(drop)
        })
    }

    /// From then on the default counts for a user, or none for all. Returns whether there was one.
    pub fn clear_budget(&self, user: Option<&UserId>) -> Result<bool> {
        let id = key(user);
        self.accounts.write(move |conn| Ok(rows::change(conn, "DELETE FROM budgets WHERE userId = ?1", [id])? > 0))
    }
}

fn key(user: Option<&UserId>) -> String {
    user.map_or(DEFAULT, UserId::as_str).to_owned()
}

/// The budget that counts for a user at a moment, and how much of it is used.
pub(super) fn state(conn: &Connection, user: &UserId, at: i64) -> Result<Option<BudgetState>> {
    let sql = "SELECT measure, limitAmount, period, userId = '*' FROM budgets WHERE userId IN (?1, '*') \
               ORDER BY userId = '*' LIMIT 1";
    let found = rows::first(conn, sql, [user], |row| Ok((budget(row, 0)?, row.get::<_, bool>(3)?)))?;
    let Some((Some(budget), is_default)) = found else { return Ok(None) };
    let (began_at, renews_at) = budget.period.around(at);
    let used = usage::used(conn, user, budget.measure, Range { from: began_at, to: renews_at })?;
    Ok(Some(BudgetState { budget, used, began_at, renews_at, is_default }))
}

/// A measure that is none was written by hand: it limits nothing.
fn budget(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Budget>> {
    let measure = row.get::<_, Option<String>>(first)?.as_deref().and_then(Measure::from_text);
    let limit = u64::try_from(row.get::<_, i64>(first + 1)?).unwrap_or(0);
    let period = Period::from_text(&row.get::<_, String>(first + 2)?).unwrap_or(Period::Month);
    Ok(measure.map(|measure| Budget { measure, limit, period }))
}
