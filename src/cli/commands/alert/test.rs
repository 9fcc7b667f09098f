//! `portagent alert test`: does an alert arrive?

use serde_json::{Value, json};

use crate::app;
use crate::cli::command::{Command, Given};
use crate::cli::output::{print, print_json};
use crate::domain::{Error, Kind, Result};
use crate::telemetry;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "alert test",
    operands: &[],
    options: &[],
    json: true,
    quiet: true,
    about: "send a test alert by ALERT_WEBHOOK_URL and ALERT_COMMAND",
    details: "It takes the same settings as the server, which need not run. Exit 1 where one of them does not work.",
    examples: &[
        ("portagent alert test", "say for each whether it took the alert"),
        ("portagent alert test -e /etc/portagent/portagent.env", "with the service's settings"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    telemetry::init_command(None)?;
    let outcomes = app::alert_test(&given.config()?);
    if outcomes.is_empty() {
        return Err(Error::new(Kind::Conflict, "no_alert_channel", "No alert channel is configured")
            .hint("set ALERT_WEBHOOK_URL, ALERT_COMMAND or both"));
    }
    let failed = outcomes.iter().any(|(_, outcome)| outcome.is_err());
    if given.json {
        let one = |(name, outcome): &(&str, Result<(), String>)| json!({ "channel": name, "ok": outcome.is_ok(), "problem": outcome.as_ref().err() });
        print_json(&Value::Array(outcomes.iter().map(one).collect()))?;
    } else {
        for (name, outcome) in &outcomes {
            let said = outcome.as_ref().err().map_or("ok", String::as_str);
            print(&format!("{name:<9} {said}\n"))?;
        }
    }
    if failed { Err(Error::new(Kind::Unavailable, "alert_failed", "An alert did not get through")) } else { Ok(()) }
}
