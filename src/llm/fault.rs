//! What goes wrong between us and any provider, in plain words, and without ever repeating the key.

use std::io;
use std::time::Duration;

use crate::domain::secret::Secret;
use crate::domain::{Error, Kind};

/// What we repeat of a provider's own words, in characters.
const DETAIL_CHARS: usize = 300;
/// So many characters in a row of the key are enough to give it away.
const TELLING_CHARS: usize = 8;

/// An error, and whether asking again may help.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: Error,
    pub(super) again: bool,
    /// The connection broke off before anything was answered.
    pub(super) broke_off: bool,
    /// What the server said, where it said something.
    pub(super) said: Option<Box<Said>>,
}

/// A refusal as it came. Its words are not fit to be shown yet (see [`Fault::quoted`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Said {
    /// 0: in the middle of a stream, or under 200.
    pub status: u16,
    /// What the server calls it, most exact first: a code, a type.
    pub kinds: Vec<String>,
    pub words: String,
    /// A web page came, which no API sends.
    pub is_page: bool,
    pub retry_after: Option<Duration>,
    /// The server asks not to be asked again.
    pub is_final: bool,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self { error: Error::new(Kind::Upstream, code, message), again: false, broke_off: false, said: None }
    }

    #[must_use]
    pub(super) fn again(mut self, again: bool) -> Self {
        self.again = again;
        self
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: &'static str) -> Self {
        self.error = self.error.hint(hint);
        self
    }

    #[must_use]
    pub(super) fn retry_after(mut self, after: Option<Duration>) -> Self {
        self.error.retry_after = after;
        self
    }

    #[must_use]
    pub(super) fn said(mut self, said: Said) -> Self {
        self.said = Some(Box::new(said));
        self
    }

    /// Adds what the server said to the sentence, fit to be shown.
    #[must_use]
    pub(super) fn quoted(mut self, key: Option<&Secret>) -> Self {
        let detail = self.said.as_ref().map(|said| clean(&said.words, key)).unwrap_or_default();
        if !detail.is_empty() {
            self.error.message = format!("{}. It says: {detail}", self.error.message).into();
        }
        self
    }

    fn cause(mut self, text: String) -> Self {
        self.error = self.error.source(text);
        self
    }

    /// Stands for a cancelled request; never shown.
    pub(super) fn cancelled() -> Self {
        Self::new("cancelled", "Cancelled")
    }

    pub(super) fn nothing_to_answer() -> Self {
        Self::new("upstream_bad_request", "There is nothing in this message that a model can answer")
    }

    pub(super) fn internal(error: serde_json::Error) -> Self {
        Self { error: Error::internal(error), again: false, broke_off: false, said: None }
    }

    pub(super) fn no_model() -> Self {
        Self::new("upstream_not_found", "The model's server has no model")
            .hint("An administrator can install or set one")
    }

    pub(super) fn no_key() -> Self {
        Self::new("upstream_not_configured", "No API key is set, so no model can be asked")
            .hint("An administrator can set LLM_PROVIDER_KEY, or try everything with LLM_PROVIDER=demo")
    }

    pub(super) fn broken_stream(what: &'static str) -> Self {
        Self::new(
            "upstream_broken_stream",
            "The connection to the model's server broke off before the answer was whole",
        )
        .cause(what.to_owned())
        .again(true)
    }

    pub(super) fn bad_answer(what: impl Into<String>) -> Self {
        Self::new("upstream_bad_answer", "The model's server answered with something we do not understand")
            .cause(what.into())
            .hint("An administrator can check that LLM_PROVIDER_URL is the address of an API that LLM_PROVIDER names")
    }

    fn bad_url() -> Self {
        Self::new("upstream_bad_url", "The address of the model's server, or of the proxy on the way, is not usable")
            .hint("An administrator can check LLM_PROVIDER_URL and HTTPS_PROXY")
    }

    fn unreachable(why: &'static str) -> Self {
        Self::new("upstream_unreachable", format!("The model's server cannot be reached: {why}"))
            .hint("An administrator can check the network and LLM_PROVIDER_URL")
            .again(true)
    }

    fn proxy() -> Self {
        Self::unreachable("the proxy of HTTPS_PROXY does not answer, or does not let it through")
            .hint("An administrator can check HTTPS_PROXY and NO_PROXY")
    }

    fn timeout() -> Self {
        // Not asked again: the person has waited long enough already.
        Self::new("upstream_timeout", "The model's server has been silent for too long")
            .hint("Try again; if it stays so, an administrator can check LLM_PROVIDER_URL and LLM_PROVIDER_MODEL")
    }

    /// From the client library, before the head of the answer has come.
    pub(super) fn before_head(error: &ureq::Error, key: Option<&Secret>) -> Self {
        use ureq::Error as E;
        let fault = match error {
            E::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => Self::unreachable("it does not respond"),
            E::Timeout(_) => Self::timeout(),
            E::HostNotFound => Self::unreachable("its name is not known"),
            E::Io(error) => Self::no_connection(error),
            E::ConnectionFailed => Self::unreachable("the connection failed"),
            E::ConnectProxyFailed(_) => Self::proxy(),
            E::BadUri(_) | E::Http(_) | E::InvalidProxyUrl | E::RequireHttpsOnly(_) => Self::bad_url(),
            E::Tls(_) | E::Rustls(_) => Self::untrusted(),
            _ => Self::bad_answer(""),
        };
        let broke_off = matches!(error, E::Io(error) if is_break(error));
        Self { broke_off, ..fault }.cause(clean(&error.to_string(), key))
    }

    /// From the client library, while the answer is read.
    pub(super) fn in_body(error: io::Error, key: Option<&Secret>) -> Self {
        let error = ureq::Error::from(error);
        let fault = match &error {
            ureq::Error::Timeout(_) => Self::timeout(),
            ureq::Error::Io(error) if is_timeout(error) => Self::timeout(),
            _ => Self::broken_stream(""),
        };
        fault.cause(clean(&error.to_string(), key))
    }

    fn no_connection(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::unreachable("nothing listens there"),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
                Self::unreachable("there is no network path to it")
            }
            // This is how the client reports a certificate it does not accept.
            io::ErrorKind::InvalidData => Self::untrusted(),
            _ if is_timeout(error) => Self::timeout(),
            // The standard library gives a failed look-up no kind of its own.
            _ if error.to_string().contains("lookup address") => Self::unreachable("its name cannot be looked up"),
            _ => Self::unreachable("the connection broke off"),
        }
    }

    fn untrusted() -> Self {
        Self::new("upstream_tls", "A secure connection to the model's server could not be made").hint(
            "An administrator can check LLM_PROVIDER_URL, the clock of this machine, and proxies that look into TLS",
        )
    }
}

/// What a connection looks like that the other side has closed.
fn is_break(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::UnexpectedEof | K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe | K::NotConnected
    )
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// Words of others, fit to be shown: one line, not too long, and nothing in it that could be the key.
pub(super) fn clean(text: &str, key: Option<&Secret>) -> String {
    let key = key.map_or("", |key| key.expose().trim());
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let whole = words.map(|word| if gives_away(word, key) { "***" } else { word }).collect::<Vec<_>>().join(" ");
    match whole.char_indices().nth(DETAIL_CHARS) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

/// Whether a word has a piece of the key in it, or looks like a key (also with stars in the middle).
fn gives_away(word: &str, key: &str) -> bool {
    let looks_like_one = word.contains("sk-") && word.len() > 12 || word.contains("****");
    let has_a_piece = if key.len() <= TELLING_CHARS {
        !key.is_empty() && word.contains(key)
    } else {
        key.as_bytes().windows(TELLING_CHARS).any(|piece| word.as_bytes().windows(TELLING_CHARS).any(|w| w == piece))
    };
    looks_like_one || has_a_piece
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_never_repeated() {
        let check = |text: &str, key: &str, expected: &str| {
            assert_eq!(clean(text, Some(&Secret::new(key))), expected);
        };
        check("invalid x-api-key", "secret-value-1", "invalid x-api-key");
        check("key secret-value-1 is wrong", "secret-value-1", "key *** is wrong");
        check("key \"ret-value-1xyz\", wrong", "secret-value-1", "key *** wrong");
        check("Incorrect: sk-ant-api03-abcdef.", "other", "Incorrect: ***");
        check("Incorrect: abcd******wxyz", "other", "Incorrect: ***");
        check("short key: ab1", "ab1", "short key: ***");
        check("line\r\none\u{7}two\u{1b}[31m", "", "line one two [31m");
    }

    #[test]
    fn long_words_of_others_are_cut() {
        assert!(clean(&"字".repeat(5000), None).chars().count() <= DETAIL_CHARS + 1);
        assert!(clean(&"word ".repeat(5000), None).chars().count() <= DETAIL_CHARS + 1);
    }
}
