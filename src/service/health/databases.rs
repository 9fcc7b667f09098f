//! Whether both databases answer a question.

use crate::domain::Kind;
use crate::domain::finding::Finding;
use crate::store::Store;

pub(super) fn checks(store: &Store) -> Vec<Finding> {
    store
        .ping()
        .into_iter()
        .map(|(name, answer)| match answer {
            Ok(()) => Finding::pass(name, format!("{name} answers")),
            Err(error) => {
                // What is wrong with a file or its disk was said when it began.
                if error.kind == Kind::Internal {
                    log::error!(target: "health", "{name} does not answer: {}", error.with_cause());
                }
                Finding::fail(name, error.message.into_owned())
            }
        })
        .collect()
}
