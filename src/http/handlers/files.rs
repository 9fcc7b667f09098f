//! Files that people give to messages, and those of their agents: up, down, and away again.

use serde::Serialize;

use crate::domain::attachment::Attachment;
use crate::domain::id::{ConversationId, FileId};
use crate::domain::media::Media;
use crate::domain::user::Caller;
use crate::domain::{Code, Error};
use crate::http::context::Context;
use crate::http::wire::body::{Receiver, Sink};
use crate::http::wire::content_disposition;
use crate::http::wire::failure::{Failure, HandlerResult};
use crate::http::wire::multipart::{Form, Piece};
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::agent_files::{Listed, Sort, WorkdirUpload};
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

/// Something in a work directory.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryView {
    path: String,
    #[serde(rename = "type")]
    sort: &'static str,
    size: u64,
    modified_at: i64,
}

#[derive(Serialize)]
struct WorkdirView {
    files: Vec<EntryView>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
    bytes: u64,
}

/// A file on its way in: a form with one file in it, or the bytes themselves.
struct Incoming {
    form: Option<Form>,
    target: Target,
}

enum Target {
    Message(Upload),
    Workdir(WorkdirUpload),
}

/// `POST /api/files`; with `imageId` and `path` into a work directory.
pub(crate) fn receive(context: &Context, caller: &Caller, req: &Request) -> HandlerResult<Box<dyn Receiver>> {
    let form = Form::of(req.headers.get("content-type").unwrap_or_default())?;
    let target = match conversation(req) {
        Some(id) => Target::Workdir(context.services.agent_files.upload(caller, &id, &path(req)?)?),
        None => {
            let mut upload = context.services.files.upload(caller)?;
            upload.set_name(&req.query_value("name").unwrap_or_default());
            Target::Message(upload)
        }
    };
    Ok(Box::new(Incoming { form, target }))
}

impl Sink for Incoming {
    fn take(&mut self, bytes: &[u8]) -> HandlerResult<()> {
        let Self { form, target } = self;
        let Some(form) = form else { return target.write(bytes) };
        form.take(bytes, &mut |piece| match piece {
            Piece::File(name) => {
                target.set_name(&name);
                Ok(())
            }
            Piece::Content(bytes) => target.write(bytes),
        })
    }
}

impl Receiver for Incoming {
    fn finish(self: Box<Self>) -> HandlerResult<Response> {
        self.form.as_ref().map_or(Ok(()), Form::end)?;
        let upload = match self.target {
            Target::Message(upload) => upload,
            Target::Workdir(upload) => return Ok(Response::json(201, &EntryView::of(upload.finish()?))),
        };
        let file = upload.finish().map_err(|error| match error.code {
            Code::UNSUPPORTED_FILE => Failure::unsupported(error),
            _ => error.into(),
        })?;
        let Attachment { id, name, media, size } = &file;
        let view = FileView { file_id: id.as_str(), name, media_type: media.as_str(), size: *size };
        Ok(Response::json(201, &view))
    }
}

impl Target {
    fn write(&mut self, bytes: &[u8]) -> HandlerResult<()> {
        match self {
            Self::Message(upload) => Ok(upload.write(bytes)?),
            Self::Workdir(upload) => Ok(upload.write(bytes)?),
        }
    }

    /// A file in a work directory is called as its path says.
    fn set_name(&mut self, name: &str) {
        if let Self::Message(upload) = self {
            upload.set_name(name);
        }
    }
}

impl EntryView {
    fn of(listed: Listed) -> Self {
        let sort = match listed.sort {
            Sort::File => "file",
            Sort::Directory => "directory",
            Sort::Other => "other",
        };
        Self { path: listed.path, sort, size: listed.size, modified_at: listed.modified }
    }
}

/// `GET /api/files?imageId=` lists what a conversation's agent has; with `path` it is one of these files.
pub(crate) fn workdir(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let files = &context.services.agent_files;
    let id = conversation(req).ok_or_else(no_conversation)?;
    if req.query_value("path").is_none() {
        let list = files.list(caller, &id)?;
        let entries = list.entries.into_iter().map(EntryView::of).collect();
        return Ok(Response::json(200, &WorkdirView { files: entries, more: list.more, bytes: list.bytes }));
    }
    let (content, media, listed) = files.open(caller, &id, &path(req)?)?;
    let name = listed.path.rsplit('/').next().unwrap_or_default();
    Ok(as_private(Response::private_file(content_type(media), content, listed.size, POLICY))
        .header("Content-Disposition", content_disposition::named(disposition(media), name)))
}

/// `DELETE /api/files?imageId=&path=`
pub(crate) fn delete_in_workdir(context: &Context, caller: &Caller, req: &Request) -> HandlerResult {
    let id = conversation(req).ok_or_else(no_conversation)?;
    context.services.agent_files.delete(caller, &id, &path(req)?)?;
    Ok(Response::json(200, &serde_json::json!({"success": true})))
}

fn conversation(req: &Request) -> Option<ConversationId> {
    req.query_value("imageId").map(|id| ConversationId::from_outside(&id))
}

fn no_conversation() -> Error {
    Error::invalid("missing_parameter", "Name a conversation: ?imageId=")
}

fn path(req: &Request) -> HandlerResult<String> {
    let missing = || Error::invalid("missing_parameter", "Name a file of the conversation: &path=");
    Ok(req.query_value("path").or_else(|| req.query_value("name")).ok_or_else(missing)?)
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
