//! How our clients open connections: through the proxy of their settings, trusting what this process trusts.

use std::sync::{Arc, LazyLock};

use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, DefaultConnector, TcpConnector, Transport,
};
use ureq::{Agent, Error};

use super::connector::{Boxed, Tls};
use super::roots;
use super::verifier::{Expires, Verifier};

/// For all clients: it costs the roots, and keeps sessions that make the next handshake short.
static TLS: LazyLock<Option<Arc<ClientConfig>>> = LazyLock::new(|| client_config(&Expires::default()));

/// Opens a connection: proxy, socket, TLS.
#[derive(Debug)]
pub struct Opener(Box<dyn Connector<(), Out = Box<dyn Transport>>>);

impl Opener {
    fn with(tls: Option<Arc<ClientConfig>>) -> Self {
        match tls {
            Some(tls) => {
                let socket = ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default());
                Self(Box::new(socket.chain(Tls(tls)).chain(Boxed)))
            }
            None => Self(Box::new(DefaultConnector::default())),
        }
    }
}

impl Default for Opener {
    fn default() -> Self {
        Self::with(TLS.clone())
    }
}

impl Connector for Opener {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<()>) -> Result<Option<Self::Out>, Error> {
        self.0.connect(details, chained)
    }
}

pub fn agent(config: Config) -> Agent {
    Agent::with_parts(config, Opener::default(), DefaultResolver::default())
}

/// For one question: it notes when the certificate expires.
pub fn noting_agent(config: Config, expires: &Expires) -> Agent {
    Agent::with_parts(config, Opener::with(client_config(expires)), DefaultResolver::default())
}

/// `None` where rustls cannot be set up as we want it; ureq's own is as strict.
fn client_config(expires: &Expires) -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(roots::store());
    let usual = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build().ok()?;
    let verifier = Verifier::new(usual, roots::named(), expires.clone());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    Some(Arc::new(config))
}

/// Where a proxy is in between, it is the proxy that cannot be reached.
pub fn of_proxy(agent: &Agent, error: ureq::Error) -> ureq::Error {
    use std::io::ErrorKind;
    let is_unreachable = match &error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
        ureq::Error::Timeout(at) => matches!(at, ureq::Timeout::Connect | ureq::Timeout::Resolve),
        ureq::Error::Io(io) => matches!(
            io.kind(),
            ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
        ),
        _ => false,
    };
    let is_proxied = agent.config().proxy().is_some();
    if is_proxied && is_unreachable { ureq::Error::ConnectProxyFailed(String::new()) } else { error }
}
