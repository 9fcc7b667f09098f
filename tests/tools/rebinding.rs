//! A name that stands for a public address first and for this machine the next time gains nothing.
//!
//! The real program asks the system's resolver, so the test runs again in a network and with a `resolv.conf` of its own:
//! a DNS server on its loopback that answers as it likes, and a "public" web server behind a cable, in a third network.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::call;
use super::consent::{answer, asked, result};
use crate::support::chat::Chat;
use crate::support::upstream::Script;

const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);
/// Our end of the cable.
const OUR_END: &str = "93.184.216.1/24";
/// Both web servers listen here: an address is all that tells them apart.
const PORT: u16 = 8080;
/// Says which part of the test a process is.
const ROLE: &str = "REBINDING";
/// No question is repeated: each is counted.
const RESOLV_CONF: &str = "nameserver 127.0.0.1\noptions timeout:60 attempts:1\n";

/// The beginning of a command that runs in a network and with mounts of its own.
fn unshared() -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--mount", "--net"]);
    command
}

/// This test program again, as one part of the test.
fn again(mut command: Command, test: &str, role: &str) -> Command {
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("tools::rebinding::{test}"), "--nocapture", "--test-threads=1"]).env(ROLE, role);
    command
}

#[test]
fn a_name_that_changes_is_not_followed_to_this_machine() {
    let probe = unshared().args(["ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"]).output();
    if !probe.as_ref().is_ok_and(|probe| probe.status.success()) {
        // As in the tests of packages: `tests/install.sh` brings what they need, the kernel has to allow it.
        return println!("LEFT OUT: no network namespaces with veth here: {probe:?}");
    }
    let run = again(unshared(), "inside", "inside").output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("REBINDING WAS TRIED"), "{said}\n{run:?}");
}

#[test]
fn inside() {
    if std::env::var(ROLE).as_deref() != Ok("inside") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let conf = directory.path().join("resolv.conf");
    std::fs::write(&conf, RESOLV_CONF).unwrap();
    shell("ip link set lo up");
    shell(&format!("mount --bind {} /etc/resolv.conf", conf.display()));
    let site = Site::beyond_a_cable();
    let (dns, secret) = (Dns::start(), here());
    let chat = Chat::with([]);
    let url = |host: &str, path: &str| format!("http://{host}:{PORT}{path}");
    let refused = |host: &str, path: &str| {
        let (text, is_error) = fetched(&chat, &url(host, path));
        assert!(is_error && text.contains("not public"), "{host}{path}: {text}");
    };

    // One look-up for one request, and the connection goes to what was found by it.
    let (text, is_error) = fetched(&chat, &url("once.example", "/page"));
    assert!(!is_error && text.ends_with("a public page"), "{text}");
    assert_eq!((dns.asked("once.example"), site.asked()), (1, "/page".to_owned()));
    // Asked again, it is this machine.
    refused("once.example", "/page");
    // A redirect is looked up anew.
    refused("turn.example", "/to/turn.example");
    assert_eq!((dns.asked("turn.example"), site.asked()), (2, "/to/turn.example".to_owned()));
    // The other way round, too, and where one answer has both only the public one is connected to.
    refused("late.example", "/page");
    let (text, is_error) = fetched(&chat, &url("both.example", "/page"));
    assert!(!is_error && text.ends_with("a public page"), "{text}");
    assert!(secret.lock().unwrap().is_empty(), "this machine was asked: {secret:?}");
    println!("REBINDING WAS TRIED");
}

/// What the model learns of an address, after its person has allowed the call.
fn fetched(chat: &Chat, url: &str) -> (String, bool) {
    chat.upstream.push(call("t1", "fetch_url", &json!({"url": url})));
    chat.upstream.push(Script::text("Done."));
    let (mut client, image) = chat.conversation();
    let question = asked(&mut client, &image);
    answer(&mut client, &question, "once");
    result(&mut client)
}

fn shell(line: &str) {
    let run = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(run.status.success(), "{line}: {run:?}");
}

/// Answers with the public address first and this machine from the second time on, but for two names.
struct Dns(Arc<Mutex<HashMap<String, usize>>>);

impl Dns {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
        let counts: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let counted = counts.clone();
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut query) {
                let Some((name, kind, end)) = question(&query[..length]) else { continue };
                let mut addresses = Vec::new();
                if kind == 1 {
                    let mut counts = counted.lock().unwrap();
                    let count = counts.entry(name.clone()).or_default();
                    *count += 1;
                    addresses = found(&name, *count);
                }
                let _ = socket.send_to(&reply(&query[..end], &addresses), peer);
            }
        });
        Self(counts)
    }

    fn asked(&self, name: &str) -> usize {
        self.0.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

fn found(name: &str, count: usize) -> Vec<Ipv4Addr> {
    match (name, count) {
        ("late.example", 1) => vec![Ipv4Addr::LOCALHOST],
        ("late.example", _) => vec![PUBLIC],
        ("both.example", _) => vec![Ipv4Addr::LOCALHOST, PUBLIC],
        (_, 1) => vec![PUBLIC],
        _ => vec![Ipv4Addr::LOCALHOST],
    }
}

/// The name and the kind that are asked for (1: an IPv4 address), and where the question ends (RFC 1035 section 4).
fn question(query: &[u8]) -> Option<(String, u16, usize)> {
    let (mut name, mut at) = (String::new(), 12);
    loop {
        let length = usize::from(*query.get(at)?);
        let label = query.get(at + 1..at + 1 + length)?;
        at += 1 + length;
        if length == 0 {
            break;
        }
        let dot = if name.is_empty() { "" } else { "." };
        write!(name, "{dot}{}", String::from_utf8_lossy(label)).unwrap();
    }
    let kind = query.get(at..at + 4)?;
    Some((name.to_ascii_lowercase(), u16::from_be_bytes([kind[0], kind[1]]), at + 4))
}

/// Good for no time at all.
fn reply(question: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    let count = u8::try_from(addresses.len()).unwrap();
    let mut reply = question.to_vec();
    reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
    for address in addresses {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        reply.extend(address.octets());
    }
    reply
}

/// A web server of this machine, which nothing may reach: what it was asked.
fn here() -> Arc<Mutex<Vec<String>>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            noted.lock().unwrap().push(path_of(&mut stream));
        }
    });
    asked
}

/// The web server behind the cable, a process in a network of its own.
struct Site {
    child: Child,
    said: Mutex<BufReader<std::process::ChildStdout>>,
}

impl Site {
    fn beyond_a_cable() -> Self {
        let mut command = Command::new("unshare");
        command.arg("--net");
        let mut command = again(command, "public_site", "site");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let site = Self { said: Mutex::new(BufReader::new(child.stdout.take().unwrap())), child };
        site.wait_for("SITE IS HERE");
        shell(&format!("ip link add v0 type veth peer name v1 netns {}", site.child.id()));
        shell(&format!("ip address add {OUR_END} dev v0 && ip link set v0 up"));
        writeln!(site.child.stdin.as_ref().unwrap(), "connected").unwrap();
        site.wait_for("SITE LISTENS");
        site
    }

    /// What stands behind the word in the next line that has it.
    fn wait_for(&self, word: &str) -> String {
        let mut lines = self.said.lock().unwrap();
        loop {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the public site ended before: {word}");
            if let Some((_, rest)) = line.split_once(word) {
                return rest.trim().to_owned();
            }
        }
    }

    /// The next path that it was asked for.
    fn asked(&self) -> String {
        self.wait_for("ASKED ")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn public_site() {
    if std::env::var(ROLE).as_deref() != Ok("site") {
        return;
    }
    println!("\nSITE IS HERE");
    let mut line = String::new();
    assert_ne!(std::io::stdin().read_line(&mut line).unwrap(), 0);
    shell(&format!("ip address add {PUBLIC}/24 dev v1 && ip link set v1 up"));
    let listener = TcpListener::bind((PUBLIC, PORT)).unwrap();
    println!("SITE LISTENS");
    for mut stream in listener.incoming().flatten() {
        let path = path_of(&mut stream);
        println!("ASKED {path}");
        let head = match path.strip_prefix("/to/") {
            Some(host) => format!("302 Found\r\nLocation: http://{host}:{PORT}/page"),
            None => "200 OK\r\nContent-Type: text/plain".to_owned(),
        };
        let _ = write!(stream, "HTTP/1.1 {head}\r\nContent-Length: 13\r\n\r\na public page");
    }
}

fn path_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned()
}
