//! One question to a provider, and the requests that it takes: each has a row in the ledger, reserved before it is sent
//! and settled when it is over.

use super::{Ledger, estimate, exceeded, prices};
use crate::domain::budget::BudgetState;
use crate::domain::id::{ContainerId, TurnId};
use crate::domain::message::Usage;
use crate::domain::price::{Price, cost};
use crate::domain::vendor::Kind;
use crate::domain::{Result, clock};
use crate::llm::{Answer, Cancel, Delta, Prompt};
use crate::store::{Outcome, Reservation, Reserved, Settlement};

/// Who asks, and whom.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub owner: &'a ContainerId,
    pub turn: &'a TurnId,
    pub provider: &'a str,
    pub kind: Kind,
    /// The model is one that the provider lists: it may be a label of the metrics.
    pub is_listed: bool,
    pub cancel: &'a Cancel,
}

pub struct Charge<'a> {
    ledger: &'a Ledger,
    asking: Asking<'a>,
    model: &'a str,
    prices: Vec<Price>,
    reserved: Usage,
    /// The row of the request that runs, or may follow.
    open: Option<i64>,
    /// A request that was answered with 200 and is over.
    ended: Option<Ended>,
    notice: Option<BudgetState>,
}

struct Ended {
    usage: Usage,
    cost: Option<u64>,
    /// What came, in tokens as we count them.
    came: u64,
}

impl Ledger {
    /// Reserves what a question may take.
    ///
    /// Errors: `RateLimited` (`budget_exceeded`) when the owner's budget is used up; those of the database.
    pub fn begin<'a>(&'a self, asking: Asking<'a>, prompt: &Prompt<'a>) -> Result<Charge<'a>> {
        let prices = prices::of(&self.store, Some(asking.kind), asking.provider, prompt.model)?;
        let reserved = estimate::of_prompt(prompt);
        let mut charge = Charge {
            ledger: self,
            asking,
            model: prompt.model,
            prices,
            reserved,
            open: None,
            ended: None,
            notice: None,
        };
        match charge.reserve(false)? {
            Reserved::Open(row) => charge.open = Some(row),
            Reserved::Refused(state) => return Err(exceeded(&state)),
        }
        Ok(charge)
    }
}

impl Charge<'_> {
    /// Hears of every step of the answer.
    pub fn note(&mut self, delta: &Delta<'_>, answer: &Answer) {
        match delta {
            Delta::RequestEnd { status: 200 } => {
                let came = estimate::of_parts(&answer.parts);
                self.ended = Some(Ended { usage: answer.usage, cost: answer.cost, came });
            }
            Delta::RequestEnd { status } => {
                // A request that we cut off before its head came has been sent all the same.
                if *status == 0 && self.asking.cancel.is_cancelled() {
                    self.ended = Some(Ended { usage: Usage::default(), cost: None, came: 0 });
                } else {
                    self.settle(Outcome::Failed, answer.usage, answer.cost, false);
                    self.repeat();
                }
            }
            Delta::Waiting { .. } => {
                if let Some(ended) = self.ended.take() {
                    self.cut_off(&ended);
                }
                self.repeat();
            }
            _ => {}
        }
    }

    /// Settles what is left. Returns the owner's budget where they are to be told about it.
    pub fn finish(mut self, is_answered: bool) -> Option<BudgetState> {
        match self.ended.take() {
            Some(ended) if is_answered => self.answered(&ended),
            Some(ended) => self.cut_off(&ended),
            None => {}
        }
        self.notice.take()
    }

    /// A provider that counts is believed.
    fn answered(&mut self, ended: &Ended) {
        let Ended { usage, cost, came } = *ended;
        if usage == Usage::default() {
            let guess = Usage { input: self.reserved.input, output: came, ..usage };
            self.settle(Outcome::Answered, guess, cost, true);
        } else {
            self.settle(Outcome::Answered, usage, cost, false);
        }
    }

    /// What a provider says last of an answer, it may not have said.
    fn cut_off(&mut self, ended: &Ended) {
        let Ended { mut usage, cost, came } = *ended;
        if usage.total_input() == 0 {
            usage.input = self.reserved.input;
        }
        usage.output = usage.output.max(came);
        self.settle(Outcome::Aborted, usage, cost, true);
    }

    fn settle(&mut self, outcome: Outcome, tokens: Usage, told: Option<u64>, is_estimated: bool) {
        let cost = told.or_else(|| cost(&self.prices, clock::now_ms(), &tokens));
        self.ledger.totals.add(&self.asking, self.model, &tokens, cost);
        if self.open.is_none() {
            self.repeat();
        }
        if let Some(row) = self.open.take() {
            let settled = Settlement { row, outcome, tokens, cost, is_estimated };
            self.notice = self.ledger.settle(settled).or(self.notice.take());
        }
    }

    /// The provider is asked again, or may be: the budget was checked for the question.
    fn repeat(&mut self) {
        if self.open.is_none() {
            match self.reserve(true) {
                Ok(Reserved::Open(row)) => self.open = Some(row),
                Ok(Reserved::Refused(_)) => {}
                Err(error) => log::warn!(target: "ledger", "a request is not in the ledger: {}", error.with_cause()),
            }
        }
    }

    fn reserve(&self, is_repetition: bool) -> Result<Reserved> {
        self.ledger.store.reserve_request(Reservation {
            owner: self.asking.owner.clone(),
            turn: self.asking.turn.clone(),
            provider: self.asking.provider.to_owned(),
            model: self.model.to_owned(),
            tokens: self.reserved,
            cost: cost(&self.prices, clock::now_ms(), &self.reserved),
            is_repetition,
        })
    }
}

/// What was reserved and never sent is given back.
impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if let Some(row) = self.open.take()
            && let Err(error) = self.ledger.store.release_request(row)
        {
            log::warn!(target: "ledger", "a reservation was not given back: {}", error.with_cause());
        }
    }
}
