//! Backups. Making and verifying one takes as long as it takes: both are begun here, answered with 202, and shown as
//! `operation` by the list.

use serde::Serialize;

use crate::domain::Error;
use crate::domain::user::{Actor, Admin};
use crate::http::context::Context;
use crate::http::wire::failure::HandlerResult;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::service::operations::{BackupFile, Operation};

use super::{PER_PAGE, cursor, limit};

#[derive(Serialize)]
struct ListView<'a> {
    backups: Vec<BackupView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
    operation: Option<OperationView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BackupView<'a> {
    name: &'a str,
    bytes: u64,
    made_at: i64,
    encrypted: bool,
}

#[derive(Serialize)]
struct BegunView {
    operation: OperationView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationView {
    kind: &'static str,
    /// running, done or failed.
    state: &'static str,
    backup: Option<String>,
    started_at: i64,
    ended_at: Option<i64>,
    step: &'static str,
    done_bytes: u64,
    total_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorView>,
}

#[derive(Serialize)]
struct ErrorView {
    error: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl<'a> From<&'a BackupFile> for BackupView<'a> {
    fn from(file: &'a BackupFile) -> Self {
        Self { name: &file.name, bytes: file.bytes, made_at: file.made_at, encrypted: file.is_encrypted }
    }
}

impl From<Operation> for OperationView {
    fn from(operation: Operation) -> Self {
        let (state, summary, error) = match operation.outcome {
            None => ("running", None, None),
            Some(Ok(sentence)) => ("done", Some(sentence), None),
            Some(Err(failed)) => {
                ("failed", None, Some(ErrorView { error: failed.message, code: failed.code, hint: failed.hint }))
            }
        };
        Self {
            kind: operation.kind.as_str(),
            state,
            backup: operation.backup,
            started_at: operation.started_at,
            ended_at: operation.ended_at,
            step: operation.step,
            done_bytes: operation.done,
            total_bytes: operation.total,
            summary,
            error,
        }
    }
}

pub(crate) fn list(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let (limit, operations) = (limit(req, PER_PAGE)?, &context.services.operations);
    let files = operations.backups(Actor::Admin(admin))?;
    let first = match cursor(req) {
        None => 0,
        Some(name) => {
            let last = files.iter().position(|file| file.name == name);
            last.ok_or_else(|| Error::invalid("invalid_cursor", "cursor must be what the last page ended with"))? + 1
        }
    };
    let page = &files[first..files.len().min(first + limit)];
    let is_last = first + page.len() == files.len();
    let view = ListView {
        backups: page.iter().map(BackupView::from).collect(),
        cursor: page.last().filter(|_| !is_last).map(|last| &*last.name),
        operation: operations.current(Actor::Admin(admin)).map(OperationView::from),
    };
    Ok(Response::json(200, &view))
}

pub(crate) fn make(context: &Context, admin: &Admin, _req: &Request) -> HandlerResult {
    let operation = context.services.operations.make_backup(Actor::Admin(admin))?.into();
    Ok(Response::json(202, &BegunView { operation }))
}

pub(crate) fn verify(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let operation = context.services.operations.verify_backup(Actor::Admin(admin), req.param("name")?)?.into();
    Ok(Response::json(202, &BegunView { operation }))
}

pub(crate) fn download(context: &Context, admin: &Admin, req: &Request) -> HandlerResult {
    let name = req.param("name")?;
    let (file, bytes) = context.services.operations.open_backup(Actor::Admin(admin), name)?;
    Ok(Response::download("application/octet-stream", name, file, bytes))
}
