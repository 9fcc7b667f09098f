//! Writes the demo's answer: the events Anthropic would send, word by word, in chunks that are flushed one by one.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::question::{Question, TOOL, Tool};
use super::{MODEL, text};
use crate::domain::id::{hex, random_bytes};

/// Between two words.
const PACE: Duration = Duration::from_millis(15);
const LONG_PACE: Duration = Duration::from_millis(3);
const SLOW_PACE: Duration = Duration::from_millis(150);
/// After so long an answer comes to its end, whatever it was to be.
const LONGEST: Duration = Duration::from_secs(60);
/// Words before an answer that is to break off does so.
const WORDS_BEFORE_ERROR: usize = 25;

/// Writes the whole response. Errors: the client is gone, or we are stopping.
pub(super) fn write(out: impl Write, question: &Question, stopping: &AtomicBool) -> io::Result<()> {
    let pace = match question {
        Question { slow: true, .. } => SLOW_PACE,
        Question { long: true, .. } => LONG_PACE,
        _ => PACE,
    };
    let mut reply = Reply { out, stopping, pace, until: Instant::now() + LONGEST, chars: 0, index: 0 };
    reply.head()?;
    let usage = json!({"input_tokens": question.input_tokens, "output_tokens": 1});
    let message = json!({"id": id("msg"), "type": "message", "role": "assistant", "model": MODEL, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage});
    reply.event("message_start", json!({"message": message}))?;
    if question.think && !matches!(question.tool, Tool::Used(_)) {
        reply.thinking(text::thinking(question.is_chinese))?;
    }
    let stop_reason = if question.tool == Tool::Use {
        reply.text(text::before_tool(question.is_chinese), usize::MAX)?;
        reply.tool()?;
        "tool_use"
    } else if question.error {
        reply.text(&text::answer(question), WORDS_BEFORE_ERROR)?;
        let error = json!({"type": "overloaded_error", "message": "Overloaded (as asked for)"});
        reply.event("error", json!({"error": error}))?;
        return reply.end();
    } else {
        reply.text(&text::answer(question), usize::MAX)?;
        "end_turn"
    };
    let usage = json!({"output_tokens": reply.chars / 4 + 1});
    reply.event(
        "message_delta",
        json!({"delta": {"stop_reason": stop_reason, "stop_sequence": null}, "usage": usage}),
    )?;
    reply.event("message_stop", json!({}))?;
    reply.end()
}

struct Reply<'a, W> {
    out: W,
    stopping: &'a AtomicBool,
    pace: Duration,
    until: Instant,
    /// Characters written, for the usage.
    chars: usize,
    /// The number of the block that comes next.
    index: usize,
}

impl<W: Write> Reply<'_, W> {
    fn head(&mut self) -> io::Result<()> {
        let request_id = id("req");
        write!(
            self.out,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n\
             request-id: {request_id}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        )?;
        self.out.flush()
    }

    /// One event is one chunk. A client that has gone shows here as an error, at the next word at the latest.
    fn event(&mut self, kind: &str, mut data: Value) -> io::Result<()> {
        data["type"] = kind.into();
        let event = format!("event: {kind}\ndata: {data}\n\n");
        write!(self.out, "{:x}\r\n{event}\r\n", event.len())?;
        self.out.flush()
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"0\r\n\r\n")?;
        self.out.flush()
    }

    fn block(&mut self, start: Value, inside: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let index = self.index;
        self.event("content_block_start", json!({"index": index, "content_block": start}))?;
        inside(self)?;
        self.event("content_block_stop", json!({"index": index}))?;
        self.index += 1;
        Ok(())
    }

    fn delta(&mut self, delta: Value) -> io::Result<()> {
        self.event("content_block_delta", json!({"index": self.index, "delta": delta}))
    }

    fn text(&mut self, text: &str, most: usize) -> io::Result<()> {
        self.block(json!({"type": "text", "text": ""}), |reply| {
            for word in words(text).take(most) {
                if reply.pause(word)? {
                    return reply.delta(json!({"type": "text_delta", "text": " …"}));
                }
                reply.delta(json!({"type": "text_delta", "text": word}))?;
            }
            Ok(())
        })
    }

    fn thinking(&mut self, text: &str) -> io::Result<()> {
        self.block(json!({"type": "thinking", "thinking": "", "signature": ""}), |reply| {
            for word in words(text) {
                reply.pause(word)?;
                reply.delta(json!({"type": "thinking_delta", "thinking": word}))?;
            }
            let signature = format!("demo-{}", hex(&random_bytes::<24>()));
            reply.delta(json!({"type": "signature_delta", "signature": signature}))
        })
    }

    fn tool(&mut self) -> io::Result<()> {
        self.block(json!({"type": "tool_use", "id": id("toolu"), "name": TOOL, "input": {}}), |reply| {
            for piece in ["{", "}"] {
                reply.pause(piece)?;
                reply.delta(json!({"type": "input_json_delta", "partial_json": piece}))?;
            }
            Ok(())
        })
    }

    /// Waits as long as a word takes. Says whether it is time to come to an end.
    fn pause(&mut self, word: &str) -> io::Result<bool> {
        self.chars += word.chars().count();
        thread::sleep(self.pace);
        if self.stopping.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(Instant::now() > self.until)
    }
}

/// Pieces of about a word: up to a blank, or two Chinese characters.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut wide = 0;
        let end = rest.char_indices().find_map(|(at, c)| {
            wide += usize::from(c.len_utf8() > 2);
            (c.is_whitespace() || wide == 2).then_some(at + c.len_utf8())
        });
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

fn id(kind: &str) -> String {
    format!("{kind}_demo_{}", hex(&random_bytes::<8>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_small_and_lose_nothing() {
        let check = |text: &str, expected: &[&str]| assert_eq!(words(text).collect::<Vec<_>>(), expected);
        check("", &[]);
        check("one two\n\nthree", &["one ", "two\n", "\n", "three"]);
        check("你好世界a", &["你好", "世界", "a"]);
        check("a你好", &["a你好"]);
    }
}
