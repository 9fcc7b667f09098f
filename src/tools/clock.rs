//! The tool `current_time`.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Call, Consent, Output, Tool};
use crate::domain::Result;
use crate::domain::tool::ToolSpec;

pub(super) struct CurrentTime(ToolSpec);

impl CurrentTime {
    pub(super) fn new() -> Self {
        Self(ToolSpec {
            name: "current_time".to_owned(),
            description: "The current date and time in UTC, with the weekday. Use it whenever the answer depends on \
                          today's date or on the time."
                .to_owned(),
            input_schema: r#"{"type":"object","properties":{}}"#.to_owned(),
        })
    }
}

impl Tool for CurrentTime {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn consent(&self) -> Consent {
        Consent::Auto
    }

    fn call(&self, _call: &Call<'_>) -> Result<Output> {
        let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Ok(Output::text(format!("{} ({})", now.format(&Rfc3339).unwrap_or_default(), now.weekday())))
    }
}
