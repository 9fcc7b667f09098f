//! An alert as a POST with JSON. The address may be the secret itself, so no error repeats it.

use std::time::Duration;

use ureq::Agent;

use super::Alert;
use crate::net;

/// For the connection, and for all of it. A stop waits for no longer.
const CONNECT: Duration = Duration::from_secs(3);
const TOTAL: Duration = Duration::from_secs(8);

pub(super) fn post(url: &str, alert: &Alert) -> Result<(), String> {
    let body = serde_json::to_vec(alert).map_err(|_| "the alert cannot be written as JSON".to_owned())?;
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_connections(0)
        .user_agent(concat!("portagent/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(TOTAL))
        .proxy(net::proxy_for(url));
    let agent = net::agent(config.build());
    match agent.post(url).header("content-type", "application/json").send(&body[..]) {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("it answered {}", answer.status().as_u16())),
        Err(error) => Err(plain(&error).to_owned()),
    }
}

fn plain(error: &ureq::Error) -> &'static str {
    use ureq::Error as E;
    match error {
        E::Timeout(_) => "it did not answer in time",
        E::HostNotFound => "its name is not known",
        E::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => "nothing listens there",
        E::Io(_) | E::ConnectionFailed => "the connection failed",
        E::Tls(_) | E::Rustls(_) => "a secure connection could not be made",
        E::BadUri(_) | E::Http(_) => "its address is not usable",
        _ => "the request failed",
    }
}
