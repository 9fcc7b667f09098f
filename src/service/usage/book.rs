//! Usage, budgets and prices as people look at them and administrators set them: in the page, or from the command line.

use std::sync::Arc;

use super::prices;
use crate::domain::budget::{Budget, BudgetState};
use crate::domain::price::Price;
use crate::domain::user::{Actor, Caller, User};
use crate::domain::{Error, Result, limits, money};
use crate::service::audit::record;
use crate::store::{BudgetRow, Group, GroupBy, Range, Store, Sums};

/// The most that a budget or a price can be: what the database's integers hold, with room for sums.
const MOST: u64 = 1_000_000_000_000_000;
/// Bands of one price.
const BANDS: usize = 8;

pub struct UsageBook {
    store: Arc<Store>,
}

/// What was used within a time.
#[derive(Debug)]
pub struct UsageReport {
    pub range: Range,
    pub total: Sums,
    pub groups: Vec<Group>,
}

/// A price, and where it is from.
#[derive(Debug)]
pub struct ListedPrice {
    pub price: Price,
    /// `None`: set here.
    pub source: Option<&'static str>,
}

impl UsageBook {
    pub fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// One's own, and the budget that counts.
    pub fn own(&self, caller: &Caller, range: Range, by: GroupBy) -> Result<(UsageReport, Option<BudgetState>)> {
        let user = &caller.user.id;
        let total = self.store.usage_sums(Some(user), range)?;
        let groups = self.store.usage_groups(Some(user), range, by)?;
        Ok((UsageReport { range, total, groups }, self.store.budget_state(user)?))
    }

    pub fn all(&self, _by: Actor<'_>, range: Range, by: GroupBy) -> Result<UsageReport> {
        let total = self.store.usage_sums(None, range)?;
        Ok(UsageReport { range, total, groups: self.store.usage_groups(None, range, by)? })
    }

    pub fn budgets(&self, _by: Actor<'_>) -> Result<Vec<BudgetRow>> {
        self.store.budgets()
    }

    /// The budget that counts for a user now.
    pub fn budget(&self, _by: Actor<'_>, user: &User) -> Result<Option<BudgetState>> {
        self.store.budget_state(&user.id)
    }

    /// Sets a user's budget, or with `None` that of all who have none of their own. `None` as the budget: no limit.
    ///
    /// Errors: `Invalid` for a limit out of bounds.
    pub fn set_budget(&self, by: Actor<'_>, user: Option<&User>, budget: Option<Budget>) -> Result<()> {
        if budget.is_some_and(|budget| budget.limit > MOST) {
            return Err(Error::invalid("invalid_budget", format!("a budget is at most {MOST}")));
        }
        self.store.set_budget(user.map(|user| &user.id), budget)?;
        record("budget.set", by, on(user));
        Ok(())
    }

    /// Returns whether there was one.
    pub fn clear_budget(&self, by: Actor<'_>, user: Option<&User>) -> Result<bool> {
        let was_there = self.store.clear_budget(user.map(|user| &user.id))?;
        record("budget.clear", by, on(user));
        Ok(was_there)
    }

    /// Those that are set, and the shipped ones that no set one replaces.
    pub fn prices(&self, _by: Actor<'_>) -> Result<Vec<ListedPrice>> {
        let set = self.store.prices()?;
        let is_set =
            |price: &Price| set.iter().any(|one| (&one.provider, &one.model) == (&price.provider, &price.model));
        let shipped = prices::shipped().into_iter().filter(|price| !is_set(price));
        let shipped = shipped.map(|price| ListedPrice { price, source: Some(prices::SOURCE) });
        let mut all: Vec<ListedPrice> = shipped.collect();
        all.extend(set.into_iter().map(|price| ListedPrice { price, source: None }));
        Ok(all)
    }

    /// Errors: `Invalid` for a price or a name out of bounds.
    pub fn set_price(&self, by: Actor<'_>, price: Price) -> Result<()> {
        check(&price)?;
        let name = format!("price:{}/{}", price.provider, price.model);
        self.store.set_price(price)?;
        record("price.set", by, name);
        Ok(())
    }

    /// All bands of a model's price from a time on; the first is for all prompts. What was set for that time goes.
    ///
    /// Errors: `Invalid` for prices, bands or a name out of bounds.
    pub fn set_bands(&self, by: Actor<'_>, prices: Vec<Price>) -> Result<()> {
        prices.iter().try_for_each(check)?;
        let rises = prices.is_sorted_by(|one, next| one.above < next.above);
        let Some(first) = prices.first().filter(|first| rises && first.above == 0 && prices.len() <= BANDS) else {
            let message = format!("A price has at most {BANDS} bands, each for longer prompts than the one before");
            return Err(Error::invalid("invalid_price_bands", message));
        };
        let name = format!("price:{}/{}", first.provider, first.model);
        self.store.set_bands(prices)?;
        record("price.set", by, name);
        Ok(())
    }

    /// Goes back to the shipped prices of a model. Errors: `NotFound` where none was set.
    pub fn clear_prices(&self, by: Actor<'_>, provider: &str, model: &str) -> Result<()> {
        if self.store.clear_prices(provider, model)? == 0 {
            return Err(Error::not_found("Price"));
        }
        record("price.clear", by, format_args!("price:{provider}/{model}"));
        Ok(())
    }
}

/// Errors: `Invalid` for a price or a name out of bounds.
fn check(price: &Price) -> Result<()> {
    let amounts = [Some(price.input), Some(price.output), price.cache_read, price.cache_write, Some(price.above)];
    if amounts.into_iter().flatten().any(|amount| amount > MOST) {
        let message = format!("a price is at most {} US$ for a million tokens", money::show(MOST));
        return Err(Error::invalid("invalid_price", message));
    }
    let is_name = |name: &str| !name.is_empty() && name.chars().count() <= limits::MODEL_CHARS;
    if !is_name(&price.provider) || !is_name(&price.model) {
        return Err(Error::invalid("invalid_price", "a price is for provider/model"));
    }
    Ok(())
}

fn on(user: Option<&User>) -> String {
    user.map_or_else(|| "default".to_owned(), |user| format!("user:{}", user.id))
}
