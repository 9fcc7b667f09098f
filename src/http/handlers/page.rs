//! The page's own files.

use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;

pub(crate) fn serve(context: &Context, req: &Request) -> HandlerResult {
    context.assets.answer(req)
}
