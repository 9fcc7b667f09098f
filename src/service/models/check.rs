//! Whether a provider can be reached, takes its key, and knows its default model. It asks for the list of models, which
//! costs nothing. Saving a provider, testing one and the doctor all ask here.

use super::Retirement;
use super::entry::endpoint;
use super::lifecycle::{self, moment};
use crate::domain::finding::{Finding, Level};
use crate::domain::provider::ProviderRow;
use crate::domain::{Error, Result, clock};
use crate::llm::{Endpoint, Kind, Model, Provider, Timeouts};

/// Names of findings.
const UPSTREAM: &str = "upstream";
const MODEL: &str = "model";

/// What became of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The provider takes it.
    Good,
    /// The provider does not take it, or one is needed and there is none.
    Refused,
    /// The provider could not be asked.
    NotChecked,
}

/// What a check found.
#[derive(Debug)]
pub struct Checked {
    pub verdict: Verdict,
    /// About the server with its key, and about the default model.
    pub findings: [Finding; 2],
    pub models: usize,
    /// The server's clock, as its `Date` header has it.
    pub date: Option<String>,
    /// Why the server could not be asked.
    pub error: Option<Error>,
}

/// A provider that can be asked, without anything around it.
#[derive(Debug, Clone)]
pub struct Probe {
    endpoint: Endpoint,
    is_fixed: bool,
}

impl Probe {
    /// The provider of the settings.
    pub fn of_settings(endpoint: Endpoint) -> Self {
        Self { endpoint, is_fixed: true }
    }

    pub fn of_row(row: &ProviderRow) -> Self {
        Self { endpoint: endpoint(row), is_fixed: false }
    }

    pub fn is_ready(&self) -> bool {
        Provider::new(self.endpoint.clone(), Timeouts::default()).is_ready()
    }

    pub fn name(&self) -> &str {
        &self.endpoint.name
    }

    /// Asks. Takes as long as a list of models may take.
    pub fn ask(&self) -> Checked {
        if self.endpoint.kind == Kind::Demo {
            let detail = "the built-in demo provider answers; no real model is set up";
            let findings = [Finding::pass(UPSTREAM, detail), Finding::skip(MODEL, "the demo has but one")];
            return Checked { verdict: Verdict::Good, findings, models: 1, date: None, error: None };
        }
        let provider = Provider::new(self.endpoint.clone(), Timeouts::default());
        if !provider.is_ready() {
            let finding =
                Finding::warn(UPSTREAM, format!("no key for {}, so no question can be answered", self.server()));
            let hint = self.hint("set LLM_PROVIDER_KEY, or try LLM_PROVIDER=demo", "give it a key");
            let findings = [finding.hint(hint), self.skipped()];
            return Checked { verdict: Verdict::Refused, findings, models: 0, date: None, error: None };
        }
        match provider.list() {
            Ok(listed) => {
                let ids: Vec<&str> = listed.models.iter().map(|model| model.id.as_str()).collect();
                let model =
                    self.life(&listed.models).unwrap_or_else(|| self.model(&ids, |model| provider.knows(model)));
                let good = Finding::pass(UPSTREAM, format!("{} answers and accepts our key", self.server()));
                let (models, date) = (ids.len(), listed.date);
                Checked { verdict: Verdict::Good, findings: [good, model], models, date, error: None }
            }
            Err(error) => {
                let refused = matches!(error.code.as_str(), "upstream_auth" | "upstream_forbidden");
                let verdict = if refused { Verdict::Refused } else { Verdict::NotChecked };
                let findings = [self.trouble(&error), self.skipped()];
                Checked { verdict, findings, models: 0, date: None, error: Some(error) }
            }
        }
    }

    fn server(&self) -> String {
        if self.is_fixed { "the model's server".to_owned() } else { format!("the server of `{}`", self.endpoint.name) }
    }

    fn hint(&self, fixed: &str, added: &str) -> String {
        if self.is_fixed { fixed.to_owned() } else { format!("{added}: provider `{}`", self.endpoint.name) }
    }

    fn skipped(&self) -> Finding {
        Finding::skip(MODEL, format!("{} could not be asked", self.server()))
    }

    fn trouble(&self, error: &Error) -> Finding {
        let server = self.server();
        let finding =
            |level, detail: String, fixed, added| Finding::new(UPSTREAM, level, detail).hint(self.hint(fixed, added));
        let whole = || {
            let mut message = error.message.replacen("The model's server", &server, 1);
            if let Some(first) = message.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            message
        };
        match error.code.as_str() {
            "upstream_auth" => {
                let key = "set LLM_PROVIDER_KEY to a key of the server at LLM_PROVIDER_URL";
                finding(Level::Fail, format!("{server} refuses our key"), key, "give it another key")
            }
            "upstream_forbidden" | "upstream_billing" => {
                let look = "look at what the key may do, and at its credit";
                finding(Level::Fail, format!("our key may not use {server}"), look, look)
            }
            "upstream_not_found" => {
                let detail = format!("{server} answers, but lists no models: the key could not be tried");
                let look = "if no user gets answers, check LLM_PROVIDER_URL";
                finding(Level::Warn, detail, look, "if no user gets answers, check its address")
            }
            "upstream_rate_limited" => {
                let wait = "try again in a minute";
                finding(Level::Warn, format!("{server} asks us to slow down"), wait, wait)
            }
            "upstream_unreachable" => {
                let look = "check the network; LLM_PROVIDER_URL says which server";
                finding(Level::Fail, whole(), look, "check the network, and its address")
            }
            _ => {
                finding(Level::Fail, whole(), "check LLM_PROVIDER_URL, HTTPS_PROXY and the clock", "check its address")
            }
        }
    }

    /// That the default model retires soon, or has.
    fn life(&self, listed: &[Model]) -> Option<Finding> {
        let Endpoint { name, kind, default_model, .. } = &self.endpoint;
        let id = Some(default_model.as_str())
            .filter(|id| !id.is_empty())
            .or(listed.first().map(|model| model.id.as_str()))?;
        let model = listed.iter().find(|model| model.id == id).cloned();
        let model = model.unwrap_or_else(|| Model { id: id.to_owned(), ..Model::default() });
        let at = moment(&lifecycle::of(*kind, &model, 0).1)?;
        let retirement = Retirement { provider: name.clone(), model: id.to_owned(), at };
        let words = retirement.notice(clock::now_ms())?;
        Some(
            Finding::warn(MODEL, words)
                .hint(self.hint("set LLM_PROVIDER_MODEL to another model", "set another default model")),
        )
    }

    /// Short names of models are not in the list; asked for one by one, they are known.
    fn model(&self, listed: &[&str], knows: impl FnOnce(&str) -> Result<bool>) -> Finding {
        let (server, wanted) = (self.server(), self.endpoint.default_model.as_str());
        if wanted.is_empty() {
            return match listed.first() {
                Some(first) => Finding::pass(MODEL, format!("{first} is the first that {server} lists")),
                None => Finding::fail(MODEL, format!("{server} has no model")).hint("install one there"),
            };
        }
        if listed.contains(&wanted) {
            return Finding::pass(MODEL, format!("{wanted} is known"));
        }
        let some = listed.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        match knows(wanted) {
            Ok(true) => Finding::pass(MODEL, format!("{wanted} is known")),
            Ok(false) => Finding::fail(MODEL, format!("{server} does not know {wanted}")).hint(self.hint(
                &format!("set LLM_PROVIDER_MODEL to one that it knows, such as {some}"),
                &format!("set its default model to one that it knows, such as {some}"),
            )),
            Err(_) => Finding::warn(MODEL, format!("{wanted} is not in the list of models"))
                .hint(self.hint("look at LLM_PROVIDER_MODEL", "look at its default model")),
        }
    }
}
