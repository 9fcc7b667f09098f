//! What models cost: every request to a provider is in the ledger, is paid for by its user's budget, and shows in the
//! views of usage.

pub mod book;
mod charge;
mod estimate;
mod prices;
mod totals;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use book::{ListedPrice, UsageBook, UsageReport};
pub use charge::{Asking, Charge};
pub use totals::Total;

use crate::domain::Result;
use crate::domain::budget::{BudgetState, Measure, Period};
use crate::domain::price::cost;
use crate::domain::{Error, Kind, money};
use crate::store::{Outcome, Settlement, Store};
use crate::telemetry::timestamp;
use totals::Totals;

/// Settlements that wait for a database that takes nothing. What does not fit stays open until the next start.
const WAITING: usize = 1024;

/// The one of a server.
pub struct Ledger {
    store: Arc<Store>,
    waiting: Mutex<Vec<Settlement>>,
    totals: Totals,
}

impl Ledger {
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, waiting: Mutex::default(), totals: Totals::default() }
    }

    /// Settles what a crash has left open, by what was reserved for the prompt and what had come of the answer. To be
    /// called before turns are closed, and before anything is asked. Returns how many requests there were.
    pub fn settle_lost(&self) -> Result<usize> {
        let open = self.store.open_requests()?;
        for request in &open {
            let bytes = request.turn.as_ref().map_or(Ok(0), |turn| self.store.unfinished_bytes(turn))?;
            let mut tokens = request.tokens;
            tokens.output = estimate::of_bytes(bytes);
            let prices = prices::of(&self.store, None, &request.provider, &request.model)?;
            let cost = cost(&prices, request.at, &tokens);
            let settled = Settlement { row: request.row, outcome: Outcome::Lost, tokens, cost, is_estimated: true };
            self.store.settle_request(settled)?;
        }
        Ok(open.len())
    }

    /// Stores settlements that could not be stored when they were due.
    pub fn settle_waiting(&self) {
        let waiting = std::mem::take(&mut *self.waiting());
        for (at, settled) in waiting.iter().enumerate() {
            if self.store.settle_request(*settled).is_err() {
                self.waiting().extend_from_slice(&waiting[at..]);
                return;
            }
        }
    }

    /// Since the start, by provider and model.
    pub fn totals(&self) -> Vec<Total> {
        self.totals.all()
    }

    /// Returns the budget, where its owner is to be told about it.
    fn settle(&self, settled: Settlement) -> Option<BudgetState> {
        match self.store.settle_request(settled) {
            Ok(notice) => notice,
            Err(error) => {
                log::warn!(target: "ledger", "a request could not be settled yet: {}", error.with_cause());
                let mut waiting = self.waiting();
                if waiting.len() < WAITING {
                    waiting.push(settled);
                }
                None
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Settlement>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a person reads whose budget is used up.
fn exceeded(state: &BudgetState) -> Error {
    let period = match state.budget.period {
        Period::Day => "day",
        Period::Month => "month",
    };
    let limit = match state.budget.measure {
        Measure::Money => format!("{} US$", money::show(state.budget.limit)),
        Measure::Tokens => format!("{} tokens", state.budget.limit),
    };
    let renews = timestamp::minute(state.renews_at);
    let message = format!("Your budget of {limit} a {period} is used up; it renews at {renews}");
    Error::new(Kind::RateLimited, "budget_exceeded", message).hint("Ask your administrator for a larger budget")
}
