//! Every setting there is. Help, `portagent config` and the messages about bad values all read this table.

/// One setting. Its name is that of its environment variable.
#[derive(Debug)]
pub struct Setting {
    pub name: &'static str,
    /// The flag without its dashes; empty where there is none.
    pub flag: &'static str,
    pub short: Option<char>,
    /// What stands for the value in help; empty for a switch that may stand alone.
    pub value: &'static str,
    pub default: Default,
    /// Never shown, only whether it is set.
    pub secret: bool,
    pub meaning: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// Used as if it had been typed.
    Is(&'static str),
    /// Worked out; described here for people.
    Derived(&'static str),
}

impl Default {
    pub fn text(self) -> &'static str {
        match self {
            Self::Is(text) | Self::Derived(text) => text,
        }
    }
}

impl Setting {
    /// The variable that names a file with the value in it; none for what is no secret.
    pub fn file_variable(&self) -> Option<String> {
        self.secret.then(|| format!("{}_FILE", self.name))
    }

    pub fn is_switch(&self) -> bool {
        self.value.is_empty()
    }
}

pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

use self::Default::{Derived, Is};

const SHOWN: bool = false;
const SECRET: bool = true;

const fn row(
    name: &'static str,
    (short, flag): (Option<char>, &'static str),
    value: &'static str,
    default: Default,
    secret: bool,
    meaning: &'static str,
) -> Setting {
    Setting { name, flag, short, value, default, secret, meaning }
}

const NO_FLAG: (Option<char>, &str) = (None, "");

#[rustfmt::skip] // a table
pub static SETTINGS: &[Setting] = &[
    row("PORT", (Some('p'), "port"), "PORT", Is("5200"), SHOWN, "HTTP and WebSocket on one port; 0 lets the system choose"),
    row("HOST", (None, "host"), "ADDRESS", Is("0.0.0.0"), SHOWN, "address to listen on"),
    row("AGENTX_DIR", (Some('d'), "data-dir"), "DIR", Derived("~/.agentx"), SHOWN, "data directory"),
    row("LLM_PROVIDER", (None, "provider"), "NAME", Is("anthropic"), SHOWN, "anthropic, openai (any compatible server), responses, ollama, demo (built in), or a vendor such as deepseek"),
    row("LLM_PROVIDER_KEY", (None, "api-key"), "KEY", Derived(""), SECRET, "the provider's API key"),
    row("LLM_PROVIDER_URL", (None, "api-url"), "URL", Derived("the provider's own"), SHOWN, "the provider's base URL"),
    row("LLM_PROVIDER_MODEL", (None, "model"), "MODEL", Derived("claude-sonnet-5-5, or the first that the provider lists"), SHOWN, "model of conversations that name none"),
    row("CA_FILE", (None, "ca"), "FILE", Derived("none"), SHOWN, "certificates in PEM that are trusted as well: a private authority, or a server's own"),
    row("JWT_SECRET", (None, "jwt-secret"), "SECRET", Derived("made once, kept in the data directory"), SECRET, "key that signs login tokens"),
    row("INVITE_CODE_REQUIRED", (None, "invite-code-required"), "", Is("false"), SHOWN, "registration needs an invite code"),
    row("INVITE_CODE_DAILY", NO_FLAG, "true|false", Is("false"), SHOWN, "accept the guessable code of the day of Portagent 1.9"),
    row("LOG_LEVEL", NO_FLAG, "LEVEL", Is("info"), SHOWN, "debug, info, warn or error"),
    row("ENABLE_PROMPTX", NO_FLAG, "true|false", Derived("whether there is a command promptx"), SHOWN, "offer the tools of PromptX, as the tool server promptx"),
    row("TRUSTED_PROXIES", NO_FLAG, "LIST", Is("loopback"), SHOWN, "proxies whose forwarding headers are trusted: addresses, networks, loopback, private, none"),
    row("PUBLIC_URL", NO_FLAG, "URL", Derived(""), SHOWN, "the address people use; its path is the sub-path we are served under"),
    row("METRICS_TOKEN", NO_FLAG, "TOKEN", Derived("only this machine and private networks"), SECRET, "bearer token for /metrics"),
    row("ALERT_WEBHOOK_URL", NO_FLAG, "URL", Derived("none"), SECRET, "receives a POST with JSON when an alert fires and when it is resolved"),
    row("ALERT_COMMAND", NO_FLAG, "COMMAND", Derived("none"), SECRET, "shell command that is run then, with PORTAGENT_ALERT_* in its environment"),
    row("ALERT_NAME", NO_FLAG, "NAME", Derived("that of PUBLIC_URL"), SHOWN, "what this server is called in alerts"),
    row("ALERT_EVERY_SECONDS", NO_FLAG, "SECONDS", Is("30"), SHOWN, "how often alert rules are evaluated"),
    row("LOGIN_FAILURES_PER_5MIN", NO_FLAG, "NUMBER", Is("10"), SHOWN, "wrong passwords per account and address; 0: no limit"),
    row("REGISTRATIONS_PER_HOUR", NO_FLAG, "NUMBER", Is("20"), SHOWN, "new accounts per address; 0: no limit"),
    row("MESSAGES_PER_MINUTE", NO_FLAG, "NUMBER", Is("60"), SHOWN, "messages of one person; 0: no limit"),
    row("SOCKETS_PER_USER", NO_FLAG, "NUMBER", Is("16"), SHOWN, "open WebSockets of one person, past which the oldest ends; 0: no limit"),
    row("STORAGE_PER_USER_MB", NO_FLAG, "MIB", Is("1024"), SHOWN, "what one person may store, conversations and files together, in MiB; 0: no limit"),
    row("FETCH_URL", NO_FLAG, "true|false", Is("true"), SHOWN, "agents may fetch web pages, with the consent of the person"),
    row("FETCH_URL_ALLOWED_HOSTS", NO_FLAG, "LIST", Derived("public addresses only"), SHOWN, "hosts that may be fetched although they are not public: names and addresses, separated by commas"),
    row("BACKUP_SCHEDULE", NO_FLAG, "TIMES", Is("02:00"), SHOWN, "times of automatic backups, UTC, such as 02:00,14:00; off: none"),
    row("BACKUP_DIR", NO_FLAG, "DIR", Derived("backups in the data directory"), SHOWN, "where backups are put"),
    row("BACKUP_RETENTION_DAYS", NO_FLAG, "DAYS", Is("30"), SHOWN, "older backups are removed after a good new one; 0: all are kept"),
    row("BACKUP_RECIPIENT", NO_FLAG, "AGE1…", Derived("not encrypted"), SHOWN, "age recipients that backups are encrypted to, separated by commas"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_flags_are_unique_and_switches_have_a_flag() {
        for (at, one) in SETTINGS.iter().enumerate() {
            assert!(!one.is_switch() || !one.flag.is_empty(), "{}", one.name);
            for other in &SETTINGS[at + 1..] {
                assert_ne!(one.name, other.name);
                assert!(one.flag.is_empty() || one.flag != other.flag);
                assert!(one.short.is_none() || one.short != other.short);
            }
        }
    }
}
