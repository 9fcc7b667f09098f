//! HTTP requests of the doctor, and their failures in words.

use std::io::{ErrorKind, Read as _};
use std::time::{Duration, Instant};

use ureq::http::Response;
use ureq::{Agent, Body};

use crate::net::{self, Expires};

/// For a whole question and its answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// The most that is read of an answer, in bytes.
const BODY_BYTES: u64 = 1024 * 1024;

pub(super) struct Web {
    direct: bool,
    /// When the certificate of the last answer expires.
    pub(super) expires: Expires,
}

/// An answer, whatever its status.
pub(super) struct Seen {
    pub status: u16,
    pub date: Option<String>,
    pub location: Option<String>,
    pub body: String,
}

impl Web {
    /// `direct`: past any HTTPS_PROXY.
    pub(super) fn new(direct: bool) -> Self {
        Self { direct, expires: Expires::default() }
    }

    /// A client for one request.
    fn agent(&self, url: &str, patience: Duration) -> Agent {
        let proxy = if self.direct { None } else { net::proxy_for(url) };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(0)
            .user_agent(concat!("portagent-doctor/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(patience))
            .proxy(proxy);
        net::noting_agent(config.build(), &self.expires)
    }

    pub(super) fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Seen, ureq::Error> {
        seen(self.ask(url, headers, PATIENCE)?)
    }

    pub(super) fn post(&self, url: &str, body: &[u8]) -> Result<Seen, ureq::Error> {
        let agent = self.agent(url, PATIENCE);
        let sent = agent.post(url).header("content-type", "application/json").send(body);
        seen(sent.map_err(|error| net::of_proxy(&agent, error))?)
    }

    fn ask(&self, url: &str, headers: &[(&str, &str)], patience: Duration) -> Result<Response<Body>, ureq::Error> {
        let agent = self.agent(url, patience);
        let mut request = agent.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.call().map_err(|error| net::of_proxy(&agent, error))
    }

    /// The answer, and when each of its lines came, from the first on. It may take `silence` longer than others.
    pub(super) fn timed_lines(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        silence: Duration,
    ) -> Result<(Seen, Vec<Duration>), ureq::Error> {
        let headers = [headers, &[("accept-encoding", "identity")]].concat();
        let response = self.ask(url, &headers, PATIENCE + silence)?;
        let mut found = head(&response);
        let mut reader = response.into_body().into_reader().take(BODY_BYTES);
        let (mut times, mut began) = (Vec::new(), None);
        let mut piece = [0; 4096];
        let mut body = Vec::new();
        while let Ok(length @ 1..) = reader.read(&mut piece) {
            let now = began.get_or_insert_with(Instant::now).elapsed();
            times.extend(piece[..length].iter().filter(|byte| **byte == b'\n').map(|_| now));
            body.extend_from_slice(&piece[..length]);
        }
        found.body = String::from_utf8_lossy(&body).into_owned();
        Ok((found, times))
    }
}

fn seen(response: Response<Body>) -> Result<Seen, ureq::Error> {
    let mut found = head(&response);
    let mut body = Vec::new();
    // What cannot be read to its end is judged by what has come.
    let _ = response.into_body().into_reader().take(BODY_BYTES).read_to_end(&mut body);
    found.body = String::from_utf8_lossy(&body).into_owned();
    Ok(found)
}

fn head(response: &Response<Body>) -> Seen {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Seen { status: response.status().as_u16(), date: text("date"), location: text("location"), body: String::new() }
}

/// What went wrong, and what to do. Never quotes an address: it may carry a secret.
pub(super) fn words(error: &ureq::Error) -> (String, &'static str) {
    use ureq::Error as E;
    let (what, hint) = match error {
        E::HostNotFound => ("its name does not resolve", "check the name, and this machine's DNS"),
        E::Timeout(ureq::Timeout::Resolve) => ("its name did not resolve in time", "check this machine's DNS"),
        E::Timeout(_) => ("it did not answer in time", "check for a firewall in between"),
        E::Tls(_) | E::Rustls(_) => return certificate(&error.to_string()),
        E::Io(io) => match io.kind() {
            ErrorKind::ConnectionRefused => ("nothing listens there", "check the address, and whether the server runs"),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                ("there is no route to it", "check this machine's network")
            }
            ErrorKind::InvalidData => return certificate(&io.to_string()),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                ("it did not answer in time", "check for a firewall in between")
            }
            _ if io.to_string().contains("lookup address") => {
                ("its name does not resolve", "check the name, and this machine's DNS")
            }
            _ => ("the connection broke off", "check the log of what listens there"),
        },
        E::InvalidProxyUrl | E::ConnectProxyFailed(_) => {
            ("the proxy of HTTPS_PROXY does not answer, or does not let it through", "check HTTPS_PROXY and NO_PROXY")
        }
        E::BadUri(_) | E::Http(_) => ("it is no address", "write it like https://example.com"),
        _ => ("what answers there does not speak HTTP", "check the address and its port"),
    };
    (what.to_owned(), hint)
}

/// rustls says what is wrong with a certificate in its own words; these are ours.
pub(super) fn certificate(said: &str) -> (String, &'static str) {
    let (what, hint) = match said {
        _ if said.contains("Expired") => {
            ("its certificate has expired", "renew it, and check why it was not renewed automatically")
        }
        _ if said.contains("NotValidForName") => {
            ("its certificate is for another name", "get one for this name, or use the name it is for")
        }
        _ if said.contains("NotValidYet") => ("its certificate is not valid yet", "check the clock of this machine"),
        _ if said.contains("CaUsedAsEndEntity") => (
            "its certificate is signed by nothing but itself",
            "get one that browsers trust; name it with --ca or CA_FILE where only programs use it",
        ),
        _ if said.contains("UnknownIssuer") => (
            "its certificate is signed by an unknown authority",
            "get one that browsers trust; name a private authority, or the certificate itself, with --ca or CA_FILE",
        ),
        _ => ("a secure connection could not be made", "check its certificate, and whether it supports TLS 1.2 or 1.3"),
    };
    (what.to_owned(), hint)
}
