//! The port: free, or held by our server, which answers.

use std::io::{self, ErrorKind};
use std::net::{TcpListener, ToSocketAddrs as _};

use super::Installation;
use super::web::{self, Web};
use crate::domain::finding::Finding;

const PORT: &str = "port";

/// `pid`: the server of the data directory, if there is one.
pub(super) fn finding(installation: &Installation, pid: Option<&str>) -> Finding {
    let port = installation.port;
    if port == 0 {
        return Finding::skip(PORT, "PORT=0 does not say where the server listens");
    }
    let host = match installation.host.as_str() {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    let answer = Web::new(true).get(&format!("http://{host}:{port}/health"), &[]);
    let other = "set PORT to a free one, or stop what listens there: `ss -tlnp` shows it";
    match (answer, pid) {
        (Ok(seen), Some(pid)) if is_ours(&seen) && seen.status == 200 => {
            Finding::pass(PORT, format!("our server, process {pid}, answers on port {port}"))
        }
        (Ok(seen), Some(_)) if is_ours(&seen) => {
            Finding::fail(PORT, format!("our server on port {port} says that it is not well"))
                .hint("`portagent healthcheck` and `portagent logs --level error` say more")
        }
        (Ok(seen), None) if is_ours(&seen) => {
            Finding::fail(PORT, format!("port {port} is taken by a portagent with another data directory")).hint(other)
        }
        (Ok(_), _) => Finding::fail(PORT, format!("port {port} is taken by another program")).hint(other),
        (Err(error), pid) => silent(&installation.host, port, pid, &error, other),
    }
}

/// Exactly our answer, or the one of a server of ours that is not well.
fn is_ours(seen: &web::Seen) -> bool {
    seen.body.starts_with(r#"{"status":"ok","timestamp":"#)
        || seen.body.starts_with(r#"{"status":"error","timestamp":"#)
}

/// Nothing there that speaks HTTP: free, or taken all the same.
fn silent(host: &str, port: u16, pid: Option<&str>, error: &ureq::Error, other: &str) -> Finding {
    if let Some(pid) = pid {
        let (what, _) = web::words(error);
        return Finding::fail(PORT, format!("process {pid} serves the directory, but on port {port}: {what}"))
            .hint("name the port of that server with --port or --env-file; `portagent logs` shows where it listens");
    }
    match listen(host, port) {
        Ok(()) => Finding::pass(PORT, format!("port {port} is free")),
        Err(error) => match error.kind() {
            ErrorKind::AddrInUse => Finding::fail(PORT, format!("port {port} is taken by another program")).hint(other),
            ErrorKind::PermissionDenied => Finding::fail(PORT, format!("port {port} is for privileged programs only"))
                .hint("use one above 1023 and a proxy, or give the service CAP_NET_BIND_SERVICE"),
            _ => Finding::fail(PORT, format!("cannot listen on {host} port {port}: {error}"))
                .hint("HOST must be an address of this machine"),
        },
    }
}

fn listen(host: &str, port: u16) -> io::Result<()> {
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    TcpListener::bind(&addresses[..]).map(drop)
}
