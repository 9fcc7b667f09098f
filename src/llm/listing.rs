//! Asking a provider which models it has, over all pages of its list. Costs no tokens, and tells whether the key is good.

use std::time::Duration;

use ureq::http::HeaderMap;

use super::dialect::Dialect;
use super::fault::Fault;
use super::fault::Said;
use super::models::Model;
use super::{Endpoint, Timeouts, json, transport, wires};
use crate::domain::secret::Secret;
use crate::net;

/// Pages of one list, and models of one provider: more would be a server that goes in circles.
const PAGES: usize = 50;
const MODELS: usize = 5000;
/// Models of one list that more is asked about, each with a request.
const DESCRIBED: usize = 64;

/// What a provider lists now.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    pub models: Vec<Model>,
    /// The server's clock, as its `Date` header has it.
    pub date: Option<String>,
}

/// One answer, whatever its status.
struct Page {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

pub(super) fn fetch(endpoint: &Endpoint, key: Option<&Secret>, timeouts: &Timeouts) -> Result<Listed, Fault> {
    let dialect = wires::of(endpoint.kind);
    let mut url = dialect.models_url(&endpoint.base_url);
    let mut listed = Listed::default();
    for _ in 0..PAGES {
        let page = get(dialect, &url, key, timeouts)?;
        let date = page.headers.get("date").and_then(|value| value.to_str().ok());
        listed.date = date.map(str::to_owned);
        let list = json::parse(&String::from_utf8_lossy(&page.body)).filter(|_| page.status == 200);
        let is_list =
            |list: &serde_json::Value| ["data", "models"].iter().any(|name| list[*name].is_array()) || list.is_array();
        let Some(list) = list.filter(is_list) else { return Err(page.fault()) };
        listed.models.extend(dialect.models(&list));
        match dialect.next_page(&url, &list) {
            Some(next) if next != url && listed.models.len() < MODELS => url = next,
            _ => break,
        }
    }
    listed.models.truncate(MODELS);
    for model in listed.models.iter_mut().take(DESCRIBED) {
        let Some((url, body)) = dialect.details(&endpoint.base_url, &model.id) else { break };
        let agent = net::agent(transport::config(timeouts, &url, Duration::ZERO));
        let asked = transport::post(&agent, &url, &dialect.headers(key), key, body.to_string().as_bytes());
        // What it does not say is not known; the list is good all the same.
        let Ok(response) = asked else { break };
        let Ok(body) = transport::whole(response.into_body().into_reader(), key) else { break };
        if let Some(details) = json::parse(&String::from_utf8_lossy(&body)) {
            dialect.describe(model, &details);
        }
    }
    Ok(listed)
}

/// Whether the provider knows a model that its list does not show: short names, for instance.
pub(super) fn knows(
    endpoint: &Endpoint,
    key: Option<&Secret>,
    timeouts: &Timeouts,
    model: &str,
) -> Result<bool, Fault> {
    let dialect = wires::of(endpoint.kind);
    let url = dialect.models_url(&endpoint.base_url);
    let segment = percent_encoding::utf8_percent_encode(model, percent_encoding::NON_ALPHANUMERIC);
    let url = format!("{}/{segment}", url.split('?').next().unwrap_or(&url));
    let page = get(dialect, &url, key, timeouts)?;
    match page.status {
        200 => Ok(true),
        404 => Ok(false),
        _ => Err(page.fault()),
    }
}

fn get(dialect: &dyn Dialect, url: &str, key: Option<&Secret>, timeouts: &Timeouts) -> Result<Page, Fault> {
    let agent = net::agent(transport::config(timeouts, url, Duration::ZERO));
    let response = transport::get(&agent, url, &dialect.headers(key), key)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = transport::whole(response.into_body().into_reader(), key)?;
    Ok(Page { status, headers, body })
}

impl Page {
    fn fault(&self) -> Fault {
        Said::response(self.status, &self.headers, &self.body).fault()
    }
}
