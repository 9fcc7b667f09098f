//! The models that a conversation can use, and what administrators say about them.

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
struct PolicyView<'a> {
    default: Option<&'a str>,
    /// `null`: people see all.
    allowed: Option<&'a [String]>,
}

/// An absent field is left alone, `null` clears it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyBody {
    #[serde(default, deserialize_with = "present")]
    default: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    allowed: Option<Option<Vec<String>>>,
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
    Ok(view(&context.services.models.policy(Actor::Admin(admin))?))
}

pub(crate) fn set_policy(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let PolicyBody { default, allowed } = req.json()?;
    let change = PolicyChange { default, allowed };
    Ok(view(&context.services.models.set_policy(Actor::Admin(admin), change)?))
}

fn view(policy: &Policy) -> Response {
    Response::json(200, &PolicyView { default: policy.default.as_deref(), allowed: policy.allowed.as_deref() })
}

fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}
