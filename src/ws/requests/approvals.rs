//! Answers to questions whether a tool may be called.

use serde::{Deserialize, Serialize};

use crate::domain::tool::Decision;
use crate::domain::{Error, Result};
use crate::ws::dispatcher::{Dispatcher, Handled};
use crate::ws::protocol::Request;

impl Dispatcher {
    pub(in crate::ws) fn answer_approval(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            approval_id: String,
            decision: String,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ResponseData<'a> {
            approval_id: &'a str,
            decision: &'static str,
        }
        let data: Data = request.data()?;
        let decision = Decision::from_text(&data.decision)
            .ok_or_else(|| Error::invalid("invalid_data", "`decision` must be once, conversation, always or deny"))?;
        self.services.approvals.answer(&self.caller, &data.approval_id, decision)?;
        let answer = ResponseData { approval_id: &data.approval_id, decision: decision.as_str() };
        Ok(Handled::Reply(request.reply.data(&answer)))
    }
}
