//! Tool servers as an administrator declares them in `mcp.json`: the form that people paste, and our own keys beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::host::Limits;
use crate::domain::{Error, Result};

/// Characters of a server's name.
const NAME_CHARS: usize = 32;
/// A call gets this where nothing is declared, and at most that.
const TIMEOUT: Duration = Duration::from_secs(120);
const TIMEOUT_MOST_S: u64 = 3600;
/// A server that is not used for this long is closed.
const IDLE_S: u64 = 600;
/// What a server's processes may use together.
const MEMORY_MIB: u64 = 1024;
const PROCESSES: u64 = 64;

/// One declaration, as it stands in the file. What it holds of secrets is only shown masked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Declared {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// For single tools, by the name that the server gives them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tool_approval: BTreeMap<String, Approval>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Whether conversations that choose no tools have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
    /// Whether calls of one round may run side by side.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parallel: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// One for all people.
    #[default]
    Shared,
    /// One for each, with a home directory of their own.
    User,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approval {
    /// The person is asked before a call.
    #[default]
    Ask,
    Auto,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Stdio,
    /// Streamable HTTP; where the server does not know that, the transport before it.
    Http,
    OldSse,
}

/// What stands in place of a secret that is shown.
pub const MASK: &str = "********";

impl Declared {
    /// Errors: `Invalid`, with what is wrong.
    pub fn parse(value: &Value) -> Result<Self> {
        let declared: Self = serde_json::from_value(value.clone()).map_err(|error| bad(format!("{error}")))?;
        declared.transport()?;
        if declared.timeout_seconds.is_some_and(|seconds| !(1..=TIMEOUT_MOST_S).contains(&seconds)) {
            return Err(bad(format!("timeoutSeconds must be between 1 and {TIMEOUT_MOST_S}")));
        }
        if declared.idle_seconds == Some(0) || declared.memory_mb == Some(0) || declared.processes == Some(0) {
            return Err(bad("idleSeconds, memoryMb and processes must be at least 1"));
        }
        Ok(declared)
    }

    pub(super) fn transport(&self) -> Result<Transport> {
        let is_url = |url: &str| url.starts_with("http://") || url.starts_with("https://") || url.starts_with("${");
        match (self.kind.as_deref(), &self.command, &self.url) {
            (None | Some("stdio"), Some(command), None) if !command.trim().is_empty() => Ok(Transport::Stdio),
            (None | Some("http" | "streamable-http" | "streamableHttp"), None, Some(url)) if is_url(url) => {
                Ok(Transport::Http)
            }
            (Some("sse"), None, Some(url)) if is_url(url) => Ok(Transport::OldSse),
            (_, Some(_), Some(_)) => Err(bad("it has both a command and a url")),
            (_, None, None) => Err(bad("it needs a command or a url")),
            (_, None, Some(_)) => Err(bad("its url must begin with http:// or https://, and its type be http or sse")),
            _ => Err(bad("its type does not fit: a command has the type stdio, or none")),
        }
    }

    pub fn approval_of(&self, tool: &str) -> Approval {
        self.tool_approval.get(tool).or(self.approval.as_ref()).copied().unwrap_or_default()
    }

    pub fn scope(&self) -> Scope {
        self.scope.unwrap_or_default()
    }

    pub fn is_default(&self) -> bool {
        self.default.unwrap_or(true)
    }

    pub fn timeout(&self) -> Duration {
        self.timeout_seconds.map_or(TIMEOUT, Duration::from_secs)
    }

    pub(super) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.unwrap_or(IDLE_S))
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { memory_mib: self.memory_mb.unwrap_or(MEMORY_MIB), processes: self.processes.unwrap_or(PROCESSES) }
    }

    /// Without what may be secret: values of the environment and of headers, unless they only name a variable.
    #[must_use]
    pub fn masked(mut self) -> Self {
        for value in self.env.values_mut().chain(self.headers.values_mut()) {
            if !is_reference(value) {
                MASK.clone_into(value);
            }
        }
        self
    }

    /// A declaration that was shown masked and came back: what is still masked is as it was.
    #[must_use]
    pub fn unmasked(mut self, old: Option<&Self>) -> Self {
        for (now, before) in
            [(&mut self.env, old.map(|old| &old.env)), (&mut self.headers, old.map(|old| &old.headers))]
        {
            for (name, value) in now.iter_mut().filter(|(_, value)| *value == MASK) {
                if let Some(kept) = before.and_then(|before| before.get(name)) {
                    value.clone_from(kept);
                }
            }
        }
        self
    }
}

fn is_reference(value: &str) -> bool {
    value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).is_some_and(|name| !name.contains('}'))
}

/// Errors: `Invalid`.
pub fn check_name(name: &str) -> Result<()> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let fits = (1..=NAME_CHARS).contains(&name.len()) && name.chars().all(is_allowed) && !name.contains("__");
    if fits {
        return Ok(());
    }
    let rule = format!("1 to {NAME_CHARS} letters, digits, - and _, without two _ side by side");
    Err(Error::invalid("bad_server_name", format!("The name of a tool server has {rule}")))
}

/// `${NAME}` becomes what `lookup` has by that name.
///
/// Errors: `Invalid` for a name that is not set.
pub(super) fn expanded(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String> {
    let (mut whole, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        whole.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            whole.push_str("${");
            rest = after;
            continue;
        };
        // The form `${NAME:-default}` is that of the shell.
        let (name, default) = name.split_once(":-").map_or((name, None), |(name, default)| (name, Some(default)));
        let value = lookup(name).filter(|value| !value.is_empty()).or(default.map(str::to_owned));
        whole.push_str(&value.ok_or_else(|| bad(format!("the variable {name} is not set")))?);
        rest = behind;
    }
    whole.push_str(rest);
    Ok(whole)
}

fn bad(what: impl std::fmt::Display) -> Error {
    Error::invalid("bad_tool_server", format!("The declaration of the tool server cannot be used: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_form_that_people_paste() {
        let check = |value: Value, expected: std::result::Result<Transport, &str>| {
            let found = Declared::parse(&value).and_then(|declared| declared.transport());
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{value}"),
                (Err(error), Err(part)) => assert!(error.message.contains(part), "{value}: {}", error.message),
                (found, _) => panic!("{value}: {found:?}"),
            }
        };
        check(json!({"command": "npx", "args": ["-y", "x"], "env": {"A": "b"}}), Ok(Transport::Stdio));
        check(json!({"type": "stdio", "command": "x"}), Ok(Transport::Stdio));
        check(json!({"url": "https://a.test/mcp"}), Ok(Transport::Http));
        check(json!({"type": "streamable-http", "url": "http://a/", "headers": {"A": "b"}}), Ok(Transport::Http));
        check(json!({"type": "sse", "url": "${URL}"}), Ok(Transport::OldSse));
        check(json!({"command": "x", "scope": "user", "approval": "auto", "disabled": true}), Ok(Transport::Stdio));
        check(json!({"command": "x", "url": "http://a"}), Err("both a command and a url"));
        check(json!({}), Err("needs a command or a url"));
        check(json!({"url": "ftp://a"}), Err("must begin with http"));
        check(json!({"command": "x", "type": "http"}), Err("does not fit"));
        check(json!({"command": "x", "scope": "all"}), Err("unknown variant"));
        check(json!({"command": "x", "timeoutSeconds": 0}), Err("timeoutSeconds"));
        check(json!({"command": "x", "alwaysAllow": ["of another program"]}), Ok(Transport::Stdio));
        check(json!("x"), Err("cannot be used"));
    }

    #[test]
    fn a_server_that_is_not_used_is_closed_after_ten_minutes() {
        let idle = |value: Value| Declared::parse(&value).expect("parses").idle();
        assert_eq!(idle(json!({"command": "x"})), Duration::from_secs(600));
        assert_eq!(idle(json!({"command": "x", "idleSeconds": 1})), Duration::from_secs(1));
    }

    #[test]
    fn variables_are_filled_in() {
        let lookup = |name: &str| (name == "A").then(|| "1".to_owned());
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(expanded(text, &lookup).ok().as_deref(), expected, "{text}");
        };
        check("x", Some("x"));
        check("${A}-${A}", Some("1-1"));
        check("${B:-2}", Some("2"));
        check("${B}", None);
        check("$A ${A", Some("$A ${A"));
    }

    #[test]
    fn secrets_are_shown_masked_and_survive_a_round_trip() {
        let value = json!({"command": "x", "env": {"A": "secret", "B": "${B}"}});
        let declared = Declared::parse(&value).expect("parses");
        let shown = declared.clone().masked();
        assert_eq!((shown.env["A"].as_str(), shown.env["B"].as_str()), (MASK, "${B}"));
        assert_eq!(shown.unmasked(Some(&declared)), declared);
        assert_eq!(serde_json::to_value(&declared).expect("JSON"), value);
    }

    #[test]
    fn names_are_plain() {
        for name in ["a", "a-b_c", "A1"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a__b", "ä", "a/b", ".."] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name(&"a".repeat(33)).is_err());
    }
}
