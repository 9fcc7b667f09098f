//! The models that a person may choose.

use serde::Serialize;

use crate::domain::Result;
use crate::service::models::Offer;
use crate::ws::dispatcher::{Dispatcher, Handled};
use crate::ws::protocol::Request;

impl Dispatcher {
    pub(in crate::ws) fn models(&self, request: &Request<'_>) -> Result<Handled> {
        #[derive(Serialize)]
        struct ResponseData {
            models: Vec<Offer>,
        }
        let models = self.services.models.offers(&self.caller)?;
        Ok(Handled::Reply(request.reply.data(&ResponseData { models })))
    }
}
