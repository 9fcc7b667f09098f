//! Files that people give to messages: up, down, and away again.

use serde::Serialize;

use crate::domain::Code;
use crate::domain::attachment::Attachment;
use crate::domain::id::FileId;
use crate::domain::media::Media;
use crate::domain::user::Caller;
use crate::http::context::Context;
use crate::http::router::Receiver;
use crate::http::wire::body::Sink;
use crate::http::wire::content_disposition;
use crate::http::wire::failure::{Failure, HandlerResult};
use crate::http::wire::multipart::{Form, Piece};
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::files::Upload;

/// Nothing that a browser shows of a file may load or run anything.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileView<'a> {
    file_id: &'a str,
    name: &'a str,
    media_type: &'static str,
    size: u64,
}

/// A file on its way in: a form with one file in it, or the bytes themselves.
struct Incoming {
    form: Option<Form>,
    upload: Upload,
}

/// `POST /api/files`
pub(crate) fn receive(context: &Context, caller: &Caller, req: &Request) -> HandlerResult<Box<dyn Receiver>> {
    let form = Form::of(req.headers.get("content-type").unwrap_or_default())?;
    let mut upload = context.services.files.upload(caller)?;
    upload.set_name(&req.query_value("name").unwrap_or_default());
    Ok(Box::new(Incoming { form, upload }))
}

impl Sink for Incoming {
    fn take(&mut self, bytes: &[u8]) -> HandlerResult<()> {
        let Some(form) = &mut self.form else { return Ok(self.upload.write(bytes)?) };
        form.take(bytes, &mut |piece| {
            match piece {
                Piece::File(name) => self.upload.set_name(&name),
                Piece::Content(bytes) => self.upload.write(bytes)?,
            }
            Ok(())
        })
    }
}

impl Receiver for Incoming {
    fn finish(self: Box<Self>) -> HandlerResult<Response> {
        self.form.as_ref().map_or(Ok(()), Form::end)?;
        let file = self.upload.finish().map_err(|error| match error.code {
            Code::UNSUPPORTED_FILE => Failure::unsupported(error),
            _ => error.into(),
        })?;
        let Attachment { id, name, media, size } = &file;
        let view = FileView { file_id: id.as_str(), name, media_type: media.as_str(), size: *size };
        Ok(Response::json(201, &view))
    }
}

/// `GET /api/files/:fileId`
pub(crate) fn download(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let id = FileId::from_outside(req.param("fileId")?);
    let (stored, content) = context.services.files.open(caller, &id)?;
    let tag = format!("\"{}\"", stored.digest);
    if req.headers.get("if-none-match").is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return Ok(as_private(Response::not_modified("private, no-cache")).header("ETag", tag));
    }
    let Attachment { name, media, size, .. } = &stored.file;
    Ok(as_private(Response::private_file(content_type(*media), content, *size, POLICY))
        .header("ETag", tag)
        .header("Content-Disposition", content_disposition::named(disposition(*media), name)))
}

/// `DELETE /api/files/:fileId`
pub(crate) fn delete(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    context.services.files.delete(caller, &FileId::from_outside(req.param("fileId")?))?;
    Ok(Response::json(200, &serde_json::json!({"success": true})))
}

/// Another page cannot show it, and another login on the same browser asks again.
fn as_private(response: Response) -> Response {
    response.header("Vary", "Authorization").header("Cross-Origin-Resource-Policy", "same-origin")
}

fn content_type(media: Media) -> &'static str {
    if media == Media::Text { "text/plain; charset=utf-8" } else { media.as_str() }
}

fn disposition(media: Media) -> &'static str {
    if media.is_picture() { "inline" } else { "attachment" }
}
