//! A model's server behind a company's proxy: HTTPS_PROXY is used, with its password, NO_PROXY goes past it, and a proxy
//! that does not answer is called that.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::chat;
use crate::support::server::Server;
use crate::support::upstream::{Script, Upstream};
use crate::support::ws::Client;

/// The name of the model's server, which only the proxy knows.
const URL: &str = "https://models.test";

/// A proxy that leads everything to one address, and the heads of what it was asked.
fn proxy(to: String) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let noted = heads.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (to, noted) = (to.clone(), noted.clone());
            thread::spawn(move || lead(stream, &to, &noted));
        }
    });
    (port, heads)
}

fn lead(mut client: TcpStream, to: &str, noted: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).ok().filter(|count| *count > 0)?;
    }
    noted.lock().unwrap().push(head);
    let server = TcpStream::connect(to).ok()?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let (mut back, mut out) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut back, &mut out));
    std::io::copy(&mut reader, &mut &server).ok().map(drop)
}

/// The server with these settings beside those of its provider.
fn server(upstream: &Upstream, settings: &[(&str, &str)]) -> Server {
    let builder = Server::builder().env("SSL_CERT_FILE", upstream.certificate());
    let builder = builder.env("LLM_PROVIDER", "anthropic").env("LLM_PROVIDER_URL", URL).env("LLM_PROVIDER_KEY", "k");
    settings.iter().fold(builder, |builder, (name, value)| builder.env(name, value)).start()
}

fn conversation(server: &Server) -> (Client, chat::Image) {
    let mut client = Client::connect(server.port(), &chat::register(server, "alice"));
    let image = chat::create(&mut client);
    chat::subscribe(&mut client, &image, None);
    (client, image)
}

/// Why the first attempt did not work.
fn reason(server: &Server) -> String {
    let (mut client, image) = conversation(server);
    chat::send(&mut client, &image, "hello");
    let waiting = client.wait_for("a retry", |event| event["type"] == "upstream_retry");
    chat::interrupt(&mut client, &image);
    client.events_until("conversation_end");
    chat::text_of(&waiting["data"]["reason"])
}

#[test]
fn the_way_leads_through_it_or_past_it() {
    let upstream = Upstream::start_tls();
    upstream.always(|| Script::text("Hello!"));
    let (port, heads) = proxy(upstream.url().replace("https://", ""));
    let address = format!("http://us%20er:word@127.0.0.1:{port}");
    let through = server(&upstream, &[("HTTPS_PROXY", &address), ("NO_PROXY", "elsewhere.test, 10.0.0.0/8")]);
    let (mut client, image) = conversation(&through);
    assert_eq!(chat::streamed(&chat::chat(&mut client, &image, "hello")), "Hello!");
    assert_eq!(chat::streamed(&chat::chat(&mut client, &image, "again")), "Hello!");
    let heads = std::mem::take(&mut *heads.lock().unwrap());
    assert!(heads.iter().all(|head| head.starts_with("CONNECT models.test:443 HTTP/1.1\r\n")), "{heads:?}");
    assert!(heads.iter().all(|head| head.to_ascii_lowercase().contains("proxy-authorization: basic ")), "{heads:?}");
    assert!(heads.len() <= upstream.connections().0 && !through.stdout().contains("word@"), "{heads:?}");
    drop((client, through));

    let (port, heads) = proxy(upstream.url().replace("https://", ""));
    let address = format!("http://127.0.0.1:{port}");
    let past = reason(&server(&upstream, &[("HTTPS_PROXY", &address), ("NO_PROXY", ".test")]));
    assert!(past.contains("its name"), "nothing but the proxy knows the name: {past}");
    assert!(heads.lock().unwrap().is_empty());
}

#[test]
fn one_that_does_not_answer_is_called_that() {
    let upstream = Upstream::start_tls();
    let reason = reason(&server(&upstream, &[("HTTPS_PROXY", "http://127.0.0.1:1")]));
    assert!(reason.contains("HTTPS_PROXY"), "{reason}");
}
