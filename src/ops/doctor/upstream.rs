//! The model's server: whether it can be reached, takes our key, and knows our model. Costs no tokens.

use serde::Deserialize;

use super::ModelServer;
use super::clock::Elsewhere;
use super::web::{self, Seen, Web};
use crate::domain::finding::Finding;
use crate::domain::secret::Secret;

const UPSTREAM: &str = "upstream";
const MODEL: &str = "model";

#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

pub(super) fn findings(server: &ModelServer) -> (Vec<Finding>, Vec<Elsewhere>) {
    match server {
        ModelServer::BuiltIn => {
            let detail = "the built-in demo provider answers; no real model is set up";
            (vec![Finding::pass(UPSTREAM, detail), Finding::skip(MODEL, "the demo has but one")], Vec::new())
        }
        ModelServer::Anthropic { key: None, .. } => {
            let finding = Finding::warn(UPSTREAM, "no key for the model provider, so no question can be answered");
            (vec![finding.hint("set LLM_PROVIDER_KEY, or try LLM_PROVIDER=demo"), skipped()], Vec::new())
        }
        ModelServer::Anthropic { url, key: Some(key), model } => ask(url, key, model),
    }
}

fn ask(base: &str, key: &Secret, model: &str) -> (Vec<Finding>, Vec<Elsewhere>) {
    let web = Web::new(None, is_loopback(base));
    let headers = [("x-api-key", key.expose().trim()), ("anthropic-version", "2023-06-01")];
    let list = match web.get(&format!("{base}/v1/models?limit=1000"), &headers) {
        Ok(list) => list,
        Err(error) => {
            let (what, hint) = web::words(&error);
            let finding = Finding::fail(UPSTREAM, format!("the model's server cannot be reached: {what}"));
            return (vec![finding.hint(format!("{hint}; LLM_PROVIDER_URL says which server")), skipped()], Vec::new());
        }
    };
    let time = list.date.as_deref().and_then(|date| Elsewhere::said("the model's server", date));
    let mut findings = vec![key_finding(&list)];
    findings.push(match list.status {
        200 => model_finding(&list, model, || web.get(&format!("{base}/v1/models/{}", path(model)), &headers)),
        _ => skipped(),
    });
    (findings, time.into_iter().collect())
}

fn key_finding(list: &Seen) -> Finding {
    let finding = |detail: &str, hint: &str| Finding::fail(UPSTREAM, detail).hint(hint);
    match list.status {
        200 => Finding::pass(UPSTREAM, "the model's server answers and accepts our key"),
        401 => finding(
            "the model's server refuses our key",
            "set LLM_PROVIDER_KEY to a key of the server at LLM_PROVIDER_URL",
        ),
        402 | 403 => {
            finding("our key may not use the model's server", "look at what the key may do, and at its credit")
        }
        404 | 405 => {
            Finding::warn(UPSTREAM, "the model's server answers, but lists no models: the key could not be tried")
                .hint("if nobody gets answers, look at LLM_PROVIDER_URL")
        }
        300..=399 => finding("the model's server sends us elsewhere", "set LLM_PROVIDER_URL to that address"),
        429 => Finding::warn(UPSTREAM, "the model's server asks us to slow down").hint("try again in a minute"),
        status => finding(&format!("the model's server has a problem: status {status}"), "try again later"),
    }
}

/// Short names of models are not in the list; asked for one by one, they are known.
fn model_finding(list: &Seen, model: &str, one: impl FnOnce() -> Result<Seen, ureq::Error>) -> Finding {
    let Ok(models) = serde_json::from_str::<Models>(&list.body) else {
        return Finding::warn(MODEL, "the list of models cannot be read");
    };
    if models.data.iter().any(|known| known.id == model) {
        return Finding::pass(MODEL, format!("{model} is known"));
    }
    match one().map(|one| one.status) {
        Ok(200) => Finding::pass(MODEL, format!("{model} is known")),
        Ok(404) => {
            let some: Vec<&str> = models.data.iter().take(5).map(|model| model.id.as_str()).collect();
            Finding::fail(MODEL, format!("the model's server does not know {model}"))
                .hint(format!("set LLM_PROVIDER_MODEL to one that it knows, such as {}", some.join(", ")))
        }
        _ => Finding::warn(MODEL, format!("{model} is not in the list of models")).hint("look at LLM_PROVIDER_MODEL"),
    }
}

fn skipped() -> Finding {
    Finding::skip(MODEL, "the model's server could not be asked")
}

/// One segment of a path.
fn path(model: &str) -> String {
    percent_encoding::utf8_percent_encode(model, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn is_loopback(base: &str) -> bool {
    let host = base.split_once("://").map_or(base, |(_, rest)| rest);
    host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
}
