//! The tools that a model may use. A tool that fails, or does not exist, is an answer to the model and not an error
//! of the turn.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::llm::ToolSpec;

/// What a tool answered.
pub(super) struct ToolOutput {
    pub output: String,
    pub is_error: bool,
}

/// The tools on offer, in an order that never changes: the provider's cache depends on it.
pub(super) fn specs() -> Vec<ToolSpec> {
    vec![ToolSpec {
        name: "current_time".to_owned(),
        description: "The current date and time in UTC, with the weekday. Use it whenever the answer depends on \
                      today's date or on the time."
            .to_owned(),
        input_schema: r#"{"type":"object","properties":{}}"#.to_owned(),
    }]
}

pub(super) fn call(name: &str, _input: &str) -> ToolOutput {
    match name {
        "current_time" => ToolOutput { output: now(), is_error: false },
        _ => ToolOutput { output: format!("There is no tool named {name}"), is_error: true },
    }
}

fn now() -> String {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!("{} ({})", now.format(&Rfc3339).unwrap_or_default(), now.weekday())
}
