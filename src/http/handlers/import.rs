//! Conversations from a file. The answer begins when the file is here and known to be an export, and is whole when it is
//! stored: a large one takes minutes, in which a proxy wants to see something.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::domain::user::Caller;
use crate::http::context::Context;
use crate::http::wire::body::{Receiver, Sink};
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::multipart::{Form, Piece};
use crate::http::wire::request::Request;
use crate::http::wire::response::{JSON, Response};
use crate::service::transfer::{Report, Spool};
use crate::service::{Services, Stopwatch};

/// How often something is sent while it takes.
const SIGN_EVERY: Duration = Duration::from_secs(1);

struct Incoming {
    form: Option<Form>,
    spool: Spool,
    services: Arc<Services>,
    caller: Caller,
    with_progress: bool,
}

/// Before the report, a line each.
#[derive(Serialize)]
struct ProgressView {
    progress: Counts,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    imported: u64,
    messages: u64,
    files: u64,
    already_here: u64,
    skipped: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportView<'a> {
    origin: Option<&'a str>,
    #[serde(flatten)]
    counts: Counts,
    kept_as_text: u64,
    texts_cut: u64,
    files_missing: u64,
    skips: Vec<SkipView<'a>>,
    stopped: Option<StoppedView<'a>>,
}

#[derive(Serialize)]
struct SkipView<'a> {
    name: &'a str,
    reason: &'static str,
}

#[derive(Serialize)]
struct StoppedView<'a> {
    error: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// `POST /api/import`, a form with one file in it or the bytes themselves; `?progress=1` for lines that say how far it is.
pub(crate) fn receive(context: &Context, caller: &Caller, req: &Request) -> HandlerResult<Box<dyn Receiver>> {
    let form = Form::of(req.headers.get("content-type").unwrap_or_default())?;
    let spool = context.services.transfer.receive(caller)?;
    let with_progress = req.query_value("progress").is_some_and(|value| value != "0");
    Ok(Box::new(Incoming { form, spool, services: context.services.clone(), caller: caller.clone(), with_progress }))
}

impl Sink for Incoming {
    fn take(&mut self, bytes: &[u8]) -> HandlerResult<()> {
        let Self { form, spool, .. } = self;
        let Some(form) = form else { return Ok(spool.write(bytes)?) };
        form.take(bytes, &mut |piece| match piece {
            Piece::File(_) => Ok(()),
            Piece::Content(bytes) => Ok(spool.write(bytes)?),
        })
    }
}

impl Receiver for Incoming {
    fn finish(self: Box<Self>) -> HandlerResult<Response> {
        self.form.as_ref().map_or(Ok(()), Form::end)?;
        let Self { spool, services, caller, with_progress, .. } = *self;
        let received = spool.finish()?;
        let produce = move |out: &mut dyn Write| {
            let mut watch = Stopwatch::start();
            let mut last = Instant::now();
            let report = received.run(&mut |report| {
                services.cpu.pace(&caller, &mut watch);
                if last.elapsed() >= SIGN_EVERY {
                    last = Instant::now();
                    // A client that went away does not end it: what was sent is here.
                    let _ = sign(report, with_progress, out);
                }
            });
            services.cpu.charge(&caller, &watch);
            if report.imported > 0 {
                services.hub.tell_of_many(&caller.user.id);
            }
            if let Some(error) = &report.stopped {
                log::warn!(target: "import", "stopped user={}: {}", caller.user.id, error.with_cause());
            }
            write_line(&ReportView::from(&report), out)
        };
        let content_type = if with_progress { "application/x-ndjson" } else { JSON };
        Ok(Response::streamed(content_type, Box::new(produce)))
    }
}

/// White space in front of JSON means nothing.
fn sign(report: &Report, with_progress: bool, out: &mut dyn Write) -> io::Result<()> {
    if with_progress {
        write_line(&ProgressView { progress: Counts::from(report) }, out)?;
    } else {
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn write_line(view: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, view)?;
    out.write_all(b"\n")
}

impl From<&Report> for Counts {
    fn from(report: &Report) -> Self {
        let Report { imported, messages, files, already_here, skipped, .. } = *report;
        Self { imported, messages, files, already_here, skipped }
    }
}

impl<'a> From<&'a Report> for ReportView<'a> {
    fn from(report: &'a Report) -> Self {
        let skip =
            |skip: &'a crate::service::transfer::Skip| SkipView { name: &skip.name, reason: skip.reason.as_str() };
        Self {
            origin: report.origin,
            counts: report.into(),
            kept_as_text: report.changed.as_text,
            texts_cut: report.changed.cut,
            files_missing: report.changed.files_missing,
            skips: report.skips.iter().map(skip).collect(),
            stopped: report.stopped.as_ref().map(|error| StoppedView {
                error: &error.message,
                code: error.code.as_str(),
                hint: error.hint.as_deref(),
            }),
        }
    }
}
