//! Through a real nginx: a good one, and those that people set up by mistake.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

use super::models::Models;
use super::{Report, builder, doctor};
use crate::support::eventually;
use crate::support::server::Server;

/// What a good one has in its `location`. Each line can be replaced by a mistake.
const GOOD: &str = "
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_buffering off;
    client_max_body_size 20m;";

/// Debian's Caddy, as little configured as it can be.
const CADDY: &str = "{
  admin off
  auto_https disable_redirects
  skip_install_trust
}
https://localhost:PORT {
  tls HOME/certificate.pem HOME/key.pem
  reverse_proxy 127.0.0.1:TO
}
";

/// A proxy with TLS on a port of its own, and a certificate that only those trust who are told to.
pub struct Proxy {
    home: TempDir,
    port: u16,
    certificate: PathBuf,
    running: Mutex<Option<Child>>,
}

impl Proxy {
    pub fn new() -> Self {
        Self::valid_for(90, "FALSE")
    }

    /// With a certificate for so many days, and whether it may sign others.
    fn valid_for(days: u32, ca: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let certificate = home.path().join("certificate.pem");
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days"]);
        openssl.arg(days.to_string());
        openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
        openssl.arg("-addext").arg(format!("basicConstraints=critical,CA:{ca}"));
        openssl.arg("-keyout").arg(home.path().join("key.pem")).arg("-out").arg(&certificate);
        let made = openssl.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { home, port, certificate, running: Mutex::new(None) }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub fn certificate(&self) -> &str {
        self.certificate.to_str().unwrap()
    }

    /// Starts it, or starts it again, in front of the server. `mistake` replaces the line that sets the same.
    pub fn start(&self, server: &Server, mistake: &str) {
        self.stop();
        let subject = |line: &str| line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
        let same = |line: &&str| {
            let ours = subject(line);
            mistake
                .lines()
                .map(subject)
                .any(|theirs| ours[0] == theirs[0] && (ours[0] != "proxy_set_header" || ours[1] == theirs[1]))
        };
        let lines: Vec<&str> = GOOD.lines().filter(|line| !line.is_empty() && !same(line)).collect();
        let (home, port, directives) = (self.home.path().display(), self.port, lines.join("\n"));
        let config = format!(
            "pid {home}/pid; error_log {home}/error.log; daemon off; master_process off;\nevents {{}}\nhttp {{\n  \
             access_log off; client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;\n  \
             fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;\n  \
             map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}\n  server {{\n    \
             listen 127.0.0.1:{port} ssl; ssl_certificate {home}/certificate.pem; ssl_certificate_key {home}/key.pem;\n    \
             location / {{ proxy_pass http://127.0.0.1:{};\n{directives}\n{mistake}\n    }}\n  }}\n}}\n",
            server.port()
        );
        let path = self.home.path().join("nginx.conf");
        fs::write(&path, config).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(self.home.path()).arg("-c").arg(&path);
        self.run(command);
    }

    /// The same with Caddy, without any mistake.
    pub fn start_caddy(&self, server: &Server) {
        let home = self.home.path();
        let config = CADDY.replace("HOME", home.to_str().unwrap()).replace("PORT", &self.port.to_string());
        let path = home.join("Caddyfile");
        fs::write(&path, config.replace("TO", &server.port().to_string())).unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&path).env("HOME", home);
        command.env("XDG_DATA_HOME", home).env("XDG_CONFIG_HOME", home);
        self.run(command);
    }

    fn run(&self, mut command: Command) {
        let said = fs::File::create(self.home.path().join("stderr")).unwrap();
        *self.running.lock().unwrap() = Some(command.stdout(Stdio::null()).stderr(said).spawn().unwrap());
        let log = || {
            let read = |name| fs::read_to_string(self.home.path().join(name)).unwrap_or_default();
            read("error.log") + &read("stderr")
        };
        eventually("the proxy listens", || {
            let ended = self.running.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the proxy ended: {}", log());
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    fn stop(&self) {
        if let Some(mut child) = self.running.lock().unwrap().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn mistakes_of_a_proxy() {
    let models = Models::start();
    let nginx = Proxy::new();
    let server = builder(&models).env("PUBLIC_URL", &nginx.url()).start();
    let look = || doctor(&server, &["--ca", nginx.certificate()]);
    let check = |mistake: &str, fault: &str, words: &str| {
        nginx.start(&server, mistake);
        look().names(fault, words);
    };
    check("proxy_buffering on;", "public streaming", "the proxy buffers");
    check("proxy_set_header Upgrade \"\";", "public websocket", "does not pass WebSockets on");
    check("proxy_set_header Connection \"\";", "public websocket", "does not pass WebSockets on");
    check("client_max_body_size 1m;", "public upload", "refuses 2 MiB");
    check(
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "public client address",
        "believes a client address that a visitor made up",
    );
    check("proxy_set_header X-Forwarded-For \"\";", "public client address", "does not forward client addresses");
    nginx.start(&server, "proxy_set_header X-Forwarded-Proto \"\";");
    let report = look();
    assert!(report.code == Some(0) && report.with("warn").contains(&"public client address"), "{:#}", report.value);
    nginx.start(&server, "");
    assert_eq!(look().with("fail"), Vec::<&str>::new());
    doctor(&server, &[]).names("public tls", "signed by an unknown authority");
    let mut trusting = server.command(&["doctor", "--json"]);
    let report = Report::of(trusting.env("SSL_CERT_FILE", nginx.certificate()).output().unwrap().into());
    assert_eq!(report.with("fail"), Vec::<&str>::new(), "{:#}", report.value);
    nginx.stop();
    look().names("public address", "nothing listens there");
}

#[test]
fn a_server_that_does_not_know_its_proxy() {
    let models = Models::start();
    let nginx = Proxy::new();
    let server = builder(&models).env("TRUSTED_PROXIES", "none").start();
    nginx.start(&server, "proxy_set_header Host portagent.internal;");
    let look = |url: &str| doctor(&server, &["--url", url, "--ca", nginx.certificate()]);
    let report = look(&nginx.url());
    assert_eq!(report.with("fail"), ["public websocket", "public client address"], "{:#}", report.value);
    assert!(report.value.to_string().contains("takes its own page for that of another site"), "{:#}", report.value);
    assert!(report.value.to_string().contains("TRUSTED_PROXIES"), "{:#}", report.value);
    assert!(report.with("warn").contains(&"public url"), "{:#}", report.value);
    let below = look(&format!("{}/chat", nginx.url()));
    assert!(below.with("fail").contains(&"public address"), "no /chat there: {:#}", below.value);
}

/// What `openssl req -x509` makes, named with --ca: an authority's certificate, used as the server's own.
#[test]
fn a_certificate_of_ones_own_that_expires_soon() {
    let models = Models::start();
    let nginx = Proxy::valid_for(2, "TRUE");
    let server = builder(&models).env("PUBLIC_URL", &nginx.url()).start();
    nginx.start(&server, "");
    let report = doctor(&server, &["--ca", nginx.certificate()]);
    assert_eq!(report.with("fail"), Vec::<&str>::new(), "{:#}", report.value);
    assert!(report.with("warn").contains(&"public tls"), "{:#}", report.value);
    let said = report.value.to_string(); // two days from its first second on
    assert!(["1", "2"].iter().any(|n| said.contains(&format!("its certificate expires in {n} days"))), "{said}");
    doctor(&server, &[]).names("public tls", "certificate");
    let other = Proxy::new();
    doctor(&server, &["--ca", other.certificate()]).names("public tls", "certificate");
    let nothing = server.run(&["doctor", "--ca", "/dev/null"]);
    assert!(
        nothing.stdout.contains("CA_FILE=/dev/null (from --ca): there is no certificate in it"),
        "{}",
        nothing.stdout
    );
}

#[test]
fn a_proxy_that_ends_silent_connections_and_metrics_for_everyone() {
    let models = Models::start();
    let nginx = Proxy::new();
    let server = builder(&models).env("CA_FILE", nginx.certificate()).start();
    nginx.start(&server, "proxy_read_timeout 2s;");
    let report = doctor(&server, &["--url", &nginx.url(), "--idle"]);
    assert_eq!(report.with("fail"), ["public silence"], "{:#}", report.value);
    nginx.start(&server, "proxy_set_header X-Forwarded-For \"\";\nproxy_set_header X-Forwarded-Proto \"\";");
    let report = doctor(&server, &["--url", &nginx.url()]);
    assert_eq!(report.with("fail"), ["public client address", "public metrics"], "{:#}", report.value);
}

#[test]
fn an_unknown_name_and_a_proxy_without_a_server() {
    let models = Models::start();
    let mut server = builder(&models).start();
    doctor(&server, &["--url", "https://nowhere.invalid"]).names("public address", "name");
    let nginx = Proxy::new();
    nginx.start(&server, "");
    server.terminate();
    let report: Report = doctor(&server, &["--url", &nginx.url(), "--ca", nginx.certificate()]);
    report.names("public address", "a proxy answers, but does not reach the server (status 502)");
}
