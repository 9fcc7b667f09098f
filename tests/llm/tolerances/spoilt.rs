//! The answers of a decent server with something changed in them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use portagent::domain::StopReason;

use super::check;
use crate::support::upstream::{Script, Step};
use crate::support::wires::Wire::{self, Anthropic, Chat, Ollama, Responses};

/// What stands for what.
type Pairs = &'static [(&'static str, &'static str)];

enum Change {
    /// Each of these, wherever it stands.
    Replace(Pairs),
    /// Without the events or lines with this in them.
    Without(&'static str),
    Before(&'static str),
    Behind(&'static str),
    /// In pieces of so many bytes.
    Pieces(usize),
    Type(&'static str),
    Gzip,
    Crlf,
    /// Pings, comments and unknown events between all others.
    Noise,
}
use Change::{Before, Behind, Crlf, Gzip, Noise, Pieces, Replace, Type, Without};

struct Row {
    what: &'static str,
    on: &'static [Wire],
    change: Change,
    /// The tokens that the answer took, where they can be read all the same.
    output: Option<u64>,
}

const ALL: &[Wire] = &Wire::ALL;
const EVENTS: &[Wire] = &[Anthropic, Chat, Responses];
const COUNTED: Option<u64> = Some(23);

const fn row(what: &'static str, on: &'static [Wire], change: Change, output: Option<u64>) -> Row {
    Row { what, on, change, output }
}

const ROWS: &[Row] = &[
    row("counts as floats", ALL, Replace(&[(":11", ":11.0"), (":23", ":23.0")]), COUNTED),
    row("counts in quotes", ALL, Replace(&[(":11", ":\"11\""), (":23", ":\"23\"")]), COUNTED),
    row("negative counts", ALL, Replace(&[(":11", ":-11"), (":23", ":-23.5")]), None),
    row("no usage", EVENTS, Replace(&[("\"usage\":{", "\"usage\":null,\"was\":{")]), None),
    row(
        "usage in every chunk",
        &[Chat],
        Replace(&[("\"usage\":null", "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}")]),
        COUNTED,
    ),
    row(
        "an index in quotes",
        EVENTS,
        Replace(&[("index\":0", "index\":\"0\""), ("index\":1", "index\":\"1\""), ("index\":2", "index\":\"2\"")]),
        COUNTED,
    ),
    row(
        "no index",
        EVENTS,
        Replace(&[
            (",\"index\":0}", "}"),
            ("\"index\":0,", ""),
            ("\"index\":1,", ""),
            ("\"index\":2,", ""),
            ("\"output_index\":0,", ""),
            ("\"output_index\":1,", ""),
            ("\"output_index\":2,", ""),
        ]),
        COUNTED,
    ),
    row("a model that is a number", ALL, Replace(&[("\"model-of-the-test\"", "7")]), COUNTED),
    row("another model", ALL, Replace(&[("model-of-the-test", "model-of-somewhere-else")]), COUNTED),
    row("no model", ALL, Replace(&[("\"model\":", "\"was\":")]), COUNTED),
    row("no space behind data:", EVENTS, Replace(&[("data: ", "data:")]), COUNTED),
    row("no names of events", &[Anthropic, Responses], Replace(&[("event: ", "x: ")]), COUNTED),
    row("CRLF", ALL, Crlf, COUNTED),
    row("a byte at a time", ALL, Pieces(1), COUNTED),
    row("pieces of three bytes", ALL, Pieces(3), COUNTED),
    row("a byte order mark", ALL, Before("\u{feff}"), COUNTED),
    row("blank lines until it begins", ALL, Before("\n\n \n\r\n\n"), COUNTED),
    row("keep-alive comments until it begins", EVENTS, Before(": keep-alive\n\n: PROCESSING\n\n:\n\n"), COUNTED),
    row(
        "empty events until it begins",
        EVENTS,
        Before("event: ping\ndata:\n\nretry: 10\nid: 1\n\ndata: {}\n\n"),
        COUNTED,
    ),
    row("objects that say nothing until it begins", &[Ollama], Before("{}\n{\"status\":\"loading\"}\n"), COUNTED),
    row(
        "a chunk without choices first",
        &[Chat],
        Before("data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n"),
        COUNTED,
    ),
    row("no content at first", &[Chat], Replace(&[("\"content\":\"\"", "\"content\":null")]), COUNTED),
    row("pings and unknown events", EVENTS, Noise, COUNTED),
    row("no [DONE]", &[Chat], Without("[DONE]"), COUNTED),
    row("no message_stop", &[Anthropic], Without("message_stop"), COUNTED),
    row("[DONE] for message_stop", &[Anthropic], Replace(&[("{\"type\":\"message_stop\"}", "[DONE]")]), COUNTED),
    row("[DONE] behind the end", &[Anthropic, Responses], Behind("data: [DONE]\n\n"), COUNTED),
    row("items that are not announced", &[Responses], Without("output_item.added"), COUNTED),
    row("stop beside a call", &[Chat], Replace(&[("\"tool_calls\",\"index", "\"stop\",\"index")]), COUNTED),
    row(
        "no reason to stop",
        &[Chat],
        Replace(&[("\"finish_reason\":\"tool_calls\"", "\"finish_reason\":null"), ("\"finish_reason\":\"stop\",", "")]),
        COUNTED,
    ),
    row("gzip", ALL, Gzip, COUNTED),
    row("a stream that is called JSON", ALL, Type("application/json"), COUNTED),
    row("a stream that is called text", ALL, Type("text/plain"), COUNTED),
    row("a stream that is not called anything", ALL, Type(""), COUNTED),
];

impl Change {
    /// The changed answer; `None`: it has nothing that could be changed.
    fn of(&self, script: Script) -> Option<Script> {
        let edited = |edit: &dyn Fn(&str) -> String| {
            let whole = text_of(&script);
            let edited = edit(&whole);
            (edited != whole).then(|| with_body(&script, edited.as_bytes()))
        };
        match self {
            Replace(pairs) => {
                edited(&|text| pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)))
            }
            Without(word) => {
                edited(&|text| text.split_inclusive("\n\n").filter(|event| !event.contains(word)).collect::<String>())
            }
            Before(words) => edited(&|text| format!("{words}{text}")),
            Behind(words) => edited(&|text| format!("{text}{words}")),
            Pieces(size) => Some(script.in_pieces_of(*size)),
            Type(kind) => Some(script.header("content-type", kind)),
            Gzip => Some(zipped(&script)),
            Crlf => Some(script.with_crlf()),
            Noise => Some(script.with_noise()),
        }
    }
}

fn text_of(script: &Script) -> String {
    let bytes = |step: &Step| if let Step::Bytes(bytes) = step { bytes.clone() } else { Vec::new() };
    String::from_utf8(script.steps.iter().flat_map(bytes).collect()).expect("UTF-8")
}

fn with_body(script: &Script, body: &[u8]) -> Script {
    Script { headers: script.headers.clone(), ..Script::raw("", body) }
}

fn zipped(script: &Script) -> Script {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text_of(script).as_bytes()).expect("into memory");
    with_body(script, &encoder.finish().expect("into memory")).header("content-encoding", "gzip")
}

#[test]
fn are_answers_all_the_same() {
    for row in ROWS {
        let mut tried = 0;
        for wire in row.on {
            let said = row.change.of(wire.text(&["Hel", "lo, ", "世界"]));
            let called = row.change.of(wire.call("current_time", r#"{"zone":"UTC"}"#));
            let call = "call current_time {\"zone\":\"UTC\"}";
            for (script, expected, reason) in [
                (said, &["text Hello, 世界"][..], StopReason::EndTurn),
                (called, &["text Let me look.", call][..], StopReason::ToolUse),
            ] {
                let Some(script) = script else { continue };
                let answer = check(*wire, row.what, script, expected, reason);
                assert!(row.output.is_none_or(|output| output == answer.usage.output), "{}: {answer:?}", row.what);
                tried += 1;
            }
        }
        assert!(tried >= row.on.len(), "{} changes nothing", row.what);
    }
}

#[test]
fn emoji_that_are_cut_in_half_become_whole_or_a_sign() {
    let rows: &[(&str, Pairs, &str)] = &[
        ("two halves", &[("uno", "uno\\ud83d"), ("due", "\\ude00due")], "uno😀due"),
        ("the second half is lost", &[("uno", "uno\\ud83d")], "uno\u{fffd}due"),
        ("the first half is lost", &[("due", "\\ude00due")], "uno\u{fffd}due"),
    ];
    for (what, pairs, expected) in rows {
        for wire in Wire::ALL {
            let whole = text_of(&wire.text(&["uno", "due"]));
            let halved = pairs.iter().fold(whole, |text, (from, to)| text.replace(from, to));
            let script = with_body(&wire.text(&["uno", "due"]), halved.as_bytes());
            check(wire, what, script, &[&format!("text {expected}")], StopReason::EndTurn);
        }
    }
}

#[test]
fn words_of_a_block_that_was_not_opened_are_words() {
    let script = Without("content_block_start").of(Anthropic.text(&["Hel", "lo"])).expect("a change");
    check(Anthropic, "no content_block_start", script, &["text Hello"], StopReason::EndTurn);
}
