//! The models that a conversation can use.

use serde::Serialize;

use crate::domain::user::Caller;
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

pub(crate) fn list(context: &Context, _caller: &Caller, _req: &Request) -> HandlerResult {
    let listed = context.services.turns.models()?;
    let models = listed.models.iter().map(|model| ModelView {
        id: &model.id,
        provider: &listed.provider,
        name: if model.name.is_empty() { &model.id } else { &model.name },
        is_default: model.id == listed.default,
        context_tokens: model.context_tokens,
        images: model.images,
        files: model.files,
        tools: model.tools,
        thinking: model.thinking,
        lifecycle: &model.lifecycle,
        retires_at: &model.retires_at,
    });
    let models = models.collect();
    Ok(Response::json(200, &ModelsView { models }))
}
