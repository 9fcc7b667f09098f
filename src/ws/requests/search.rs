//! `search_request`: a person's words, found again.

use serde::{Deserialize, Serialize};

use crate::domain::Result;
use crate::service::search::Hit;
use crate::ws::dispatcher::{Dispatcher, Handled};
use crate::ws::protocol::Request;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HitView<'a> {
    image_id: &'a str,
    name: &'a str,
    message_id: &'a str,
    turn_id: Option<&'a str>,
    role: &'a str,
    timestamp: i64,
    snippet: Vec<PieceView<'a>>,
}

#[derive(Serialize)]
struct PieceView<'a> {
    text: &'a str,
    #[serde(rename = "match")]
    is_match: bool,
}

impl<'a> HitView<'a> {
    fn of(hit: &'a Hit) -> Self {
        let piece = |(text, is_match): &'a (String, bool)| PieceView { text, is_match: *is_match };
        Self {
            image_id: &hit.message.conversation_id,
            name: &hit.message.conversation_name,
            message_id: &hit.message.id,
            turn_id: hit.message.turn_id.as_deref(),
            role: &hit.message.role,
            timestamp: hit.message.timestamp,
            snippet: hit.snippet.iter().map(piece).collect(),
        }
    }
}

impl Dispatcher {
    pub(in crate::ws) fn search(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        struct Data {
            query: String,
            limit: Option<usize>,
            cursor: Option<String>,
        }
        #[derive(Serialize)]
        struct ResponseData<'a> {
            hits: Vec<HitView<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            cursor: Option<String>,
            /// Not everything is in the index yet.
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            indexing: bool,
        }
        let data: Data = request.data()?;
        let page = self.services.search.find(&self.caller, &data.query, data.limit, data.cursor.as_deref())?;
        Ok(Handled::Reply(request.reply.data(&ResponseData {
            hits: page.found.hits.iter().map(HitView::of).collect(),
            cursor: page.found.next.map(|next| next.to_string()),
            indexing: page.is_indexing,
        })))
    }
}
