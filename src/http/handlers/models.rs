//! The models that a conversation can use.

use serde::Serialize;

use crate::domain::user::{Caller, Role};
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;

#[derive(Serialize)]
struct ModelsView<'a> {
    models: Vec<ModelView<'a>>,
}

/// What a provider does not say of a model is `null` or missing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelView<'a> {
    id: &'a str,
    provider: &'a str,
    name: &'a str,
    is_default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_tokens: Option<u64>,
    images: Option<bool>,
    files: Option<bool>,
    tools: Option<bool>,
    thinking: Option<bool>,
    #[serde(skip_serializing_if = "str::is_empty")]
    lifecycle: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    retires_at: &'a str,
}

/// `?refresh=1` of an administrator asks the providers again.
pub(crate) fn list(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    if caller.user.role == Role::Admin && req.query_value("refresh").is_some() {
        context.services.models.refresh();
    }
    let offers = context.services.models.offers()?;
    let models = offers.iter().map(|offer| ModelView {
        id: &offer.id,
        provider: &offer.provider,
        name: if offer.model.name.is_empty() { &offer.model.id } else { &offer.model.name },
        is_default: offer.is_default,
        context_tokens: offer.model.context_tokens,
        images: offer.model.images,
        files: offer.model.files,
        tools: offer.model.tools,
        thinking: offer.model.thinking,
        lifecycle: &offer.model.lifecycle,
        retires_at: &offer.model.retires_at,
    });
    let models = models.collect();
    Ok(Response::json(200, &ModelsView { models }))
}
