//! The ledger against what the provider sent, to the last token, after many turns of many people with answers that are
//! cut off, requests that are repeated, and two restarts, one of them by `kill -9`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{CUT, WHOLE, tokens, usage};
use crate::support::chat::{self, Chat, Image};
use crate::support::people::{register, sql};
use crate::support::server::Server;
use crate::support::upstream::{Script, Step};
use crate::support::ws::Client;

const PEOPLE: usize = 20;
/// Turns in all: a few for every run of the tests; `make ledger` has 1,000.
const TURNS: usize = 80;

/// What the provider has sent so far.
#[derive(Default)]
struct Sent {
    requests: AtomicU64,
    whole: AtomicU64,
    cut: AtomicU64,
    busy: AtomicU64,
}

impl Sent {
    /// Every ninth answer breaks off, every thirteenth request finds it busy.
    fn next(&self) -> Script {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let (count, script) = if number.is_multiple_of(13) {
            (&self.busy, Script::refusal(529, "overloaded_error", "Overloaded"))
        } else if number.is_multiple_of(9) {
            (&self.cut, Script::deltas(&["one", "two"]).cut_after(3, Step::Close))
        } else {
            (&self.whole, Script::text("yes"))
        };
        count.fetch_add(1, Ordering::SeqCst);
        script
    }
}

struct Person {
    token: String,
    image: Image,
    client: Client,
}

fn connect(chat: &Chat, token: &str, image: Option<Image>) -> Person {
    let mut client = Client::connect(chat.server.port(), token);
    let image = image.unwrap_or_else(|| chat::create(&mut client));
    chat::subscribe(&mut client, &image, None);
    Person { token: token.to_owned(), image, client }
}

/// Everybody asks at the same time.
fn round(people: &mut [Person]) {
    for person in people.iter_mut() {
        chat::send(&mut person.client, &person.image, "yes?");
    }
    for person in people.iter_mut() {
        person.client.events_until("conversation_end");
    }
}

/// The first `count` people have an answer that does not end.
fn hang(chat: &Chat, people: &mut [Person], count: usize) {
    for person in &mut people[..count] {
        chat.upstream.push(Script::deltas(&["one", "two"]).cut_after(3, Step::Hang));
        chat::send(&mut person.client, &person.image, "and?");
        person.client.wait_for("a word", |event| event["type"] == "text_delta");
    }
}

fn back(chat: &Chat, people: Vec<Person>) -> Vec<Person> {
    people.into_iter().map(|person| connect(chat, &person.token, Some(person.image))).collect()
}

#[test]
fn the_ledger_is_right_to_the_last_token() {
    let turns = std::env::var("LEDGER_TURNS").ok().and_then(|turns| turns.parse().ok()).unwrap_or(TURNS);
    let rounds = (turns / PEOPLE).max(3);
    let mut chat = Chat::built(Server::builder().env("REGISTRATIONS_PER_HOUR", "0"), []);
    let sent = Arc::new(Sent::default());
    let script = sent.clone();
    chat.upstream.always(move || script.next());
    assert_eq!(chat.server.run(&["budget", "set", "--default", "--tokens", "100000000"]).code, Some(0));
    let names: Vec<String> = (0..PEOPLE).map(|number| format!("person-{number}")).collect();
    let mut people: Vec<Person> =
        names.iter().map(|name| connect(&chat, &register(&chat.server, name), None)).collect();
    for number in 0..rounds {
        round(&mut people);
        if number == rounds / 3 {
            hang(&chat, &mut people, 3);
            chat.server.restart();
            people = back(&chat, people);
        } else if number == 2 * rounds / 3 {
            hang(&chat, &mut people, 2);
            chat.server.kill9();
            chat.server.restart();
            people = back(&chat, people);
        }
    }
    let count = |of: &AtomicU64| of.load(Ordering::SeqCst);
    let rows = |condition: &str| -> (u64, u64) {
        let sums = "count(*), coalesce(sum(inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens), 0)";
        let found = sql(&chat.server, &format!("SELECT {sums} FROM ledger WHERE outcome = '{condition}'"));
        let (rows, tokens) = found.split_once('|').unwrap();
        (rows.parse().unwrap(), tokens.parse().unwrap())
    };
    let (whole, cut, busy) = (count(&sent.whole), count(&sent.cut) + 3, count(&sent.busy));
    assert_eq!(rows("answered"), (whole, whole * WHOLE));
    assert_eq!(rows("aborted"), (cut, cut * CUT), "those that the stop cut off, too");
    assert_eq!(rows("failed"), (busy, 0));
    let (lost, lost_tokens) = rows("lost");
    assert_eq!((lost, rows("open").0), (2, 0));
    assert_eq!(chat.upstream.requests().len() as u64, whole + cut + busy + lost, "a row for every request");
    // The budgets and the views say the same as the rows.
    let mut sum = 0;
    for person in &people {
        let own = usage(&chat, &person.token, "");
        assert_eq!(own["budget"]["used"].as_u64().unwrap(), tokens(&own["total"]));
        sum += tokens(&own["total"]);
    }
    assert_eq!(sum, whole * WHOLE + cut * CUT + lost_tokens);
    let all = chat.server.http().get("/api/admin/usage?by=user", Some(&chat.token)).json();
    assert_eq!((tokens(&all["total"]), all["groups"].as_array().unwrap().len()), (sum, PEOPLE));
}
