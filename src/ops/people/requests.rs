//! What a person's requests to models used and cost, for their export: the rows of the ledger.

use std::io::Write;

use serde_json::json;

use crate::domain::id::UserId;
use crate::service::transfer::Halt;
use crate::store::Store;

/// Rows that are held at once.
const PAGE: usize = 1000;

/// Writes them as a list in JSON, oldest first.
pub(super) fn write(store: &Store, user: &UserId, out: &mut dyn Write) -> Result<(), Halt> {
    let (mut after, mut separator) = (0, "[\n");
    loop {
        let page = store.requests_of(user, after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = last.row;
        for request in &page {
            let tokens = &request.tokens;
            let line = json!({
                "at": request.at, "turnId": request.turn.as_ref().map(|turn| turn.as_str()),
                "provider": request.provider, "model": request.model, "outcome": request.outcome,
                "inputTokens": tokens.input, "outputTokens": tokens.output,
                "cacheReadInputTokens": tokens.cache_read, "cacheCreationInputTokens": tokens.cache_creation,
                "costMicros": request.cost, "isEstimated": request.is_estimated,
            });
            write!(out, "{separator}{line}")?;
            separator = ",\n";
        }
    }
    let end = if after == 0 { "[]\n" } else { "\n]\n" };
    Ok(out.write_all(end.as_bytes())?)
}
