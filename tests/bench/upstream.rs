//! An upstream in the form of the Anthropic Messages API that writes a token at a steady pace, each with the time at
//! which it was written.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// About the pace of today's models.
const PACE: Duration = Duration::from_millis(25);

/// A question with this word is answered in three tokens.
pub const BRIEF: &str = "briefly";
/// A question with this word is answered at once with one token: when the question came, and when the token was written.
pub const MEASURED: &str = "measured";

pub struct Upstream {
    port: u16,
    connects: Arc<AtomicUsize>,
}

/// The moment from which all times count.
pub fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

impl Upstream {
    pub fn start(streaming: Duration) -> Self {
        epoch();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let connects = Arc::new(AtomicUsize::new(0));
        let counted = connects.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || serve(stream, streaming));
            }
        });
        Self { port, connects }
    }

    /// Connections that were made to it so far.
    pub fn connects(&self) -> usize {
        self.connects.load(Ordering::SeqCst)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn serve(mut stream: TcpStream, streaming: Duration) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        answer(&mut reader, &mut stream, streaming)?;
    }
}

fn answer(reader: &mut BufReader<TcpStream>, out: &mut TcpStream, streaming: Duration) -> Option<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let came = epoch().elapsed().as_nanos();
    let has = |word: &str| body.windows(word.len()).any(|window| window == word.as_bytes());
    let (is_measured, is_brief) = (has(MEASURED), has(BRIEF));
    let streaming = if is_brief { PACE * 3 } else { streaming };
    out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").ok()?;
    event(
        out,
        r#"{"type":"message_start","message":{"id":"m","model":"bench","usage":{"input_tokens":9,"output_tokens":1}}}"#,
    )?;
    event(out, r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#)?;
    if is_measured {
        let text = format!("m{came} {}", epoch().elapsed().as_nanos());
        event(
            out,
            &format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}}"#),
        )?;
    }
    let until = Instant::now() + if is_measured { Duration::ZERO } else { streaming };
    let mut written = 0;
    while Instant::now() < until {
        std::thread::sleep(PACE);
        written += 1;
        // A paragraph now and then, as people's answers have them.
        let space = if written % 60 == 0 { r"\n\n" } else { " " };
        let text = format!("t{}{space}", epoch().elapsed().as_nanos());
        event(
            out,
            &format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}}"#),
        )?;
    }
    event(out, r#"{"type":"content_block_stop","index":0}"#)?;
    event(out, r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":99}}"#)?;
    event(out, r#"{"type":"message_stop"}"#)?;
    out.write_all(b"0\r\n\r\n").ok()
}

fn event(out: &mut TcpStream, data: &str) -> Option<()> {
    let name = data.split('"').nth(3)?;
    let event = format!("event: {name}\ndata: {data}\n\n");
    out.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).ok()
}
