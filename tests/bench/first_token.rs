//! From a question to the first token of its answer, on a warm server, split into its parts.

use std::time::Duration;

use super::client::{FirstToken, Socket, register};
use super::server::Server;
use super::upstream::{self, Upstream};
use super::{millis, report};

const QUESTIONS: usize = 200;

pub fn measure(binary: &str) {
    let upstream = Upstream::start(Duration::ZERO);
    let url = upstream.url();
    let settings = [
        ("LLM_PROVIDER", "anthropic"),
        ("LLM_PROVIDER_KEY", "bench"),
        ("LLM_PROVIDER_URL", &url),
        ("MESSAGES_PER_MINUTE", "0"),
    ];
    let server = Server::start(binary, &settings);
    server.wait_healthy();
    let mut socket = Socket::connect(server.port, &register(server.port, "asker"));
    let id = socket.conversation();
    let question = format!("How long does that take, {}?", upstream::MEASURED);
    socket.first_token(&id, &question, upstream::epoch());
    let before = upstream.connects();
    let times: Vec<_> = (0..QUESTIONS).map(|_| socket.first_token(&id, &question, upstream::epoch())).collect();
    type Part = fn(&FirstToken) -> Duration;
    let parts: [(&str, Part); 5] = [
        ("question to first token, median of 200", |time| time.all),
        ("  until it is stored and acknowledged", |time| time.commit),
        ("  until the model's server has the request", |time| time.ask),
        ("  until that writes the first token", |time| time.upstream),
        ("  until the person has it", |time| time.relay),
    ];
    let made = upstream.connects() - before;
    for (what, part) in parts {
        let mut times: Vec<Duration> = times.iter().map(part).collect();
        times.sort();
        report(what, millis(times[times.len() / 2]));
    }
    report("connections made to the model's server for the 200 questions", made.to_string());
}
