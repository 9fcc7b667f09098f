//! Against servers on this machine, which count as public only where a test says so.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;
use crate::domain::Cancel;
use crate::domain::id::{ContainerId, ConversationId};
use crate::tools::Progress;

struct Site {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Answers every request by its path.
    fn serving(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let site = Self { address: listener.local_addr().expect("address"), asked: Arc::default() };
        let asked = site.asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mut stream, mut head) = (stream, Vec::new());
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        break;
                    }
                    head.push(byte[0]);
                }
                let path = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
                asked.lock().expect("not poisoned").push(path.clone());
                let _ = stream.write_all(&answer(&path));
            }
        });
        site
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn page(kind: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn to(location: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

fn fetch_with(allowed: &[&str], url: &str, cancel: &Cancel, patience: Duration) -> Result<Output> {
    let allowed: Vec<String> = allowed.iter().map(|one| (*one).to_owned()).collect();
    let (owner, conversation) = (ContainerId::from("user-1".to_owned()), ConversationId::from("img_1".to_owned()));
    FetchUrl::new(&allowed).call(&Call {
        input: &json!({"url": url}).to_string(),
        owner: &owner,
        conversation: &conversation,
        write: &|_, _| Ok(()),
        deadline: Instant::now() + patience,
        text_bytes: 10_000,
        progress: &|_: Progress| {},
        cancel,
    })
}

/// What the model gets, or the code of the error; hosts are allowed by name.
fn fetch(allowed: &[&str], url: &str) -> String {
    fetch_with(allowed, url, &Cancel::new(), PATIENCE).map_or_else(|error| error.code.to_string(), |output| output.text)
}

#[test]
fn pages_texts_and_pictures() {
    let site = Site::serving(|path| match path {
        "/page" => page("text/html; charset=utf-8", "<title>T</title><h1>Head</h1><a href=/x>more</a>"),
        "/json" => page("application/json", "{\"a\": 1}"),
        "/picture" => page("image/png", b"\x89PNG\r\n\x1a\n\0"),
        "/binary" => page("application/zip", b"PK\0\0"),
        "/long" => page("text/plain", "x".repeat(3 << 20)),
        _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
    });
    let get = |path: &str| fetch(&["127.0.0.1"], &site.url(path));
    let text = format!("[{}, written by others]\n", site.url("/page"));
    assert_eq!(get("/page#part"), format!("{text}T\n\n# Head\nmore ({})", site.url("/x")));
    assert!(get("/json").ends_with("\n{\"a\": 1}"));
    assert!(get("/long").ends_with("[cut off: the page is longer than 2 MiB]"));
    assert_eq!((get("/binary").as_str(), get("/none").as_str()), ("fetch_no_text", "fetch_status"));
    let output = fetch_with(&["127.0.0.1"], &site.url("/picture"), &Cancel::new(), PATIENCE).expect("a picture");
    assert_eq!(output.blobs[0].media_type, "image/png");
}

#[test]
fn nothing_that_is_not_public_is_asked() {
    let site = Site::serving(|_| page("text/plain", "secret"));
    let port = site.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "LOCALHOST.",
        "127.0.0.1.",
    ] {
        let said = fetch(&[], &format!("http://{host}:{port}/"));
        assert!(["fetch_private", "fetch_failed", "bad_url"].contains(&said.as_str()), "{host}: {said}");
    }
    for metadata in ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://100.100.100.200/"] {
        assert_eq!(fetch(&[], metadata), "fetch_private", "{metadata}");
    }
    for bad in [
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://127.0.0.1:70/",
        "javascript:alert(1)",
        "example.org",
        "",
        "http://",
        "http:///x",
        "http://user:password@example.org/",
        "http://a b/",
        "http://[::1/",
        "unix:/run/x",
    ] {
        assert_eq!(fetch(&[], bad), "bad_url", "{bad}");
    }
    assert!(site.asked.lock().expect("not poisoned").is_empty(), "nothing reached it");
}

#[test]
fn redirects_are_checked_one_by_one() {
    let inner = Site::serving(|_| page("text/plain", "secret"));
    let by_name = format!("http://localhost:{}/", inner.address.port());
    let outer = Site::serving(move |path| match path {
        "/inside" => to(&by_name),
        "/metadata" => to("http://169.254.169.254/"),
        "/file" => to("file:///etc/passwd"),
        "/relative" => to("/here"),
        "/here" => page("text/plain", "arrived"),
        "/loop" => to("/loop"),
        _ => to("//[::ffff:169.254.169.254]/"),
    });
    let get = |path: &str| fetch(&["127.0.0.1"], &outer.url(path));
    for path in ["/inside", "/metadata", "/slashes"] {
        assert_eq!(get(path), "fetch_private", "{path}");
    }
    assert_eq!((get("/file").as_str(), get("/loop").as_str()), ("bad_url", "fetch_redirects"));
    assert!(get("/relative").ends_with("arrived"));
    assert!(inner.asked.lock().expect("not poisoned").is_empty(), "nothing reached it");
}

/// A name that stands for a public address first and for this machine ever after.
#[test]
fn a_name_that_changes_its_mind_gains_nothing() {
    use ureq::unversioned::resolver::Resolver as _;
    use ureq::unversioned::transport::NextTimeout;
    let site = Site::serving(|_| page("text/plain", "words"));
    let port = site.address.port();
    let rebinding = |first: [u8; 4]| {
        let looked_up = Arc::new(AtomicUsize::new(0));
        let count = looked_up.clone();
        let look_up = move |_: &str, _: u16| {
            let address = if count.fetch_add(1, Ordering::SeqCst) == 0 { first } else { [127, 0, 0, 1] };
            Ok(vec![SocketAddr::from((address, port))])
        };
        (looked_up, Box::new(look_up))
    };
    let (_, look_up) = rebinding([93, 184, 216, 34]);
    let resolver = Checked::with(Arc::from([]), look_up);
    let uri: Uri = "http://rebinding.example/".parse().expect("an address");
    let resolve = || resolver.resolve(&uri, &ureq::config::Config::default(), NextTimeout::default());
    let first = resolve().expect("public");
    assert_eq!(first.iter().map(SocketAddr::to_string).collect::<Vec<_>>(), [format!("93.184.216.34:{port}")]);
    assert!(resolve().expect_err("no longer").to_string().contains("not public"));
    // The client looks up once and connects to what it got: there is no moment in between.
    let (looked_up, look_up) = rebinding([127, 0, 0, 1]);
    let resolver = Checked::with(Arc::from(["rebinding.example".to_owned()]), look_up);
    let agent = agent(resolver, Instant::now() + PATIENCE);
    let text = agent.get("http://rebinding.example/").call().expect("answers").into_body().read_to_string();
    assert_eq!((text.expect("text").as_str(), looked_up.load(Ordering::SeqCst)), ("words", 1));
}

#[test]
fn a_call_ends_in_time_and_with_a_stop() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}/", silent.local_addr().expect("address"));
    let began = Instant::now();
    let late = fetch_with(&["127.0.0.1"], &url, &Cancel::new(), Duration::from_millis(300)).expect_err("no answer");
    assert_eq!(late.code, "fetch_failed");
    let cancel = Cancel::new();
    let stop = cancel.clone();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| fetch_with(&["127.0.0.1"], &url, &cancel, PATIENCE));
        let (_stream, _) = silent.accept().expect("it asks"); // the first
        let (_stream, _) = silent.accept().expect("it asks");
        stop.cancel();
        assert_eq!(call.join().expect("ends").expect_err("stopped").code, "cancelled");
    });
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
