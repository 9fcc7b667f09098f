//! `portagent provider …`: whom models are asked from.

pub(in crate::cli) mod add;
pub(in crate::cli) mod list;
pub(in crate::cli) mod remove;
pub(in crate::cli) mod test;

use serde_json::{Value, json};

use crate::app::data::Checked;
use crate::cli::output::one_line;
use crate::domain::finding::Finding;

fn checked_as_json(checked: &Checked) -> Value {
    let one = |finding: &Finding| {
        json!({
            "name": finding.name,
            "status": finding.level.as_str(),
            "message": finding.message,
            "hint": finding.hint,
        })
    };
    json!({
        "checked": checked.verdict == crate::app::data::Verdict::Good,
        "models": checked.models,
        "checks": checked.findings.iter().map(one).collect::<Vec<_>>(),
    })
}

fn checked_as_text(checked: &Checked) -> String {
    let mut text = String::new();
    for Finding { name, level, message, hint, .. } in &checked.findings {
        text.push_str(&format!("{}  {name:8}  {}\n", level.as_str(), one_line(message)));
        if let Some(hint) = hint {
            text.push_str(&format!("      {:8}  → {}\n", "", one_line(hint)));
        }
    }
    text
}
