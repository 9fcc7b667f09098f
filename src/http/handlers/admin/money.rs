//! Budgets and prices.

use serde::{Deserialize, Serialize};

use crate::domain::budget::{Budget, Measure, Period};
use crate::domain::price::Price;
use crate::domain::user::{Actor, Admin, User};
use crate::domain::{Error, Result, clock};
use crate::http::context::Context;
use crate::http::handlers::auth::SuccessView;
use crate::http::handlers::usage::BudgetView;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::usage::ListedPrice;

/// A limit of null: no limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetBody {
    limit: Option<u64>,
    measure: Option<String>,
    period: Option<String>,
}

#[derive(Serialize)]
struct BudgetsView<'a> {
    budgets: Vec<BudgetRowView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BudgetRowView<'a> {
    /// Null: all who have none of their own.
    user_id: Option<&'a str>,
    username: Option<&'a str>,
    /// Null: no limit.
    limit: Option<u64>,
    measure: Option<&'static str>,
    period: Option<&'static str>,
    /// Of a user with a limit.
    state: Option<BudgetView>,
}

#[derive(Serialize)]
struct OneBudgetView {
    budget: Option<BudgetView>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PriceBody {
    provider: String,
    model: String,
    valid_from: Option<i64>,
    above_tokens: Option<u64>,
    input_micros: u64,
    output_micros: u64,
    cache_read_micros: Option<u64>,
    cache_write_micros: Option<u64>,
    /// For longer prompts. With them, also an empty list, all that was set for that time is replaced.
    bands: Option<Vec<BandBody>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BandBody {
    above_tokens: u64,
    input_micros: u64,
    output_micros: u64,
    cache_read_micros: Option<u64>,
    cache_write_micros: Option<u64>,
}

#[derive(Serialize)]
struct PricesView<'a> {
    prices: Vec<PriceView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PriceView<'a> {
    provider: &'a str,
    model: &'a str,
    valid_from: i64,
    above_tokens: u64,
    input_micros: u64,
    output_micros: u64,
    cache_read_micros: Option<u64>,
    cache_write_micros: Option<u64>,
    /// Null: set here.
    source: Option<&'static str>,
}

impl BandBody {
    /// The same model and time, for longer prompts.
    fn of(&self, price: &Price) -> Price {
        Price {
            above: self.above_tokens,
            input: self.input_micros,
            output: self.output_micros,
            cache_read: self.cache_read_micros,
            cache_write: self.cache_write_micros,
            ..price.clone()
        }
    }
}

impl<'a> From<&'a ListedPrice> for PriceView<'a> {
    fn from(ListedPrice { price, source }: &'a ListedPrice) -> Self {
        Self {
            provider: &price.provider,
            model: &price.model,
            valid_from: price.valid_from,
            above_tokens: price.above,
            input_micros: price.input,
            output_micros: price.output,
            cache_read_micros: price.cache_read,
            cache_write_micros: price.cache_write,
            source: *source,
        }
    }
}

pub(crate) fn budgets(context: &Context, admin: &Admin, _req: &Request) -> HandlerResult {
    let rows = context.services.usage.budgets(Actor::Admin(admin))?;
    let budgets = rows.iter().map(|row| BudgetRowView {
        user_id: row.user.as_ref().map(|user| user.as_str()),
        username: row.username.as_deref(),
        limit: row.budget.map(|budget| budget.limit),
        measure: row.budget.map(|budget| budget.measure.as_str()),
        period: row.budget.map(|budget| budget.period.as_str()),
        state: row.state.as_ref().map(BudgetView::from),
    });
    Ok(Response::json(200, &BudgetsView { budgets: budgets.collect() }))
}

pub(crate) fn set_user_budget(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let user = context.services.users.by_id(Actor::Admin(admin), req.param("id")?)?;
    context.services.usage.set_budget(Actor::Admin(admin), Some(&user), budget(&req.json()?)?)?;
    one_budget(context, admin, &user)
}

/// From then on the default counts.
pub(crate) fn clear_user_budget(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let user = context.services.users.by_id(Actor::Admin(admin), req.param("id")?)?;
    context.services.usage.clear_budget(Actor::Admin(admin), Some(&user))?;
    one_budget(context, admin, &user)
}

pub(crate) fn set_default_budget(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    context.services.usage.set_budget(Actor::Admin(admin), None, budget(&req.json()?)?)?;
    Ok(Response::json(200, &SuccessView { success: true }))
}

pub(crate) fn clear_default_budget(context: &Context, admin: &Admin, _req: &Request) -> HandlerResult {
    context.services.usage.clear_budget(Actor::Admin(admin), None)?;
    Ok(Response::json(200, &SuccessView { success: true }))
}

pub(crate) fn prices(context: &Context, admin: &Admin, _req: &Request) -> HandlerResult {
    let prices = context.services.usage.prices(Actor::Admin(admin))?;
    Ok(Response::json(200, &PricesView { prices: prices.iter().map(PriceView::from).collect() }))
}

pub(crate) fn set_price(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let body: PriceBody = req.json()?;
    let price = Price {
        provider: body.provider,
        model: body.model,
        valid_from: body.valid_from.unwrap_or_else(clock::now_ms),
        above: body.above_tokens.unwrap_or(0),
        input: body.input_micros,
        output: body.output_micros,
        cache_read: body.cache_read_micros,
        cache_write: body.cache_write_micros,
    };
    let usage = &context.services.usage;
    match body.bands {
        None => usage.set_price(Actor::Admin(admin), price)?,
        Some(bands) => {
            let longer: Vec<Price> = bands.iter().map(|band| band.of(&price)).collect();
            usage.set_bands(Actor::Admin(admin), [vec![price], longer].concat())?;
        }
    }
    Ok(Response::json(200, &SuccessView { success: true }))
}

/// Back to the shipped prices of `?provider=&model=`.
pub(crate) fn clear_prices(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let named = |name: &str| req.query_value(name).unwrap_or_default();
    context.services.usage.clear_prices(Actor::Admin(admin), &named("provider"), &named("model"))?;
    Ok(Response::json(200, &SuccessView { success: true }))
}

fn one_budget(context: &Context, admin: &Admin, user: &User) -> HandlerResult {
    let state = context.services.usage.budget(Actor::Admin(admin), user)?;
    Ok(Response::json(200, &OneBudgetView { budget: state.as_ref().map(BudgetView::from) }))
}

fn budget(body: &BudgetBody) -> Result<Option<Budget>> {
    let Some(limit) = body.limit else { return Ok(None) };
    let measure = body.measure.as_deref().and_then(Measure::from_text);
    let period = body.period.as_deref().and_then(Period::from_text);
    match (measure, period) {
        (Some(measure), Some(period)) => Ok(Some(Budget { measure, limit, period })),
        _ => Err(Error::invalid("invalid_budget", "measure must be money or tokens, and period day or month")),
    }
}
