//! Providers of models, for administrators. A key goes in and never comes out.

use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::finding::Finding;
use crate::domain::provider::ProviderChange;
use crate::domain::secret::Secret;
use crate::domain::user::{Actor, Admin};
use crate::domain::vendor::VENDORS;
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::models::{Checked, Saved, Shown, Verdict};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProviderBody {
    /// Only where one is added.
    name: Option<String>,
    vendor: Option<String>,
    kind: Option<String>,
    url: Option<String>,
    /// Absent keeps it, `null` removes it.
    #[serde(default, deserialize_with = "present")]
    key: Option<Option<String>>,
    model: Option<String>,
}

#[derive(Serialize)]
struct ListView<'a> {
    providers: Vec<ProviderView<'a>>,
    /// What can be chosen from when one is added.
    vendors: Vec<VendorView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProviderView<'a> {
    name: &'a str,
    kind: &'a str,
    /// `null`: that of the kind.
    url: Option<&'a str>,
    /// The end of the key.
    key: Option<&'a str>,
    /// `null`: the first that it lists.
    model: Option<&'a str>,
    source: &'static str,
    read_only: bool,
    is_default: bool,
    ready: bool,
    models: Option<usize>,
    problem: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VendorView {
    name: &'static str,
    kind: &'static str,
    url: Option<&'static str>,
    key_page: Option<&'static str>,
}

#[derive(Serialize)]
struct SavedView<'a> {
    provider: ProviderView<'a>,
    #[serde(flatten)]
    checked: CheckedView<'a>,
}

#[derive(Serialize)]
struct CheckedView<'a> {
    /// Whether the provider could be asked and takes the key.
    checked: bool,
    message: String,
    hint: Option<&'a str>,
    models: usize,
    checks: Vec<CheckView<'a>>,
}

#[derive(Serialize)]
struct CheckView<'a> {
    name: &'static str,
    status: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct DeletedView<'a> {
    deleted: &'a str,
}

pub(crate) fn list(context: &Context, admin: &Admin, _req: &Request) -> HandlerResult {
    let providers = context.services.providers.list(Actor::Admin(admin))?;
    let some = |text: &'static str| (!text.is_empty()).then_some(text);
    let vendors = VENDORS.iter().filter(|vendor| vendor.name != "demo").map(|vendor| VendorView {
        name: vendor.name,
        kind: vendor.kind.as_str(),
        url: some(vendor.url),
        key_page: some(vendor.key_page),
    });
    let view = ListView { providers: providers.iter().map(view).collect(), vendors: vendors.collect() };
    Ok(Response::json(200, &view))
}

pub(crate) fn add(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let mut body: ProviderBody = req.json()?;
    let name = body.name.take();
    let saved = context.services.providers.add(Actor::Admin(admin), name.as_deref(), body.change())?;
    Ok(Response::json(201, &saved_view(&saved)))
}

pub(crate) fn change(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let body: ProviderBody = req.json()?;
    let saved = context.services.providers.change(Actor::Admin(admin), req.param("name")?, body.change())?;
    Ok(Response::json(200, &saved_view(&saved)))
}

pub(crate) fn remove(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let name = req.param("name")?;
    context.services.providers.remove(Actor::Admin(admin), name)?;
    Ok(Response::json(200, &DeletedView { deleted: name }))
}

pub(crate) fn test(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let checked = context.services.providers.test(Actor::Admin(admin), req.param("name")?)?;
    Ok(Response::json(200, &checked_view(&checked, "")))
}

impl ProviderBody {
    fn change(self) -> ProviderChange {
        ProviderChange {
            vendor: self.vendor,
            kind: self.kind,
            base_url: self.url,
            api_key: self.key.map(|key| key.filter(|key| !key.trim().is_empty()).map(Secret::new)),
            default_model: self.model,
        }
    }
}

fn view(shown: &Shown) -> ProviderView<'_> {
    ProviderView {
        name: &shown.name,
        kind: shown.kind,
        url: Some(&*shown.base_url).filter(|url| !url.is_empty()),
        key: shown.key_hint.as_deref(),
        model: Some(&*shown.default_model).filter(|model| !model.is_empty()),
        source: if shown.is_fixed { "settings" } else { "added" },
        read_only: shown.is_fixed,
        is_default: shown.is_default,
        ready: shown.is_ready,
        models: shown.models,
        problem: shown.problem.as_deref(),
    }
}

fn saved_view(saved: &Saved) -> SavedView<'_> {
    let start = match saved.checked.verdict {
        Verdict::Good => "Saved: ",
        _ => "Saved although it could not be checked: ",
    };
    SavedView { provider: view(&saved.provider), checked: checked_view(&saved.checked, start) }
}

fn checked_view<'a>(checked: &'a Checked, start: &str) -> CheckedView<'a> {
    let [server, _] = &checked.findings;
    let one = |finding: &'a Finding| CheckView {
        name: finding.name,
        status: finding.level.as_str(),
        message: &finding.message,
        hint: finding.hint.as_deref(),
    };
    CheckedView {
        checked: checked.verdict == Verdict::Good,
        message: format!("{start}{}", server.message),
        hint: server.hint.as_deref(),
        models: checked.models,
        checks: checked.findings.iter().map(one).collect(),
    }
}

/// Distinguishes a field that is `null` from one that is absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}
