//! A provider as an administrator sets it up: what it is called, how it is spoken to, where, and with which key.

use super::secret::Secret;
use super::vendor::{self, Kind};
use super::{Error, Result, limits, web_address};

/// Characters of a provider's name.
pub const NAME_CHARS: usize = 32;
/// In bytes.
const URL_BYTES: usize = 1024;
const KEY_BYTES: usize = 4096;
/// What is shown of a key, in characters at its end; of short ones nothing.
const SHOWN_CHARS: usize = 4;
const SHOWN_FROM: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRow {
    pub name: String,
    pub kind: Kind,
    /// Empty: that of the kind.
    pub base_url: String,
    pub api_key: Option<Secret>,
    /// Empty: the first that the provider lists.
    pub default_model: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    pub updated_at: i64,
}

/// What to change: `None` leaves a field alone, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct ProviderChange {
    /// Sets kind and base URL, where those are not given.
    pub vendor: Option<String>,
    pub kind: Option<String>,
    pub base_url: Option<String>,
    pub api_key: Option<Option<Secret>>,
    pub default_model: Option<String>,
}

impl ProviderRow {
    /// A new one, named after its vendor where it has no name.
    ///
    /// Errors: `Invalid`, with the sentence for the first thing that is wrong.
    pub fn new(name: Option<&str>, change: ProviderChange, now: i64) -> Result<Self> {
        let named = name.or(change.vendor.as_deref()).or(change.kind.as_deref()).unwrap_or_default().to_owned();
        let row = Self {
            name: checked_name(&named)?,
            kind: Kind::OpenAi,
            base_url: String::new(),
            api_key: None,
            default_model: String::new(),
            created_at: now,
            updated_at: now,
        };
        if change.vendor.is_none() && change.kind.is_none() {
            return Err(Error::invalid("missing_kind", "Name the provider's vendor or kind").hint(kinds()));
        }
        row.changed(change, now)
    }

    /// Errors: `Invalid`; also when the address changes and the key does not, since a key must not be sent to a server
    /// that it was not given for.
    pub fn changed(&self, change: ProviderChange, now: i64) -> Result<Self> {
        let mut row = Self { updated_at: now, ..self.clone() };
        if let Some(name) = &change.vendor {
            let vendor = vendor::named(name).ok_or_else(|| no_such("vendor", name))?;
            let url = change.base_url.as_deref().filter(|url| !url.trim().is_empty());
            (row.kind, row.base_url) = (vendor.kind_at(url), vendor.url.to_owned());
            row.default_model = vendor.default_model.to_owned();
        }
        if let Some(name) = &change.kind {
            row.kind = vendor::kind_named(name).ok_or_else(|| no_such("kind", name))?;
        }
        if row.kind == Kind::Demo {
            let error = Error::invalid("bad_kind", "The demonstration is part of the settings");
            return Err(error.hint("start with LLM_PROVIDER=demo"));
        }
        if let Some(url) = change.base_url {
            row.base_url = checked_url(&url)?;
        }
        if let Some(model) = change.default_model {
            row.default_model = checked_model(&model)?;
        }
        let moves = (row.kind, &row.base_url) != (self.kind, &self.base_url);
        match change.api_key {
            Some(key) => row.api_key = key.map(|key| checked_key(&key)).transpose()?,
            None if moves && self.api_key.is_some() => {
                let error = Error::invalid("key_needed", "Another address needs its key again");
                return Err(error.hint("a key is not sent to a server that it was not given for"));
            }
            None => {}
        }
        Ok(row)
    }

    pub fn needs_key(&self) -> bool {
        vendor::needs_key(self.kind, &self.base_url)
    }
}

/// `…abcd`: enough to tell one key from another, and no help to anyone who wants to use it.
pub fn key_hint(key: &Secret) -> String {
    let key = key.expose().trim();
    let count = key.chars().count();
    let shown = if count >= SHOWN_FROM { SHOWN_CHARS } else { 0 };
    format!("…{}", key.chars().skip(count - shown).collect::<String>())
}

fn checked_name(name: &str) -> Result<String> {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > NAME_CHARS || !name.chars().all(is_good) {
        let error = Error::invalid("bad_provider_name", "That is not a name for a provider");
        return Err(error.hint(format!("up to {NAME_CHARS} small letters, digits and hyphens, such as `deepseek`")));
    }
    Ok(name.to_owned())
}

fn checked_url(url: &str) -> Result<String> {
    let url = url.trim();
    if url.is_empty() {
        return Ok(String::new());
    }
    let bad = |what: String, hint| Error::invalid("bad_url", format!("The base URL: {what}")).hint(hint);
    if url.len() > URL_BYTES {
        return Err(bad(format!("it has more than {URL_BYTES} bytes"), "copy it from the provider's documentation"));
    }
    web_address::api(url).map_err(|no| bad(no.what.to_owned(), no.hint))
}

fn checked_key(key: &Secret) -> Result<Secret> {
    let text = key.expose().trim();
    if text.is_empty() || text.len() > KEY_BYTES || !text.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
        let error = Error::invalid("bad_key", "A key is one line of ASCII characters without blanks");
        return Err(error.hint("copy it again from the provider's page"));
    }
    Ok(Secret::new(text))
}

fn checked_model(model: &str) -> Result<String> {
    let model = model.trim();
    let is_odd = |c: char| c.is_control() || c.is_whitespace();
    if model.chars().count() > limits::MODEL_CHARS || model.chars().any(is_odd) {
        let error = Error::invalid("invalid_model", "That is not the name of a model");
        return Err(error.hint("write it as the provider does, such as claude-sonnet-5-5"));
    }
    Ok(model.to_owned())
}

fn no_such(what: &'static str, name: &str) -> Error {
    let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect();
    Error::invalid("bad_kind", format!("There is no {what} `{name}`")).hint(kinds())
}

fn kinds() -> String {
    let names: Vec<&str> = vendor::VENDORS.iter().map(|vendor| vendor.name).filter(|name| *name != "demo").collect();
    format!("one of {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(vendor: &str, url: Option<&str>, key: Option<&str>) -> ProviderChange {
        ProviderChange {
            vendor: Some(vendor.to_owned()),
            base_url: url.map(str::to_owned),
            api_key: key.map(|key| Some(Secret::new(key))),
            ..ProviderChange::default()
        }
    }

    #[test]
    fn a_vendor_sets_what_is_not_given() {
        let check = |name, change, expected: Result<(&str, Kind, &str), &str>| {
            let made = ProviderRow::new(name, change, 7);
            let seen = made.as_ref().map(|row| (row.name.as_str(), row.kind, row.base_url.as_str()));
            assert_eq!(seen.map_err(|error| error.code.as_str()), expected);
        };
        check(None, of("deepseek", None, None), Ok(("deepseek", Kind::OpenAi, "https://api.deepseek.com/v1")));
        check(Some("work"), of("openai", Some("http://h:1/v1/"), None), Ok(("work", Kind::OpenAi, "http://h:1/v1")));
        check(Some("Work"), of("openai", None, None), Err("bad_provider_name"));
        check(None, of("nope", None, None), Err("bad_kind"));
        check(None, of("demo", None, None), Err("bad_kind"));
        check(None, of("openai", Some("ftp://x"), None), Err("bad_url"));
        check(None, of("openai", None, Some("a b")), Err("bad_key"));
        check(Some("x"), ProviderChange::default(), Err("missing_kind"));
    }

    #[test]
    fn a_key_does_not_go_to_another_address() {
        let row = ProviderRow::new(None, of("openai", None, Some("sk-1")), 1).expect("is good");
        let to = |url: &str| ProviderChange { base_url: Some(url.to_owned()), ..ProviderChange::default() };
        assert_eq!(row.changed(to("http://evil"), 2).map_err(|error| error.code), Err("key_needed".into()));
        let with_key = ProviderChange { api_key: Some(Some(Secret::new("sk-2"))), ..to("http://other") };
        assert!(row.changed(with_key, 2).is_ok());
        assert!(row.changed(ProviderChange { api_key: Some(None), ..to("http://other") }, 2).is_ok());
    }

    #[test]
    fn a_key_is_known_by_its_end() {
        for (key, shown) in [("sk-0123456789abcdef", "…cdef"), ("short", "…"), ("", "…")] {
            assert_eq!(key_hint(&Secret::new(key)), shown);
        }
    }
}
