//! `portagent doctor`: what is wrong with this installation, and what to do about it.

use serde_json::{Value, json};

use crate::app::doctor;
use crate::cli::command::{Command, CommandOption, Given};
use crate::cli::output::{is_quiet, one_line, print, print_json};
use crate::config::Config;
use crate::domain::clock::now_ms;
use crate::domain::finding::{Finding, Level, worst};
use crate::domain::{Error, Kind, Result};
use crate::telemetry::timestamp;

pub(in crate::cli) static COMMAND: Command = Command {
    name: "doctor",
    operands: &[],
    options: &[
        CommandOption { flag: "url", value: "URL", about: "the address that people use; without it, PUBLIC_URL" },
        CommandOption {
            flag: "idle",
            value: "",
            about: "also try whether a silent connection stays, for half a minute",
        },
    ],
    json: true,
    quiet: true,
    about: "look at everything that can be wrong, from the settings to the proxy in front",
    details: "\
It changes nothing, works beside a running server and without one, and asks the model's server for its list of models,
which costs nothing. No secret is in its output: it can be shown to others. Exit 0 if nothing fails, else 1.",
    examples: &[
        ("portagent doctor", "this machine and the model's server"),
        ("portagent doctor --url https://chat.example.com", "the way through the proxy, too"),
        ("portagent doctor -e /etc/portagent/portagent.env --json", "a service's settings; for a program"),
    ],
    run,
};

fn run(given: &Given) -> Result<()> {
    let findings = match given.config() {
        Ok(config) => examine(&config, given)?,
        Err(error) => doctor::wrong_settings(&error),
    };
    if given.json {
        print_json(&as_json(&findings))?
    } else {
        print(&as_text(&findings))?
    }
    if is_quiet() {
        let bad: Vec<Finding> = findings.iter().filter(|finding| finding.level == Level::Fail).cloned().collect();
        eprint!("{}", as_text(&bad));
    }
    let failed: Vec<&str> =
        findings.iter().filter(|finding| finding.level == Level::Fail).map(|finding| finding.name).collect();
    match failed.len() {
        0 => Ok(()),
        1 => Err(Error::new(Kind::Unavailable, "doctor_failed", format!("one check failed: {}", failed[0]))),
        count => {
            let message = format!("{count} checks failed: {}", failed.join(", "));
            Err(Error::new(Kind::Unavailable, "doctor_failed", message))
        }
    }
}

fn examine(config: &Config, given: &Given) -> Result<Vec<Finding>> {
    doctor::examine(config, given.option("url"), given.has("idle"))
}

fn as_text(findings: &[Finding]) -> String {
    let widest = findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let (verdict, name, detail) = (finding.level.as_str(), finding.name, one_line(&finding.message));
        text.push_str(&format!("{verdict}  {name:widest$}  {detail}\n"));
        if let Some(hint) = &finding.hint {
            text.push_str(&format!("      {:widest$}  → {}\n", "", one_line(hint)));
        }
    }
    text
}

fn as_json(findings: &[Finding]) -> Value {
    let checks: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "name": finding.name,
                "verdict": finding.level.as_str(),
                "detail": finding.message,
                "hint": finding.hint,
            })
        })
        .collect();
    json!({
        "verdict": worst(findings).as_str(),
        "version": env!("CARGO_PKG_VERSION"),
        "time": timestamp::rfc3339(now_ms()),
        "checks": checks,
    })
}
