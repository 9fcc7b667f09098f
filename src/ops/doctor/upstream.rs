//! The model's server: whether it can be reached, takes our key, and knows our model. Costs no tokens.

use super::clock::Elsewhere;
use super::web::{self, Seen, Web};
use super::{ModelServer, ReadModels};
use crate::domain::finding::Finding;

const UPSTREAM: &str = "upstream";
const MODEL: &str = "model";

pub(super) fn findings(server: &ModelServer) -> (Vec<Finding>, Vec<Elsewhere>) {
    match server {
        ModelServer::BuiltIn => {
            let detail = "the built-in demo provider answers; no real model is set up";
            (vec![Finding::pass(UPSTREAM, detail), Finding::skip(MODEL, "the demo has but one")], Vec::new())
        }
        ModelServer::Remote { lacks_key: true, .. } => {
            let finding = Finding::warn(UPSTREAM, "no key for the model provider, so no question can be answered");
            (vec![finding.hint("set LLM_PROVIDER_KEY, or try LLM_PROVIDER=demo"), skipped()], Vec::new())
        }
        ModelServer::Remote { url, headers, read, model, .. } => {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.expose())).collect();
            ask(url, &headers, read, model)
        }
    }
}

fn ask(url: &str, headers: &[(&str, &str)], read: &ReadModels, model: &str) -> (Vec<Finding>, Vec<Elsewhere>) {
    let web = Web::new(None, is_loopback(url));
    let list = match web.get(url, headers) {
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
        200 => {
            let listing = url.split('?').next().unwrap_or(url);
            model_finding(read.0(&list.body), model, || web.get(&format!("{listing}/{}", path(model)), headers))
        }
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
                .hint("if no user gets answers, check LLM_PROVIDER_URL")
        }
        300..=399 => finding("the model's server sends us elsewhere", "set LLM_PROVIDER_URL to that address"),
        429 => Finding::warn(UPSTREAM, "the model's server asks us to slow down").hint("try again in a minute"),
        status => finding(&format!("the model's server has a problem: status {status}"), "try again later"),
    }
}

/// Short names of models are not in the list; asked for one by one, they are known.
fn model_finding(models: Option<Vec<String>>, model: &str, one: impl FnOnce() -> Result<Seen, ureq::Error>) -> Finding {
    let Some(models) = models else {
        return Finding::warn(MODEL, "the list of models cannot be read");
    };
    if model.is_empty() {
        return match models.first() {
            Some(first) => Finding::pass(MODEL, format!("{first} is the first that the model's server lists")),
            None => Finding::fail(MODEL, "the model's server has no model").hint("install one there"),
        };
    }
    if models.iter().any(|known| known == model) {
        return Finding::pass(MODEL, format!("{model} is known"));
    }
    match one().map(|one| one.status) {
        Ok(200) => Finding::pass(MODEL, format!("{model} is known")),
        Ok(404) => {
            let some: Vec<&str> = models.iter().take(5).map(String::as_str).collect();
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
