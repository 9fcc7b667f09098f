//! Whether both databases answer a question.

use super::{Check, Status};
use crate::domain::Kind;
use crate::store::Store;

pub(super) fn checks(store: &Store) -> Vec<Check> {
    store
        .ping()
        .into_iter()
        .map(|(name, answer)| match answer {
            Ok(()) => Check::new(name, Status::Pass, format!("{name} answers")),
            Err(error) => {
                // What is wrong with a file or its disk was said when it began.
                if error.kind == Kind::Internal {
                    log::error!(target: "health", "{name} does not answer: {}", error.with_cause());
                }
                Check::new(name, Status::Fail, error.message.into_owned())
            }
        })
        .collect()
}
