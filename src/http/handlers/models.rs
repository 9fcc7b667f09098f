//! The models that a conversation can use, and what administrators say about them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::user::{Actor, Admin, Caller, Role};
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::models::{Offer, Policy, PolicyChange};

#[derive(Serialize)]
struct ModelsView {
    models: Vec<Offer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyView<'a> {
    default: Option<&'a str>,
    /// `null`: people see all.
    allowed: Option<&'a [String]>,
    /// What models are loaded with, in tokens.
    contexts: &'a BTreeMap<String, u64>,
    /// The providers whose models have that.
    take_context: Vec<String>,
}

/// An absent field is left alone, `null` clears it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyBody {
    #[serde(default, deserialize_with = "present")]
    default: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    allowed: Option<Option<Vec<String>>>,
    context: Option<ContextBody>,
}

/// Of one model; `null`: as its server decides.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContextBody {
    model: String,
    tokens: Option<u64>,
}

/// `?refresh=1` of an administrator asks the providers again.
pub(crate) fn list(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let models = &context.services.models;
    if caller.user.role == Role::Admin && req.query_value("refresh").is_some() {
        models.refresh();
    }
    Ok(Response::json(200, &ModelsView { models: models.offers(caller)? }))
}

pub(crate) fn policy(context: &Context, admin: &Admin, _req: &Request) -> HandlerResult {
    view(context, &context.services.models.policy(Actor::Admin(admin))?)
}

pub(crate) fn set_policy(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let body: PolicyBody = req.json()?;
    let one = body.context.map(|ContextBody { model, tokens }| (model, tokens));
    let change = PolicyChange { default: body.default, allowed: body.allowed, context: one };
    view(context, &context.services.models.set_policy(Actor::Admin(admin), change)?)
}

fn view(context: &Context, policy: &Policy) -> HandlerResult {
    let view = PolicyView {
        default: policy.default.as_deref(),
        allowed: policy.allowed.as_deref(),
        contexts: &policy.contexts,
        take_context: context.services.models.take_context()?,
    };
    Ok(Response::json(200, &view))
}

fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}
