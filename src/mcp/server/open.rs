//! From a declaration to a connection that works: the process or the address, its environment, and its era.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Key, Server};
use crate::domain::id::ContainerId;
use crate::domain::{Error, Result};
use crate::mcp::client::{Client, Era};
use crate::mcp::config::{Transport, expanded};
use crate::mcp::http::Http;
use crate::mcp::link::Link;
use crate::mcp::old_sse::OldSse;
use crate::mcp::rpc::{Trouble, Wait};
use crate::mcp::stdio::{Process, Program};
use crate::workdirs::{Dir, ROOT};

/// What a child gets of our environment: nothing that is a secret of ours.
const PASSED_ON: &[&str] = &["PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"];
/// Likewise, unless it holds a password.
const PROXIES: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
/// Servers that talk to terminals are told that there is none.
const FIXED: &[(&str, &str)] =
    &[("npm_config_yes", "true"), ("npm_config_update_notifier", "false"), ("NO_COLOR", "1")];
/// A child's own directory, below the data directory or a person's container.
const DIRECTORY: &str = "mcp";
const DIRECTORY_MODE: u32 = 0o700;
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

/// What failed, and the server's last words.
type Failed = (Trouble, Vec<String>);

pub(super) fn connected(
    server: &Server,
    key: &Key,
    known: Option<&Era>,
    wait: &Wait<'_>,
) -> std::result::Result<Arc<Client>, Failed> {
    let gone = |error: Error| (Trouble::Gone(error.message.into_owned()), Vec::new());
    match server.declared.transport().map_err(gone)? {
        Transport::Stdio => over_stdio(server, key, known, wait),
        Transport::Http => over_http(server, known, wait),
        Transport::OldSse => over_old_sse(server, wait),
    }
}

fn over_stdio(
    server: &Server,
    key: &Key,
    known: Option<&Era>,
    wait: &Wait<'_>,
) -> std::result::Result<Arc<Client>, Failed> {
    let legacy = Era { is_modern: false, version: String::new() };
    let mut known = known;
    loop {
        let program = program(server, key).map_err(|error| (Trouble::Gone(error.message.into_owned()), Vec::new()))?;
        let process = Process::start(program).map_err(|trouble| (trouble, Vec::new()))?;
        let outcome = Client::connect(process.clone(), known, wait);
        let Err(trouble) = outcome else { return outcome.map(Arc::new).map_err(|trouble| (trouble, Vec::new())) };
        process.close();
        process.wait_closed(CLOSE_PATIENCE);
        // Some exit on what they do not know: once more, without the question.
        if known.is_none() && matches!(trouble, Trouble::Gone(_)) && !process.could_not_start() {
            known = Some(&legacy);
            continue;
        }
        return Err((trouble, process.last_words()));
    }
}

fn over_http(server: &Server, known: Option<&Era>, wait: &Wait<'_>) -> std::result::Result<Arc<Client>, Failed> {
    let (url, headers) = address(server).map_err(|error| (Trouble::Gone(error.message.into_owned()), Vec::new()))?;
    let http: Arc<dyn Link> = Arc::new(Http::new(url, headers));
    match Client::connect(http, known, wait) {
        // What such a status means for a POST: there is only the older transport, or nothing.
        Err(trouble @ Trouble::Refused { code: -400 | -404 | -405, .. }) => {
            over_old_sse(server, wait).map_err(|_| (trouble, Vec::new()))
        }
        outcome => outcome.map(Arc::new).map_err(|trouble| (trouble, Vec::new())),
    }
}

fn over_old_sse(server: &Server, wait: &Wait<'_>) -> std::result::Result<Arc<Client>, Failed> {
    let alone = |trouble| (trouble, Vec::new());
    let (url, headers) = address(server).map_err(|error| alone(Trouble::Gone(error.message.into_owned())))?;
    let link = OldSse::open(&url, headers, wait).map_err(alone)?;
    let legacy = Era { is_modern: false, version: String::new() };
    let outcome = Client::connect(link.clone(), Some(&legacy), wait);
    if outcome.is_err() {
        link.close();
    }
    outcome.map(Arc::new).map_err(alone)
}

fn lookup(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn address(server: &Server) -> Result<(String, Vec<(String, String)>)> {
    let url = expanded(server.declared.url.as_deref().unwrap_or_default(), &lookup)?;
    let headers = server.declared.headers.iter().map(|(name, value)| Ok((name.clone(), expanded(value, &lookup)?)));
    Ok((url, headers.collect::<Result<_>>()?))
}

fn program(server: &Server, key: &Key) -> Result<Program> {
    let declared = &server.declared;
    let directory = home(server, key.as_ref())?;
    let ours = |name: &str| Some((name.to_owned(), lookup(name)?));
    let mut env: Vec<(String, String)> = PASSED_ON.iter().filter_map(|name| ours(name)).collect();
    let lower: Vec<String> = PROXIES.iter().map(|name| name.to_ascii_lowercase()).collect();
    let proxies = PROXIES.iter().copied().chain(lower.iter().map(String::as_str)).filter_map(ours);
    env.extend(proxies.filter(|(_, value)| !value.contains('@')));
    env.extend(FIXED.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    env.push(("HOME".to_owned(), directory.to_string_lossy().into_owned()));
    for (name, value) in &declared.env {
        env.push((name.clone(), expanded(value, &lookup)?));
    }
    Ok(Program {
        name: server.name.clone(),
        command: expanded(declared.command.as_deref().unwrap_or_default(), &lookup)?,
        args: declared.args.iter().map(|arg| expanded(arg, &lookup)).collect::<Result<_>>()?,
        env,
        directory,
        limits: declared.limits(),
    })
}

/// The child's home and working directory, made where it is missing.
fn home(server: &Server, owner: Option<&ContainerId>) -> Result<PathBuf> {
    let mut names = Vec::new();
    if let Some(owner) = owner {
        names.extend([ROOT, owner.as_str()]);
    }
    names.extend([DIRECTORY, server.name.as_str()]);
    let make = || {
        let data = Dir::open(&server.data_dir)?;
        names.iter().try_fold(data, |at, name| at.dir_or_new(name.as_ref(), DIRECTORY_MODE))
    };
    make().map_err(|cause| Error::unavailable("no_directory", format!("its directory cannot be made: {cause}")))?;
    Ok(names.iter().fold(std::path::absolute(&server.data_dir).map_err(Error::internal)?, |at, name| at.join(name)))
}
