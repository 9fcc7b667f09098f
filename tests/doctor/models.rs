//! A model's server as far as a doctor asks it: a list of models, for clients with the key.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use super::{KEY, MODEL};

/// How it behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Good,
    RefusesTheKey,
    KnowsOtherModels,
    /// Its clock, in seconds from ours.
    OtherTime(i64),
}

pub struct Models {
    address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
}

impl Models {
    /// Serves for as long as the tests run.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let manner = Arc::new(Mutex::new(Manner::Good));
        let shared = Arc::clone(&manner);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let lines: Vec<String> =
                    BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let answer = answer(&lines, *shared.lock().unwrap());
                let _ = stream.write_all(answer.as_bytes()); // the client may be gone
            }
        });
        Self { address, manner }
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

fn answer(lines: &[String], manner: Manner) -> String {
    let has_key = lines.iter().any(|line| line.eq_ignore_ascii_case(&format!("x-api-key: {KEY}")));
    let is_list = lines.first().is_some_and(|line| line.starts_with("GET /v1/models?"));
    let (status, body) = match manner {
        // A server that repeats the key is no reason for us to do it.
        Manner::RefusesTheKey => ("401 Unauthorized", format!(r#"{{"error":{{"message":"bad key {KEY}"}}}}"#)),
        _ if !has_key => ("401 Unauthorized", "{}".to_owned()),
        _ if !is_list => ("404 Not Found", "{}".to_owned()),
        Manner::KnowsOtherModels => ("200 OK", r#"{"data":[{"id":"claude-other-1"}],"has_more":false}"#.to_owned()),
        _ => ("200 OK", format!(r#"{{"data":[{{"id":"claude-other-1"}},{{"id":"{MODEL}"}}]}}"#)),
    };
    let date = date(if let Manner::OtherTime(seconds) = manner { seconds } else { 0 });
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn date(seconds_from_now: i64) -> String {
    let output = std::process::Command::new("date")
        .env("LC_ALL", "C")
        .args(["-u", "-d", &format!("{seconds_from_now} seconds"), "+%a, %d %b %Y %H:%M:%S GMT"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
