//! The providers of models, that of the settings and those that were added: whether each can be reached, takes its key,
//! and knows its default model. Costs no tokens.

use super::Installation;
use super::clock::Elsewhere;
use super::web::certificate;
use crate::domain::finding::Finding;
use crate::domain::secret::Secret;
use crate::service::models::{Checked, Probe};
use crate::store::recorded_providers;

/// What was found, other clocks, and keys that must not appear in the output.
type Found = (Vec<Finding>, Vec<Elsewhere>, Vec<Secret>);

pub(super) fn findings(installation: &Installation, is_served: bool) -> Found {
    let rows = recorded_providers(&installation.data_dir, is_served).unwrap_or_default();
    let added: Vec<Probe> = rows.iter().map(Probe::of_row).collect();
    let settings = Some(&installation.provider);
    // What the settings lack is no fault where another provider answers.
    let settings = settings.filter(|settings| settings.is_ready() || !added.iter().any(Probe::is_ready));
    let is_shadowed = |probe: &&Probe| settings.is_none_or(|settings| settings.name() != probe.name());
    let (mut findings, mut times) = (Vec::new(), Vec::new());
    for probe in settings.into_iter().chain(added.iter().filter(is_shadowed)) {
        let checked = probe.ask();
        times.extend(checked.date.as_deref().and_then(|date| Elsewhere::said("the model's server", date)));
        findings.extend(with_certificate(checked));
    }
    (findings, times, rows.into_iter().filter_map(|row| row.api_key).collect())
}

/// What is wrong with a certificate is worth a sentence of its own here.
fn with_certificate(checked: Checked) -> [Finding; 2] {
    let [mut server, model] = checked.findings;
    let cause = checked.error.filter(|error| error.code.as_str() == "upstream_tls").and_then(|error| error.source);
    if let Some(cause) = cause {
        let (what, hint) = certificate(&cause.to_string());
        if !what.starts_with("a secure connection") {
            server.message = format!("{}: {what}", server.message);
        }
        server.hint = Some(hint.to_owned());
    }
    [server, model]
}
