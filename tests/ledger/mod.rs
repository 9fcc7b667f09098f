//! What models cost: the ledger, prices, views of usage and budgets, through the program.

mod budgets;
mod many;
mod requests;

use serde_json::Value;

use crate::support::chat::Chat;
use crate::support::people::sql;

/// Of every answer of the scripted upstream that came whole: in, written to and read from the cache, out.
const WHOLE: u64 = 11 + 5 + 7 + 23;
/// Of one that was cut off after its first short word.
const CUT: u64 = 11 + 5 + 7 + 1;
/// What a whole answer costs with claude-sonnet-5-5: 11 × 2 + 5 × 2.5 + 7 × 0.1 + 23 × 10 millionths, rounded up.
const COST: u64 = 266;

fn usage(chat: &Chat, token: &str, query: &str) -> Value {
    let answer = chat.server.http().get(&format!("/api/usage{query}"), Some(token));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// How requests ended, in the order in which they were sent.
fn outcomes(chat: &Chat) -> Vec<String> {
    sql(&chat.server, "SELECT outcome FROM ledger ORDER BY requestId").lines().map(str::to_owned).collect()
}

fn tokens(sums: &Value) -> u64 {
    let fields = ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens"];
    fields.iter().map(|field| sums[field].as_u64().unwrap()).sum()
}
